/**
 * Serving certificates of kubelets, in the only order that keeps logs and exec working: every kubelet asks for one, each request is
 * approved and served, and only then the API servers verify them.
 */
import type { Change, ConfigMapObject, Finding, Json, Proposal, Readable, RemedyContext, View } from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { editsOfConfigMap } from '../src/objects/flag-edits.ts'
import { componentFlags } from '../src/objects/flags.ts'
import { CERTIFICATE_LADDER, givenCertificate, judgeGiven } from '../src/objects/kubelet-certificate.ts'
import { type KubeletInstance, kubelets } from '../src/objects/kubelet-config.ts'
import { kubeletFilesOn } from '../src/objects/kubelet-files.ts'
import { kubeletSetting } from '../src/objects/kubelet-settings.ts'
import { sameObject } from '../src/objects/ref.ts'
import { SERVING_GATE } from '../src/objects/serving-request.ts'
import { proposeFlags } from './apiserver-flag.ts'
import { KUBELET_READS, proposeKubelet } from './kubelet-config.ts'
import { onHost, wishedChange } from './kubelet-on-host.ts'
import { providerProposal } from './provider-command.ts'

type Context = Pick<RemedyContext, 'view' | 'options'>
export const SERVING_READS = [...new Set<Readable>([...KUBELET_READS, ...CERTIFICATE_LADDER])]
/** A kubelet whose gate was shut does not start with it (validation.go), so that goes with it. */
const ask = (instance: KubeletInstance | undefined): Readonly<Record<string, Json>> => ({
  serverTLSBootstrap: true,
  ...(instance !== undefined &&
    kubeletSetting(instance, ['featureGates', SERVING_GATE]).value === false && { [`featureGates.${SERVING_GATE}`]: true }),
})

const APPROVER =
  'certificates run out after a year, and nothing in Kubernetes approves the requests of kubelets: an approver must run (kubelet-csr-approver or the like), or somebody must approve every one with kubectl certificate approve before then, or logs, exec and metrics stop'
const MEANWHILE =
  'until its request is approved a kubelet serves nothing: logs, exec, port-forward and metrics of that node stop for some seconds'
const BY_HAND = [
  '`kubectl get csr`: for each of the signer kubernetes.io/kubelet-serving look whether the requestor is system:node:NODE and the names in it are those of that Node alone, then: `kubectl certificate approve NAME`',
  'install an approver for the next ones (kubelet-csr-approver or the like)',
]

/** For a finding about kubelets: they ask for their certificate, and each request is approved. */
export function proposeServing(finding: Finding<unknown>, context: Context): Proposal {
  const summary = 'ask the cluster for the serving certificate and renew it'
  const instance = kubelets(context.view).instances.find((one) => sameObject(one.subject, finding.subject))
  const steps = instance === undefined ? undefined : onNode(instance, context.view)
  if (context.view.source.kind === 'live' && steps !== undefined && !distribution(context.view).managed)
    return 'byHand' in steps
      ? steps
      : {
          changes: [...steps, ...wishedChange(ask(instance), context.view)],
          risk: 'may-break',
          summary,
          mayBreak: [RESTART, MEANWHILE, APPROVER],
        }
  return proposeKubelet({ set: ask(instance), summary, mayBreak: [MEANWHILE, APPROVER], verify: BY_HAND }, finding, context)
}
const RESTART = 'the kubelet must be restarted to take it up; pods go on running meanwhile'

/** What it takes on one node that is reached; the approval does nothing where the kubelet serves such a certificate already. */
function onNode(instance: KubeletInstance, view: View<Readable>): readonly Change[] | { readonly byHand: string } | undefined {
  const files = view.source.kind === 'live' ? kubeletFilesOn(view, instance.name) : undefined
  if (files === undefined || files.host.rancher !== undefined) return undefined
  if (givenCertificate(instance) !== undefined) return []
  const edits = asks(instance) ? [] : onHost(ask(instance), instance, view)
  if (edits === undefined || 'byHand' in edits) return edits
  return [
    ...edits,
    {
      type: 'host',
      key: `${instance.name} serving certificate`,
      title: `kubelet on ${instance.name}: approve the request for its serving certificate`,
      turn: kubeletFilesOn(view, instance.name)!.host.controlPlane ? 2 : 1,
      action: { do: 'approve-serving', node: instance.name },
    },
  ]
}
/** Or needs not: it is given a certificate, and that is seen to be good (`doubtful`). */
const asks = (instance: KubeletInstance): boolean =>
  kubeletSetting(instance, ['serverTLSBootstrap']).value === true || givenCertificate(instance) !== undefined

const GIVEN =
  'Let whoever makes these files sign them with one CA, name in each the addresses and the name of its node, and renew them before they end'
/** For a finding about such a certificate. */
export const renewGiven = (file: string): string =>
  `have ${file} and its key made anew by whoever makes them: for servers, signed by the CA of --kubelet-certificate-authority, with all addresses and names of its Node among the subject alternative names; put both in place together and restart the kubelet; then see that kubectl logs works for a pod of that node`

/** A certificate that is given by files, and not seen to be one that the API server could verify by this CA. */
function doubtful(instance: KubeletInstance, view: View<Readable>, authority: string | undefined): readonly string[] {
  const file = givenCertificate(instance)
  if (file === undefined) return []
  if (authority === undefined) return [`${instance.name} serves ${file}`]
  const { faults, unseen } = judgeGiven(file, instance, view, authority)
  return faults.length > 0 ? [`${instance.name}: ${file} ${faults.join(', ')}`] : unseen.map((one) => `${instance.name}: ${one}`)
}

