/** Rights by which a subject gets more than it was given (Kubernetes' RBAC good practices, and the authorizer's and kubelet's source). */
import type { PolicyRule } from '../model/index.ts'
import { isNamed, overlap, type Rights } from './rbac-rules.ts'

interface Primitive {
  readonly id: string
  /** Completes "it can …". */
  readonly gains: string
  /** Only a grant for the whole cluster has this effect. */
  readonly clusterOnly?: true
  /** Harmless where the rule names the objects. */
  readonly anyName?: true
  /** All of these, from whichever rules. */
  readonly needs: readonly Rights[]
}

const WRITE = ['create', 'update', 'patch']
const CHANGE = ['update', 'patch']
const RBAC = ['rbac.authorization.k8s.io']
const ADMISSION = ['admissionregistration.k8s.io']
const right = (verbs: readonly string[], groups: readonly string[], ...resources: string[]): Rights => ({ verbs, groups, resources })

const PRIMITIVES: readonly Primitive[] = [
  {
    id: 'E02',
    gains: 'write roles with rights it does not hold',
    needs: [right(['escalate'], RBAC, 'roles', 'clusterroles')],
    anyName: true,
  },
  { id: 'E03', gains: 'bind stronger roles', needs: [right(['bind'], RBAC, 'roles', 'clusterroles')] },
  {
    id: 'E05',
    gains: 'act as another user, group or service account',
    needs: [right(['impersonate'], [''], 'users', 'groups', 'serviceaccounts')],
    anyName: true,
  },
  {
    id: 'E06',
    gains: 'act as another identity',
    needs: [
      right(
        ['impersonate:user-info', 'impersonate:serviceaccount', 'impersonate:arbitrary-node', 'impersonate:associated-node'],
        ['authentication.k8s.io'],
        'users',
        'groups',
        'serviceaccounts',
        'nodes',
      ),
    ],
    anyName: true,
  },
  { id: 'E07', gains: 'read Secrets', needs: [right(['get', 'list', 'watch'], [''], 'secrets')], anyName: true },
  { id: 'E08', gains: 'have a token written into a Secret', needs: [right(WRITE, [''], 'secrets')], anyName: true },
  { id: 'E09', gains: 'ask for tokens of service accounts', needs: [right(['create'], [''], 'serviceaccounts/token')], anyName: true },
  { id: 'E10', gains: 'run pods as any service account', needs: [right(['create'], [''], 'pods')] },
  {
    id: 'E11',
    gains: 'run pods through a controller',
    needs: [
      right(WRITE, ['', 'apps', 'batch'], 'deployments', 'daemonsets', 'statefulsets', 'replicasets', 'replicationcontrollers', 'cronjobs'),
    ],
    anyName: true,
  },
  // The template of a Job cannot be changed.
  { id: 'E11', gains: 'run pods through a controller', needs: [right(['create'], ['batch'], 'jobs')], anyName: true },
  { id: 'E12', gains: 'replace the image of a running pod', needs: [right(CHANGE, [''], 'pods')], anyName: true },
  { id: 'E13', gains: 'run commands in pods', needs: [right(['create'], [''], 'pods/exec', 'pods/attach')], anyName: true },
  { id: 'E14', gains: 'add containers to running pods', needs: [right(CHANGE, [''], 'pods/ephemeralcontainers')], anyName: true },
  {
    id: 'E16',
    gains: 'reach the kubelet and run commands in every pod of a node',
    needs: [right(['get', 'create', 'update', 'patch', 'delete'], [''], 'nodes/proxy')],
    clusterOnly: true,
  },
  { id: 'E18', gains: 'steer pods to a node', needs: [right(CHANGE, [''], 'nodes', 'nodes/status')], clusterOnly: true, anyName: true },
  {
    id: 'E20',
    gains: 'mount host paths through persistent volumes',
    needs: [right(WRITE, [''], 'persistentvolumes')],
    clusterOnly: true,
    anyName: true,
  },
  {
    id: 'E21',
    gains: 'issue itself client certificates',
    needs: [
      right(['create'], ['certificates.k8s.io'], 'certificatesigningrequests'),
      right(CHANGE, ['certificates.k8s.io'], 'certificatesigningrequests/approval'),
      right(['approve'], ['certificates.k8s.io'], 'signers'),
    ],
    clusterOnly: true,
  },
  {
    id: 'E23',
    gains: 'change every object that is written',
    needs: [right(WRITE, ADMISSION, 'mutatingwebhookconfigurations', 'mutatingadmissionpolicies', 'mutatingadmissionpolicybindings')],
    clusterOnly: true,
  },
  {
    id: 'E24',
    gains: 'read what is written, or switch admission policy off',
    needs: [
      right(
        [...WRITE, 'delete', 'deletecollection'],
        ADMISSION,
        'validatingwebhookconfigurations',
        'validatingadmissionpolicies',
        'validatingadmissionpolicybindings',
      ),
    ],
    clusterOnly: true,
  },
  { id: 'E25', gains: 'take over an API group', needs: [right(WRITE, ['apiregistration.k8s.io'], 'apiservices')], clusterOnly: true },
  {
    id: 'E26',
    gains: 'see and change objects through a conversion webhook',
    needs: [right(WRITE, ['apiextensions.k8s.io'], 'customresourcedefinitions')],
    clusterOnly: true,
  },
  { id: 'E27', gains: 'take Pod Security labels off a namespace', needs: [right(CHANGE, [''], 'namespaces')], anyName: true },
]

export interface Escalation {
  readonly id: string
  readonly gains: string
}

/** The primitives that these rules, granted together to one subject in one scope, amount to. */
export function escalationsOf(rules: readonly PolicyRule[], clusterWide: boolean): readonly Escalation[] {
  const found = PRIMITIVES.filter(
    ({ needs, clusterOnly, anyName }) =>
      (clusterWide || clusterOnly !== true) &&
      needs.every((rights) => rules.some((rule) => !(anyName && isNamed(rule)) && overlap(rule, rights) !== undefined)),
  )
  return found.filter(({ id }, at) => found.findIndex((other) => other.id === id) === at)
}

/** Is any part of this one of the rights that a step up is made of? */
export const isDelicate = (rule: PolicyRule): boolean =>
  PRIMITIVES.some(({ needs }) => needs.some((one) => overlap(rule, one) !== undefined))
