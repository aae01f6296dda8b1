/** Rights that are no step to another identity by themselves, but do harm or help along (controls.md 7(a), E15–E37): told, not judged. */
import type { PolicyRule } from '../model/index.ts'
import type { Escalation } from './rbac-escalations.ts'
import { overlap, type Rights, urlCovers } from './rbac-rules.ts'

interface Noted extends Escalation {
  /** One of these is enough. */
  readonly any: readonly Rights[]
  /** Of paths that are no API objects. */
  readonly url?: string
  readonly clusterOnly?: true
}
const right = (verbs: readonly string[], group: string, ...resources: string[]): Rights => ({ verbs, groups: [group], resources })
const WRITE = ['create', 'update', 'patch']
const CHANGE = ['update', 'patch']
const DELETE = ['delete', 'deletecollection']
const CSR = 'certificates.k8s.io'

const NOTED: readonly Noted[] = [
  {
    id: 'E15',
    gains: 'reach ports of pods and services past every network policy',
    any: [right(['create'], '', 'pods/portforward'), right(['get', 'create'], '', 'pods/proxy', 'services/proxy')],
  },
  { id: 'E17', gains: 'place pods on a node of its choice', any: [right(['create'], '', 'pods/binding', 'bindings')] },
  { id: 'E19', gains: 'add nodes, which need the certificate of a kubelet', any: [right(['create'], '', 'nodes')], clusterOnly: true },
  {
    id: 'E22',
    gains: 'put certificates and trust anchors where others take them from',
    any: [
      right(CHANGE, CSR, 'certificatesigningrequests/status', 'podcertificaterequests/status'),
      right(['sign', 'attest'], CSR, 'signers'),
      right(WRITE, CSR, 'clustertrustbundles'),
    ],
    clusterOnly: true,
  },
  { id: 'E28', gains: 'change service accounts: their pull secrets and their cloud roles', any: [right(WRITE, '', 'serviceaccounts')] },
  {
    id: 'E29',
    gains: 'change ConfigMaps: in kube-system those of DNS, the network and of who is who',
    any: [right(CHANGE, '', 'configmaps')],
  },
  {
    id: 'E30',
    gains: 'lead traffic elsewhere',
    any: [
      right(CHANGE, '', 'services', 'services/status', 'endpoints'),
      right(CHANGE, 'discovery.k8s.io', 'endpointslices'),
      right(CHANGE, 'networking.k8s.io', 'ingresses'),
      right(CHANGE, 'gateway.networking.k8s.io', 'gateways', 'httproutes'),
    ],
  },
  {
    id: 'E31',
    gains: 'remove protections, or traces',
    any: [
      right(DELETE, '', 'resourcequotas', 'events'),
      right(DELETE, 'networking.k8s.io', 'networkpolicies'),
      right(DELETE, 'events.k8s.io', 'events'),
    ],
  },
  {
    id: 'E32',
    gains: 'have operators act for it, with their rights',
    any: [
      right(WRITE, 'kustomize.toolkit.fluxcd.io', 'kustomizations'),
      right(WRITE, 'helm.toolkit.fluxcd.io', 'helmreleases'),
      right(WRITE, 'argoproj.io', 'applications', 'applicationsets', 'appprojects'),
      right(WRITE, 'apiextensions.crossplane.io', 'compositions'),
      right(WRITE, 'kubernetes.crossplane.io', 'objects'),
      right(WRITE, 'operators.coreos.com', 'subscriptions', 'clusterserviceversions'),
      right(WRITE, 'cert-manager.io', 'clusterissuers', 'issuers'),
      right(WRITE, 'external-secrets.io', 'externalsecrets', 'clustersecretstores', 'clusterexternalsecrets'),
      right(WRITE, 'kyverno.io', 'policies', 'clusterpolicies'),
      right(WRITE, 'secrets-store.csi.x-k8s.io', 'secretproviderclasses'),
    ],
  },
  {
    id: 'E33',
    gains: 'run pods under a laxer policy than others',
    any: [right(['use'], 'security.openshift.io', 'securitycontextconstraints'), right(['use'], 'policy', 'podsecuritypolicies')],
  },
  { id: 'E34', gains: 'read logs and profiles, which may hold credentials', any: [right(['get'], '', 'pods/log')], url: '/logs' },
  {
    id: 'E35',
    gains: 'ask what others may do, and whose a token is',
    any: [right(['create'], 'authentication.k8s.io', 'tokenreviews'), right(['create'], 'authorization.k8s.io', 'subjectaccessreviews')],
    clusterOnly: true,
  },
  {
    id: 'E36',
    gains: 'put its pods before those of others, or into another runtime',
    any: [right(['create'], 'scheduling.k8s.io', 'priorityclasses'), right(['create'], 'node.k8s.io', 'runtimeclasses')],
    clusterOnly: true,
  },
  {
    id: 'E37',
    gains: 'scale workloads, or report a state of theirs that is not so',
    any: [
      right(CHANGE, 'apps', 'deployments/scale', 'deployments/status', 'statefulsets/scale', 'statefulsets/status', 'daemonsets/status'),
    ],
  },
]

/** Of rules that are granted together in one scope. */
export function notedPowers(rules: readonly PolicyRule[], clusterWide: boolean): readonly Escalation[] {
  return NOTED.filter(
    ({ any, url, clusterOnly }) =>
      (clusterWide || !clusterOnly) &&
      rules.some(
        (rule) =>
          any.some((rights) => overlap(rule, rights) !== undefined) ||
          (clusterWide && url !== undefined && (rule.nonResourceURLs ?? []).some((one) => urlCovers(one, url))),
      ),
  ).map(({ id, gains }) => ({ id, gains }))
}
