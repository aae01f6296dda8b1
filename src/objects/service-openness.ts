/** Who can reach a Service from outside, as far as the object, its pods and the nodes say. */
import type { Path, ServiceObject, Severity, Unread, View } from '../model/index.ts'
import { isPublicAddress, rangeWidth } from './address.ts'
import { publicAddresses } from './api-endpoint.ts'
import { derived } from './derived.ts'
import { fewOf } from './few-of.ts'
import { ingressControllerIn, isFrontDoor, isOfGateway } from './ingress-controllers.ts'
import { internalBecause, isInternalByDefault, providerOf, sourcesOf } from './load-balancers.ts'
import { matchesPairs } from './selectors.ts'
import { sensitivePorts } from './sensitive-ports.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

export const OPENNESS_KINDS = ['Service', 'Node', ...WORKLOAD_KINDS] as const
export type OpennessView = View<(typeof OPENNESS_KINDS)[number]>

export interface Opening {
  readonly way: 'load-balancer' | 'node-ports'
  readonly at: Path
  readonly reason: string
  readonly detail: string
  readonly severity: Severity
  readonly verdict: 'fail' | 'review'
}
export type Judged = Opening | { readonly unknown: Unread } | { readonly note: string }

/** What a Service opens to the outside that it should not; nothing for one that stays inside. */
export function* openings(view: OpennessView, service: ServiceObject): Iterable<Judged> {
  const { type, ports = [], allocateLoadBalancerNodePorts } = service.spec ?? {}
  if (type !== 'LoadBalancer' && type !== 'NodePort') return
  const behind = workloadsBehind(view, service)
  const controller = isOfGateway(service) ? 'a Gateway' : behind.map(ingressControllerIn).find((name) => name !== undefined)
  const kept = ports.filter(({ port }) => controller === undefined || !isFrontDoor(service, port))
  const sensitive = sensitivePorts(service, behind)
  const text = portsText(kept.length > 0 ? kept : ports, sensitive, emptyWords(service, behind))
  if (type === 'NodePort') {
    if (controller !== undefined && kept.length === 0) yield { note: `${nameOf(service)} opens the front door of ${controller}` }
    else yield* onNodes(view, text, sensitive.length > 0)
    return
  }
  const balancer = [...onBalancer(view, service, text, sensitive.length > 0)]
  const isMeant = controller !== undefined && kept.length === 0 && sensitive.length === 0
  if (isMeant && balancer.length > 0) yield { note: `${nameOf(service)} is the front door of ${controller}, which is meant to be public` }
  else yield* balancer
  const allocates = allocateLoadBalancerNodePorts !== false || ports.some(({ nodePort }) => nodePort !== undefined)
  if (balancer.length === 0 && allocates && publicNodes(view).length > 0)
    yield {
      way: 'node-ports',
      at: ['spec', 'allocateLoadBalancerNodePorts'],
      reason: 'opens the same ports on nodes that have public addresses, past its load balancer',
      detail: `${text}; ${fewOf(publicNodes(view))}`,
      severity: 'low',
      verdict: 'review',
    }
}
const nameOf = ({ metadata: { namespace = 'default', name } }: ServiceObject): string => `Service ${namespace}/${name}`

const workloadsBehind = (view: OpennessView, { metadata, spec }: ServiceObject): readonly Workload[] =>
  (byNamespace(view).get(metadata.namespace ?? 'default') ?? []).filter(({ templateLabels, pods }) =>
    [templateLabels, ...pods.map((pod) => pod.metadata.labels ?? {})].some((labels) => matchesPairs(spec?.selector, labels)),
  )
const byNamespace = (view: OpennessView): ReadonlyMap<string, readonly Workload[]> => derived(view, groupByNamespace)
const groupByNamespace = (view: OpennessView) => Map.groupBy(workloads(view), ({ namespace }) => namespace)

function emptyWords({ spec = {} }: ServiceObject, behind: readonly Workload[]): string | undefined {
  if (behind.length > 0) return undefined
  return Object.keys(spec.selector ?? {}).length === 0 ? 'its endpoints are made by hand' : 'no workload matches its selector now'
}

