/** Flows of Cilium's Hubble (api/v1/flow/flow.proto): `hubble observe -o json` or `jsonpb`, and what its exporter writes. */
import type { FlowEnd } from '../model/index.ts'
import type { Protocol } from '../objects/network-ports.ts'
import { endOf, FIRST_OF_CLIENTS, type FlowRecord, labelsOf, type Parsed, portOf } from './flows-record.ts'
import { isWire, listOf, textOf, type Wire } from './wire.ts'

/** Events that Hubble itself missed, where the line says so. */
export const lostEvents = (wire: Wire): number | undefined => {
  const lost = wire['lost_events']
  if (!isWire(lost)) return undefined
  const count = Number(lost['num_events_lost'])
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}
/** What Hubble says between the flows. */
export const isNoFlow = (wire: Wire): boolean => isWire(wire['node_status']) || isWire(wire['agent_event']) || isWire(wire['debug_event'])

export function hubbleFlow(wire: Wire): Parsed {
  const flow = isWire(wire['flow']) ? wire['flow'] : wire
  const verdict = textOf(flow['verdict'])
  if (verdict === undefined || (!isWire(flow['IP']) && !isWire(flow['l4']))) return undefined
  const l4: Wire = isWire(flow['l4']) ? flow['l4'] : {}
  const protocol = (['TCP', 'UDP', 'SCTP'] as const).find((one) => isWire(l4[one]))
  if (protocol === undefined) return 'other'
  const layer: Wire = l4[protocol]
  const direction = directionOf(flow, layer, verdict)
  if (direction === undefined) return 'unclear'
  const isReply = direction === 'reply'
  const proof = proofOf(flow, verdict, isReply)
  if (proof === undefined) return 'verdict'
  const port = portOf(isReply ? layer['source_port'] : layer['destination_port'])
  return port === undefined
    ? undefined
    : recordOf(flow, {
        protocol,
        port,
        proof,
        isReply,
        nodeName: flow['node_name'] ?? wire['node_name'],
        time: flow['time'] ?? wire['time'],
      })
}

/** `is_reply` is absent where the datapath did not know: then the flags of a first packet tell, or which of the ports is a server's. */
function directionOf(
  flow: Wire,
  { flags, source_port: from, destination_port: to }: Wire,
  verdict: string,
): 'forward' | 'reply' | undefined {
  const isReply = flow['is_reply'] ?? (flow['reply'] === true ? true : undefined)
  if (typeof isReply === 'boolean') return isReply ? 'reply' : 'forward'
  if (isWire(flags) && flags['SYN'] === true) return flags['ACK'] === true ? 'reply' : 'forward'
  if (verdict === 'TRANSLATED' || portOf(from) === undefined) return 'forward'
  if (to < FIRST_OF_CLIENTS && from >= FIRST_OF_CLIENTS) return 'forward'
  return to >= FIRST_OF_CLIENTS && from < FIRST_OF_CLIENTS ? 'reply' : undefined
}

/**
 * Forwarded on its way out proves nothing yet: the other side's node may refuse it. What arrives at a pod, or is a reply, came through.
 * A refusal by a rule for requests (HTTP, DNS, Kafka) is none of the connection.
 */
function proofOf(flow: Wire, verdict: string, isReply: boolean): FlowRecord['proof'] | undefined {
  const isRequest = flow['Type'] === 'L7'
  switch (verdict) {
    case 'FORWARDED':
    case 'REDIRECTED':
    case 'AUDIT':
      return isReply || flow['traffic_direction'] === 'INGRESS' || flow['trace_observation_point'] === 'TO_ENDPOINT' ? 'seen' : 'tried'
    case 'DROPPED':
      return isReply ? undefined : isRequest ? 'tried' : 'dropped'
    case 'TRANSLATED':
      return textOf(flow['sock_xlate_point'])?.includes('REV') === true ? undefined : 'tried'
    default:
      return undefined
  }
}

interface Told {
  readonly protocol: Protocol
  readonly port: number
  readonly proof: FlowRecord['proof']
  readonly isReply: boolean
  readonly nodeName: unknown
  readonly time: unknown
}
function recordOf(flow: Wire, { protocol, port, proof, isReply, nodeName, time }: Told): FlowRecord | 'local' {
  const ip: Wire = isWire(flow['IP']) ? flow['IP'] : {}
  const sides: readonly (readonly [Wire, unknown, unknown])[] = [
    [isWire(flow['source']) ? flow['source'] : {}, ip['source'], flow['source_names']],
    [isWire(flow['destination']) ? flow['destination'] : {}, ip['destination'], flow['destination_names']],
  ]
  const [from, to] = isReply ? [sides[1]!, sides[0]!] : [sides[0]!, sides[1]!]
  if (entityOf(from[0]) === 'health' || entityOf(to[0]) === 'health') return 'local'
  return {
    key: `${keyOf(from, nodeName)}>${keyOf(to, nodeName)}>${protocol}${port}`,
    ends: () => {
      const [source, destination] = [toEnd(from, nodeName), toEnd(to, nodeName)]
      return source && destination && { source, destination }
    },
    ...{ protocol, port, proof, count: 1 },
    time: textOf(time),
  }
}

const keyOf = ([end, ip]: readonly [Wire, unknown, unknown], nodeName: unknown): string =>
  end['pod_name'] ? `${end['namespace']}/${end['pod_name']}` : `${ip} ${entityOf(end)} ${entityOf(end) === 'host' ? nodeName : ''}`

function toEnd([end, ip, names]: readonly [Wire, unknown, unknown], nodeName: unknown): FlowEnd | undefined {
  const entity = entityOf(end)
  const isPod = Boolean(end['pod_name'])
  const [workload] = listOf(end['workloads'])
  return endOf({
    ip,
    ...(isPod
      ? { namespace: end['namespace'], pod: end['pod_name'], workload, labels: labelsIn(end) }
      : { entity, names, ...(entity === 'host' && { node: textOf(nodeName)?.replace(/^.*\//, '') }) }),
  })
}

/** `k8s:app=web`; what Cilium itself adds (io.cilium.…, io.kubernetes.…) is no label of the pod. */
const labelsIn = (end: Wire): Readonly<Record<string, string>> | undefined =>
  Array.isArray(end['labels'])
    ? labelsOf(
        end['labels'].flatMap((label): [string, string][] => {
          const match = typeof label === 'string' ? /^k8s:(?!io\.cilium\.|io\.kubernetes\.)([^=]+)=(.*)$/.exec(label) : null
          return match === null ? [] : [[match[1]!, match[2]!]]
        }),
      )
    : undefined

/** Reserved identities (cilium pkg/identity), by number, for records without labels. */
const IDENTITIES: Readonly<Record<number, string>> = {
  1: 'host',
  2: 'world',
  3: 'unmanaged',
  4: 'health',
  6: 'remote-node',
  7: 'kube-apiserver',
  8: 'ingress',
  9: 'world',
  10: 'world',
}
/** The API server is also a host or the world: it is itself first. */
const ORDER = ['kube-apiserver', 'host', 'remote-node', 'ingress', 'health', 'unmanaged', 'world'] as const

function entityOf(end: Wire): string | undefined {
  const labels: readonly unknown[] = Array.isArray(end['labels']) ? end['labels'] : []
  const said = ORDER.find((one) =>
    labels.some((label) => label === `reserved:${one}` || (one === 'world' && /^reserved:world-ipv[46]$/.test(String(label)))),
  )
  return said ?? IDENTITIES[Number(end['identity'])]
}
