/** What pods of a namespace are to call, as rules, and to whom each is given. */
import type { LabelSelector, Readable, View } from '../../src/model/index.ts'
import { derived } from '../../src/objects/derived.ts'
import { ANY_DNS } from '../../src/objects/network-dns.ts'
import { ANYWHERE, type Edge } from '../../src/objects/network-edges.ts'
import type { NeedView } from '../../src/objects/network-needs.ts'
import { edgesTo } from '../../src/objects/network-needs-services.ts'
import { GKE_METADATA, METADATA, needsMetadata, outsidePeers, POD_IDENTITY } from '../../src/objects/network-outside.ts'
import { called } from '../../src/objects/network-peers.ts'
import { selectionOf, unitedSelectors } from '../../src/objects/network-pod-selector.ts'
import { refText } from '../../src/objects/ref.ts'
import type { Workload } from '../../src/objects/workloads.ts'
import type { OnHosts } from './cilium-entities.ts'
import { INSIDE, isInside } from './default-deny.ts'
import type { Rule } from './policy-rules.ts'
import type { Common, Grant } from './policy-set.ts'

export type Outside = 'everything' | 'evidence' | 'nothing'

export const OTHER_DNS: Rule = { ports: ANY_DNS, because: ['its dnsPolicy sends it to name servers outside of the cluster'] }
export const IDENTITY: Rule = {
  peers: POD_IDENTITY.map((cidr) => ({ ipBlock: { cidr } })),
  ports: [{ protocol: 'TCP', port: 80 }],
  because: ['its configuration names the agent of EKS Pod Identity'],
}
export const TOKEN = 'its pods mount a token, and call the API server at its own addresses'
export const selectorsOf = (view: NeedView, workloads: readonly Workload[]): readonly LabelSelector[] =>
  unitedSelectors(workloads.map((workload) => selectionOf(view, workload).selector))

/** The first is written first, and then holds the rules of both; DNS stays when it is narrowed or taken away. */
export function commonsOf(
  view: View<Readable>,
  edges: readonly Edge[],
  namespace: string,
  strict: boolean,
  outside: Outside,
  dns: Rule,
): readonly Common[] {
  const away: Rule = {
    peers: outsidePeers(view),
    because: ['everything outside of the cluster, but not the metadata service of the cloud'],
  }
  const ofAll = edges
    .filter(({ from, to }) => from.is === 'namespace' && from.name === namespace && (strict || !isInside(to, namespace)))
    .flatMap((edge) => ruleOf(view, edge, namespace, outside))
  const rules = [...(outside === 'everything' ? [away, ...entryRules(view, namespace)] : []), ...(strict ? [] : [INSIDE]), ...ofAll]
  const name = outside === 'everything' ? 'block-metadata' : strict ? 'allow-from-namespace' : 'allow-egress-in-namespace'
  return [...(rules.length > 0 ? [{ name, rules }] : []), { name: 'allow-dns', rules: [dns] }]
}

function ruleOf(view: NeedView, edge: Edge, namespace: string, outside: Outside): readonly Rule[] {
  const peers = called(view, edge.to, namespace)
  const areAddresses = peers.length > 0 && peers.every(({ ipBlock }) => ipBlock !== undefined)
  // `everything` holds it already; pods on the network of their node are no outside, whatever their address.
  if (peers.length === 0 || (areAddresses && (outside === 'everything' || (outside === 'nothing' && edge.to.is === 'addresses')))) return []
  return [{ peers, ...(edge.ports && { ports: edge.ports }), because: [`${edge.name}: ${edge.because}`] }]
}

/** The address of a load balancer is translated on the node of the caller: packets go straight to the pods behind it, which anybody may call. */
const entryRules = (view: NeedView, namespace: string): readonly Rule[] =>
  derived(view, entryEdges)
    .filter(({ to }) => !isInside(to, namespace))
    .flatMap((edge) => ruleOf(view, edge, namespace, 'everything'))
const entryEdges = (view: NeedView): readonly Edge[] =>
  view
    .all('Service')
    .filter(({ spec }) => spec?.type === 'LoadBalancer' || (spec?.externalIPs ?? []).length > 0)
    .flatMap((service) => edgesTo(view, ANYWHERE, service, `the address of its load balancer leads to pods of the cluster`))

/** Calls of pods on the network of their node. */
export function hostCalls(view: NeedView, edges: readonly Edge[], namespace: string): readonly OnHosts[] {
  const here = edges.filter(({ to }) => to.is === 'workloads' && to.workloads.some(({ spec }) => spec.hostNetwork === true))
  return here.flatMap(({ from, ports, name, because }): readonly OnHosts[] => {
    const call = { name: `allow-to-${name}-on-nodes`, ...(ports && { ports }), because: `${name}: ${because}` }
    if (from.is === 'namespace') return from.name === namespace ? [{ ...call, callers: {} }] : []
    const callers = from.is === 'workloads' ? from.workloads.filter((one) => one.namespace === namespace) : []
    return selectorsOf(view, callers).map((selector) => ({ ...call, callers: selector }))
  })
}
/** Dataplane V2 of GKE has no CiliumNetworkPolicy, and its API server is outside of the cluster, at an address that ipBlock matches. */
export const isGoogles = (view: View<'DaemonSet'>): boolean => view.find('DaemonSet', 'kube-system', 'anetd') !== undefined

export function grantsOf(view: NeedView, edge: Edge, namespace: string, strict: boolean, outside: Outside): readonly Grant[] {
  const { from } = edge
  if (from.is !== 'workloads' || (!strict && isInside(edge.to, namespace))) return []
  return from.workloads
    .filter((workload) => workload.namespace === namespace)
    .flatMap((workload) =>
      ruleOf(view, edge, namespace, outside).map((rule): Grant => ({ to: workload, name: `allow-from-${workload.ref.name}`, rule })),
    )
}

export function metadataGrant(view: View<Readable>, workload: Workload): readonly Grant[] {
  const why = needsMetadata(workload, view)
  const isOfGke = why?.includes('iam.gke.io') === true
  const peers = [...METADATA, ...(isOfGke ? [GKE_METADATA] : [])].map((cidr) => ({ ipBlock: { cidr } }))
  const ports = (isOfGke ? [80, 987, 988] : [80]).map((port) => ({ protocol: 'TCP', port }))
  const because = [`${refText(workload.ref)}: ${why}`]
  return why === undefined ? [] : [{ to: workload, name: 'allow-metadata', rule: { peers, ports, because } }]
}