function portsText(
  ports: NonNullable<NonNullable<ServiceObject['spec']>['ports']>,
  sensitive: ReturnType<typeof sensitivePorts>,
  empty: string | undefined,
): string {
  const words = ports.map(({ port }) => {
    const what = sensitive.find((one) => one.port === port)?.what
    return what === undefined ? String(port) : `${port} (${what})`
  })
  return [`${words.length === 1 ? 'port' : 'ports'} ${fewOf(words, 5)}`, ...(empty === undefined ? [] : [empty])].join('; ')
}

function* onBalancer(view: OpennessView, service: ServiceObject, text: string, isSensitive: boolean): Iterable<Opening> {
  if (internalBecause(service) !== undefined) return
  const { ranges, from, elsewhere, ignored } = sourcesOf(service, providerOf(view))
  const at: Path = ranges.length > 0 && from.startsWith('spec') ? ['spec', 'loadBalancerSourceRanges'] : ['spec', 'type']
  const say = (reason: string, detail: string, verdict: 'fail' | 'review'): Opening => ({
    way: 'load-balancer',
    at,
    reason,
    detail: `${detail}; ${text}`,
    severity: verdict === 'review' ? 'low' : isSensitive ? 'high' : 'medium',
    verdict,
  })
  const widest = ranges.find((range) => rangeWidth(range) === 'everybody')
  if (ranges.length > 0 && widest === undefined) {
    const wide = ranges.find((range) => rangeWidth(range) === 'wide')
    const odd = ranges.find((range) => rangeWidth(range) === undefined)
    if (ignored !== undefined) yield say('names source ranges that its load balancer may not heed', ignored, 'review')
    else if (odd !== undefined) yield say('names a source range that is none', `${odd} in ${from}`, 'review')
    else if (wide !== undefined) yield say('lets very wide ranges reach its load balancer', `${wide} in ${from}`, 'review')
    return
  }
  if (elsewhere !== undefined) {
    yield say('has an access list that is kept outside the cluster', `annotation ${elsewhere}`, 'review')
    return
  }
  if (widest === undefined && isInternalByDefault(service)) {
    yield say('is internal only if its controller was not told otherwise', 'no aws-load-balancer-scheme is named', 'review')
    return
  }
  const why = widest === undefined ? 'no source ranges' : `${widest} in ${from}`
  yield isSensitive
    ? say('opens ports for data or administration to everybody by its load balancer', why, 'fail')
    : say('lets everybody reach its load balancer', why, 'fail')
}

function* onNodes(view: OpennessView, text: string, isSensitive: boolean): Iterable<Judged> {
  const say = (reason: string, detail: string, severity: Severity, verdict: 'fail' | 'review'): Opening => ({
    way: 'node-ports',
    at: ['spec', 'type'],
    reason,
    detail,
    severity,
    verdict,
  })
  const unread = view.unread('Node')
  const open = publicNodes(view)
  const what = isSensitive ? 'ports for data or administration' : 'ports'
  if (open.length > 0)
    yield say(`opens ${what} on nodes that have public addresses`, `${text}; ${fewOf(open)}`, isSensitive ? 'high' : 'medium', 'fail')
  else if (unread !== undefined && unread.why !== 'not-in-manifests') yield { unknown: unread }
  else if (unread !== undefined || view.all('Node').length === 0)
    yield say(`opens ${what} on every node, whose addresses are not among what was read`, text, isSensitive ? 'medium' : 'low', 'review')
  else if (isSensitive) yield say(`opens ${what} on every node`, `${text}; no node shows a public address`, 'low', 'review')
  else yield { note: 'NodePorts are open in the network of the nodes, none of which shows a public address' }
}

const publicNodes = (view: OpennessView): readonly string[] => derived(view, findPublicNodes)
const findPublicNodes = (view: OpennessView): readonly string[] =>
  view
    .all('Node')
    .filter((node) => publicAddresses(node).some(isPublicAddress))
    .map(({ metadata }) => `Node ${metadata.name}`)
