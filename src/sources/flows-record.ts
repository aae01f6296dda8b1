/** One record of a flow, in whatever format it came, and what of a hostile or careless file may be kept. */
import ipaddr from 'ipaddr.js'
import type { FlowEnd } from '../model/index.ts'
import { isProtocol, type Protocol } from '../objects/network-ports.ts'
import { isWire, listOf, type Wire } from './wire.ts'

export interface FlowRecord {
  /** The same for records of the same flow; made of what the file says, so never shown. */
  readonly key: string
  /** Made only for the first of a key; undefined: an end that is none. */
  readonly ends: () => { readonly source: FlowEnd; readonly destination: FlowEnd } | undefined
  readonly protocol: Protocol
  readonly port: number
  /** `seen`: it arrived, or was answered. `tried`: it was sent, and nobody says what became of it. `dropped`: it was refused, or not answered. */
  readonly proof: 'seen' | 'tried' | 'dropped'
  readonly count: number
  /** As it stands there. */
  readonly time?: string | number | undefined
}
/** Why a line that can be read is no flow that counts. */
export const SKIPPED = {
  other: 'are of another protocol than TCP, UDP and SCTP',
  unclear: 'do not say who opened the connection',
  verdict: 'do not say whether it came through',
  local: 'stay inside a node, or go to a group of addresses (loopback, multicast, broadcast, health checks of the network itself)',
} as const
export type Skipped = keyof typeof SKIPPED
/** Undefined: the line is none of this format. */
export type Parsed = FlowRecord | Skipped | undefined

export const protocolOf = (value: unknown): Protocol | undefined => {
  const name = typeof value === 'string' ? value.toUpperCase() : NUMBERS.get(Number(value))
  return isProtocol(name) ? name : NUMBERS.get(Number(value))
}
/** IANA protocol numbers. */
const NUMBERS: ReadonlyMap<number, Protocol> = new Map([
  [6, 'TCP'],
  [17, 'UDP'],
  [132, 'SCTP'],
])

export const portOf = (value: unknown): number | undefined => {
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65535 ? port : undefined
}

/** From here on a port is most likely a client's own (Linux ip_local_port_range). */
export const FIRST_OF_CLIENTS = 32768

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/
const KIND = /^[A-Z][A-Za-z0-9]{0,62}$/
/** What Cilium calls what is no pod (reserved identities). */
const ENTITIES = new Set(['host', 'remote-node', 'world', 'kube-apiserver', 'ingress', 'unmanaged'])
const MOST_LABELS = 100
const MOST_NAMES = 5
const named = (pattern: RegExp, value: unknown): string | undefined =>
  typeof value === 'string' && pattern.test(value) ? value : undefined

/** Only what has the form of a name, address or label, so that nothing else is ever kept or shown. Undefined where nothing names the end. */
export function endOf(end: Wire): FlowEnd | undefined {
  const { ip, labels, workload, names, entity } = end
  const address = typeof ip === 'string' && ip.length < 64 && ipaddr.isValid(ip) ? ip : undefined
  const [namespace, pod, node] = [named(LABEL, end['namespace']), named(SUBDOMAIN, end['pod']), named(SUBDOMAIN, end['node'])]
  const kept = isWire(labels) ? labelsOf(Object.entries(labels)) : undefined
  const owner = isWire(workload) ? { kind: named(KIND, workload['kind']), name: named(SUBDOMAIN, workload['name']) } : undefined
  const hosts = Array.isArray(names)
    ? names.flatMap((name) => named(SUBDOMAIN, typeof name === 'string' ? name.replace(/\.$/, '') : name) ?? [])
    : []
  const isEntity = typeof entity === 'string' && ENTITIES.has(entity)
  if (address === undefined && pod === undefined && !isEntity && (namespace === undefined || (kept ?? owner) === undefined))
    return undefined
  return {
    ...(address !== undefined && { ip: address }),
    ...(namespace !== undefined && { namespace }),
    ...(pod !== undefined && { pod }),
    ...(owner?.kind !== undefined && owner.name !== undefined && { workload: { kind: owner.kind, name: owner.name } }),
    ...(kept !== undefined && { labels: kept }),
    ...(hosts.length > 0 && { names: hosts.slice(0, MOST_NAMES) }),
    ...(isEntity && { entity }),
    ...(node !== undefined && { node }),
  }
}

export function labelsOf(pairs: readonly (readonly [string, unknown])[]): Readonly<Record<string, string>> | undefined {
  const kept = pairs.filter(([key, value]) => named(LABEL_KEY, key) !== undefined && named(LABEL_VALUE, value) !== undefined)
  return kept.length === 0 ? undefined : (Object.fromEntries(kept.slice(0, MOST_LABELS)) as Record<string, string>)
}

const LOCAL = new Set(['loopback', 'multicast', 'broadcast', 'unspecified'])
/** No policy has a say in it. */
export const isLocal = ({ ip }: FlowEnd): boolean => ip !== undefined && LOCAL.has(ipaddr.process(ip).range())

/** All records in one piece of JSON. */
export const wiresIn = (value: unknown): readonly Wire[] => (isWire(value) ? [value] : listOf(value))
