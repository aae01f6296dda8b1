/** Sets of ports by protocol, as policies let them through: exact, whatever mixture of single ports and ranges they come from. */

/** The protocols that NetworkPolicy knows (core/v1 Protocol). */
export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const
export type Protocol = (typeof PROTOCOLS)[number]
export const isProtocol = (text: unknown): text is Protocol => PROTOCOLS.includes(text as Protocol)

/** First and last port of each range, in order, with room between them: `[80, 80, 8000, 8100]`. */
type Ranges = readonly number[]
export type PortSet = { readonly [protocol in Protocol]: Ranges }

/** As JSON shows it: one port, or from `port` to `endPort`. */
export interface PortRange {
  readonly protocol: Protocol
  readonly port: number
  readonly endPort?: number
}

const FIRST = 1
const LAST = 65535
const EVERY: Ranges = [FIRST, LAST]
const NO: Ranges = []

export const NO_PORTS: PortSet = { TCP: NO, UDP: NO, SCTP: NO }
export const ALL_PORTS: PortSet = { TCP: EVERY, UDP: EVERY, SCTP: EVERY }

/** Ports `first` to `last` of one protocol (all of them by default); what lies outside of 1 to 65535 is left out. */
export function ports(protocol: Protocol, first: number = FIRST, last: number = first === FIRST ? LAST : first): PortSet {
  const [from, to] = [Math.max(first, FIRST), Math.min(last, LAST)]
  // Not `from > to`: a file may hold what is no number.
  return from <= to ? { ...NO_PORTS, [protocol]: from === FIRST && to === LAST ? EVERY : [from, to] } : NO_PORTS
}
/** One port. */
export const port = (protocol: Protocol, number: number): PortSet => ports(protocol, number, number)

const each = (a: PortSet, b: PortSet, combine: (a: Ranges, b: Ranges) => Ranges): PortSet => {
  const [TCP, UDP, SCTP] = [combine(a.TCP, b.TCP), combine(a.UDP, b.UDP), combine(a.SCTP, b.SCTP)]
  return TCP === a.TCP && UDP === a.UDP && SCTP === a.SCTP ? a : { TCP, UDP, SCTP }
}

export const union = (a: PortSet, b: PortSet): PortSet =>
  a === b || b === NO_PORTS ? a : a === NO_PORTS ? b : a === ALL_PORTS || b === ALL_PORTS ? ALL_PORTS : each(a, b, unionOf)
export const intersection = (a: PortSet, b: PortSet): PortSet =>
  a === b || b === ALL_PORTS ? a : a === ALL_PORTS ? b : a === NO_PORTS || b === NO_PORTS ? NO_PORTS : each(a, b, intersectionOf)
/** What of `a` is not in `b`. */
export const difference = (a: PortSet, b: PortSet): PortSet =>
  a === NO_PORTS || b === NO_PORTS ? a : a === b || b === ALL_PORTS ? NO_PORTS : each(a, b, differenceOf)

function unionOf(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0 || a === b || b === EVERY) return b
  if (b.length === 0 || a === EVERY) return a
  const made: number[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const isLeft = j >= b.length || (i < a.length && a[i]! <= b[j]!)
    const [from, to] = isLeft ? [a[i]!, a[i + 1]!] : [b[j]!, b[j + 1]!]
    if (isLeft) i += 2
    else j += 2
    const end = made.at(-1)
    if (end !== undefined && from <= end + 1) made[made.length - 1] = Math.max(end, to)
    else made.push(from, to)
  }
  return tidy(made, a)
}

function intersectionOf(a: Ranges, b: Ranges): Ranges {
  if (a === b || b === EVERY) return a
  if (a === EVERY) return b
  const made: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [from, to] = [Math.max(a[i]!, b[j]!), Math.min(a[i + 1]!, b[j + 1]!)]
    if (from <= to) made.push(from, to)
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return tidy(made, a)
}

function differenceOf(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0 || b.length === 0) return a
  if (a === b || b === EVERY) return NO
  const made: number[] = []
  for (let i = 0; i < a.length; i += 2) {
    let from = a[i]!
    for (let j = 0; j < b.length && from <= a[i + 1]!; j += 2) {
      if (b[j + 1]! < from) continue
      if (b[j]! > a[i + 1]!) break
      if (b[j]! > from) made.push(from, b[j]! - 1)
      from = b[j + 1]! + 1
    }
    if (from <= a[i + 1]!) made.push(from, a[i + 1]!)
  }
  return tidy(made, a)
}

/** The constants, and `like` where it is the same: equal sets are then often the very same, and cost nothing to compare. */
function tidy(made: Ranges, like: Ranges): Ranges {
  if (made.length === 0) return NO
  if (made.length === 2 && made[0] === FIRST && made[1] === LAST) return EVERY
  return made.length === like.length && made.every((value, index) => value === like[index]) ? like : made
}

export const isNone = (set: PortSet): boolean => set.TCP.length + set.UDP.length + set.SCTP.length === 0
export const isEvery = (set: PortSet): boolean => set.TCP === EVERY && set.UDP === EVERY && set.SCTP === EVERY
export const samePorts = (a: PortSet, b: PortSet): boolean =>
  a === b ||
  PROTOCOLS.every((protocol) => a[protocol].length === b[protocol].length && a[protocol].every((one, index) => one === b[protocol][index]))
export const hasPort = (set: PortSet, protocol: Protocol, number: number): boolean => {
  const ranges = set[protocol]
  for (let i = 0; i < ranges.length; i += 2) if (number >= ranges[i]! && number <= ranges[i + 1]!) return true
  return false
}

export const portRanges = (set: PortSet): readonly PortRange[] =>
  PROTOCOLS.flatMap((protocol) =>
    set[protocol].flatMap((first, index, all): PortRange[] =>
      index % 2 === 1 ? [] : [{ protocol, port: first, ...(all[index + 1] !== first && { endPort: all[index + 1]! }) }],
    ),
  )

/** `every port`, `TCP 80, 8000-8100 and UDP every port`, `no port`. */
export function portsText(set: PortSet): string {
  if (isEvery(set)) return 'every port'
  const parts = PROTOCOLS.filter((protocol) => set[protocol].length > 0).map((protocol) => {
    if (set[protocol] === EVERY) return `${protocol} every port`
    const words = portRanges({ ...NO_PORTS, [protocol]: set[protocol] }).map(({ port: first, endPort }) =>
      endPort === undefined ? String(first) : `${first}-${endPort}`,
    )
    return `${protocol} ${words.join(', ')}`
  })
  return parts.length === 0 ? 'no port' : [...parts.slice(0, -2), parts.slice(-2).join(' and ')].join(', ')
}
