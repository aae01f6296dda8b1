/** The format that anybody can write (README, "Network flows"): one JSON object a line, as much of it as is known. */
import ipaddr from 'ipaddr.js'
import { endOf, type Parsed, portOf, protocolOf } from './flows-record.ts'
import { isWire, type Wire } from './wire.ts'

const PROOFS: ReadonlyMap<string, 'seen' | 'dropped'> = new Map([
  ...['', 'forwarded', 'forward', 'allowed', 'allow', 'accepted', 'accept', 'seen'].map((word) => [word, 'seen'] as const),
  ...['dropped', 'drop', 'denied', 'deny', 'rejected', 'reject', 'blocked'].map((word) => [word, 'dropped'] as const),
])

/** Undefined: not of this format, or an end, the port or the count is not one. */
export function ownFlow(wire: Wire): Parsed {
  const [source, destination] = [endWire(wire['source']), endWire(wire['destination'])]
  const { protocol: said = 'TCP', verdict = '', count = 1, time } = wire
  if (source === undefined || destination === undefined || wire['port'] === undefined) return undefined
  const protocol = protocolOf(said)
  if (protocol === undefined) return typeof said === 'string' || typeof said === 'number' ? 'other' : undefined
  const port = portOf(wire['port'])
  const proof = typeof verdict === 'string' ? PROOFS.get(verdict.toLowerCase()) : undefined
  if (port === undefined || !Number.isSafeInteger(count) || count < 1) return undefined
  if (proof === undefined) return 'verdict'
  return {
    key: JSON.stringify([source, destination, protocol, port]),
    ends: () => {
      const [from, to] = [endOf(source), endOf(destination)]
      return from && to && { source: from, destination: to }
    },
    ...{ protocol, port, proof, count, time },
  }
}

/** An address or `namespace/pod` may stand for the whole. */
function endWire(value: unknown): Wire | undefined {
  if (typeof value !== 'string') return isWire(value) ? value : undefined
  if (ipaddr.isValid(value)) return { ip: value }
  const [namespace, pod, more] = value.split('/')
  return pod === undefined || more !== undefined ? undefined : { namespace, pod }
}