/** For the API server that does not verify kubelets: every node first, the flag last; never the flag alone. */
export function verifyKubelets(finding: Finding<unknown>, context: Context): Proposal {
  const { view } = context
  const authority = authorityOf(view)
  const { name, managed } = distribution(view)
  if (managed) return providerProposal(name, undefined, view, context.options)
  const nodes = kubelets(view)
  const given = nodes.instances.flatMap((one) => doubtful(one, view, authority))
  if (given.length > 0)
    return {
      byHand: `${fewOf(given, 3, '; ')}: kubelets that are given their certificate ask the cluster for none. ${GIVEN}; when \`openssl s_client -connect ADDRESS:10250 -CAfile CA\` says "Verify return code: 0" for every node, name that CA with --kubelet-certificate-authority`,
    }
  if (authority === undefined)
    return {
      byHand:
        'let the controller manager sign first (--cluster-signing-cert-file and --cluster-signing-key-file): without a signer no kubelet gets a certificate that the API server could verify',
    }
  const flag = (before: readonly Change[], first: readonly string[]): Proposal => {
    const proposal = proposeFlags(
      {
        flags: { 'kubelet-certificate-authority': authority },
        summary: 'verify the certificates of kubelets',
        step: 'verify-kubelets',
        first,
        mayBreak: [
          ...(nodes.instances.every(asks) ? [] : [MEANWHILE]),
          'logs, exec, port-forward, metrics and webhooks behind the proxy fail for every node that does not serve a certificate of that CA, also for one that joins later and has not been approved',
          APPROVER,
        ],
        verify: ['`kubectl logs` and `kubectl exec` work for one pod on each node'],
      },
      finding,
      context,
    )
    return 'changes' in proposal ? { ...proposal, changes: [...before, ...proposal.changes.map(asStepOfItsOwn)] } : proposal
  }
  if (view.source.kind !== 'live') {
    if (nodes.instances.length === 0)
      return { byHand: 'add the KubeletConfiguration of the nodes: the API server may only verify them once all serve signed certificates' }
    return flag(
      nodes.instances.filter((one) => !one.partial && !asks(one)).map((one) => inFile(one, view)),
      [],
    )
  }
  const reached = (view.fact('Hosts')?.hosts ?? []).some(({ refused }) => refused === undefined)
  if (!reached)
    return flag(
      [],
      [
        'every kubelet asks for its serving certificate first, as the steps of kubelet.yaml say: serverTLSBootstrap: true in its configuration, one node after the other, each restarted',
        ...BY_HAND,
        `only when every node serves a certificate of that CA go on: on a control-plane node, for the address of each node: \`openssl s_client -connect ADDRESS:10250 -CAfile ${authority} < /dev/null\` shows "Verify return code: 0"`,
      ],
    )
  const unseen = nodes.missing > 0 ? [`${nodes.missing} nodes that did not show their configuration`] : []
  const each = nodes.instances.toSorted(workersFirst(view)).map((one) => [one.name, onNode(one, view)] as const)
  const without = [...each.flatMap(([name, steps]) => (steps === undefined || 'byHand' in steps ? [name] : [])), ...unseen]
  // One node that cannot be verified loses its logs and exec: the flag waits for all.
  if (without.length > 0 || each.length === 0)
    return {
      byHand: `the API server may verify kubelets only once all of them serve a signed certificate, and that cannot be brought about here for ${without.join(', ') || 'any node'}: say with --host how each node is reached`,
    }
  const steps = each.flatMap(([, changes]) => changes as readonly Change[])
  // kubeadm's wish would reach those with files of their own at its next upgrade, and win over the files.
  const hasFiles = nodes.instances.some((one) => givenCertificate(one) !== undefined)
  return flag(hasFiles ? steps : [...steps, ...wishedChange(ask(undefined), view)], [])
}

/** It waits for all nodes; what else the API server is to get must not wait with it, or fall with it. */
const asStepOfItsOwn = (change: Change): Change => (change.type === 'host' ? { ...change, key: `${change.key} for kubelets` } : change)

const workersFirst =
  (view: View<Readable>) =>
  (a: KubeletInstance, b: KubeletInstance): number =>
    turnOf(a, view) - turnOf(b, view) || (a.name < b.name ? -1 : 1)
const turnOf = ({ name }: KubeletInstance, view: View<Readable>): number => Number(kubeletFilesOn(view, name)?.host.controlPlane === true)

function inFile(instance: KubeletInstance, view: View<Readable>): Change {
  const edits = Object.entries(ask(instance)).map(([key, to]) => ({ set: key.split('.'), to }))
  if (instance.source !== 'kubelet-config') return { type: 'edit', target: instance.subject, edits }
  const map = view.find('ConfigMap', 'kube-system', 'kubelet-config') as ConfigMapObject
  return { type: 'edit', target: instance.subject, edits: editsOfConfigMap(map, 'kubelet', () => edits) }
}

/** The CA that signs for kubelets: what the controller manager signs with; kubeadm's own where its manifest is not seen. */
function authorityOf(view: View<Readable>): string | undefined {
  const managers = componentFlags(view, 'kube-controller-manager').instances
  for (const { flags, source } of managers) {
    const signer = flags.get('cluster-signing-kubelet-serving-cert-file') || flags.get('cluster-signing-cert-file')
    if (signer) return signer
    if (source === 'static-pod') return undefined
  }
  const client = componentFlags(view, 'kube-apiserver').instances.find(({ flags }) => flags.get('client-ca-file'))
  return client?.flags.get('client-ca-file')
}
