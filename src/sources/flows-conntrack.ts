/** The kernel's table of connections (libnetfilter_conntrack, /proc/net/nf_conntrack): the tuple of the first packet, then that of its reply. */
import ipaddr from 'ipaddr.js'
import { endOf, FIRST_OF_CLIENTS, type FlowRecord, type Parsed, portOf, protocolOf } from './flows-record.ts'

const LINE =
  /^(?:\[(\d{9,12}(?:\.\d+)?)\]\s+)?(?:\[(NEW|UPDATE|DESTROY)\]\s+)?(?:ipv[46]\s+\d+\s+)?([a-z][a-z0-9-]*)\s+(\d+)\s+(?:\d+\s+)?(?:([A-Z][A-Z_0-9]*)\s+)?(.*)$/
const TUPLE = /\b(src|dst|sport|dport)=([0-9a-fA-F.:]+)/g
/** What `conntrack -L` says at the end, on whatever it is written. */
export const isSummary = (line: string): boolean => /^conntrack v[\d.]+ \(conntrack-tools\)/.test(line)
/** Of a connection whose replies were not seen: it was picked up in the middle, and who opened it is a guess. */
const HALF_SEEN = new Set(['ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT'])

interface Tuple {
  readonly src: string
  readonly dst: string
  readonly sport: number
  readonly dport: number
}

/** More than one record where the source's address was translated on the way: policies see one before and the other after it. */
export function conntrackFlows(line: string): readonly FlowRecord[] | Exclude<Parsed, FlowRecord> {
  const match = LINE.exec(line)
  if (match === null || !line.includes('src=')) return undefined
  const [, seconds, event, name = '', number, state, rest = ''] = match
  const protocol = protocolOf(Number(number))
  if (protocol === undefined || protocol.toLowerCase() !== name) return rest.includes('dst=') ? 'other' : undefined
  const found = [...rest.matchAll(TUPLE)].map(([, key, value]) => [key!, value!] as const)
  const [original, reply] = [tupleOf(found.slice(0, 4)), tupleOf(found.slice(4, 8))]
  if (original === undefined || reply === undefined) return undefined
  const isUnanswered = rest.includes('[UNREPLIED]')
  if (protocol === 'TCP' && isUnanswered && HALF_SEEN.has(state ?? '')) return 'unclear'
  if (original.sport < FIRST_OF_CLIENTS && original.dport >= FIRST_OF_CLIENTS) return 'unclear'
  // Where Services are translated the reply comes from the pod itself, and from its own port.
  const [destination, port] = [reply.src, reply.sport]
  return [...new Set([original.src, reply.dst])].map((source) => ({
    key: `${source}>${destination}>${protocol}${port}`,
    ends: () => {
      const [from, to] = [endOf({ ip: source }), endOf({ ip: destination })]
      return from && to && { source: from, destination: to }
    },
    protocol,
    port,
    proof: proofOf({ protocol, state, event, isUnanswered, isAssured: rest.includes('[ASSURED]') }),
    count: 1,
    ...(seconds !== undefined && { time: Number(seconds) }),
  }))
}

function tupleOf(pairs: readonly (readonly [string, string])[]): Tuple | undefined {
  const { src = '', dst = '', sport, dport } = Object.fromEntries(pairs) as Partial<Record<string, string>>
  const [from, to] = [portOf(sport), portOf(dport)]
  return ipaddr.isValid(src) && ipaddr.isValid(dst) && from !== undefined && to !== undefined
    ? { src, dst, sport: from, dport: to }
    : undefined
}

interface Entry {
  readonly protocol: string
  readonly state: string | undefined
  readonly event: string | undefined
  readonly isUnanswered: boolean
  readonly isAssured: boolean
}
/** UDP that is not answered may well be wanted (statsd, syslog); a first packet of TCP that is not answered has reached nobody. */
function proofOf({ protocol, state, event, isUnanswered, isAssured }: Entry): FlowRecord['proof'] {
  if (isUnanswered) return protocol === 'UDP' || event === 'NEW' ? 'tried' : 'dropped'
  // Closed before it was assured: it was refused, by the port or by a policy.
  if (protocol === 'TCP' && !isAssured && (state === 'CLOSE' || state?.startsWith('SYN_SENT') === true)) return 'tried'
  return 'seen'
}
