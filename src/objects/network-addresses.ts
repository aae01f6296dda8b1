/** Addresses and ranges, as policies name them. */
import ipaddr from 'ipaddr.js'

/** Is the address in `cidr` and in none of `except`? False for anything that is no address or no range, and across families. */
export function cidrHolds(cidr: string, except: readonly string[], address: string): boolean {
  return within(cidr, address) && !except.some((one) => within(one, address))
}

function within(cidr: string, address: string): boolean {
  const [range, ip] = [rangeOf(cidr), addressOf(address)]
  return range !== undefined && ip !== undefined && range[0].kind() === ip.kind() && ip.match(range as [Address, number])
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
const kept = <T>(parse: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>()
  return (text) => {
    if (!known.has(text)) {
      if (known.size > MOST) known.clear()
      known.set(text, parse(text))
    }
    return known.get(text)!
  }
}
const MOST = 100_000
/** Undefined for what is no range. */
export const rangeOf = kept((text: string): readonly [Address, number] | undefined => {
  const cidr = decimal(text)
  return WRITTEN.test(cidr) && ipaddr.isValidCIDR(cidr) ? ipaddr.parseCIDR(cidr) : undefined
})
/** Undefined for what is no address; an IPv4 address inside an IPv6 one is that. */
export const addressOf = kept((text: string): Address | undefined => {
  const address = decimal(text)
  return WRITTEN.test(address) && ipaddr.isValid(address) ? ipaddr.process(address) : undefined
})
/** Four numbers, or an IPv6 address; the parser knows hexadecimal ones and fewer too, which Kubernetes refuses. */
const WRITTEN = /^(\d+\.){3}\d+(\/|$)|:/
/** Kubernetes takes numbers with zeros before them as decimal ones (k8s.io/utils/net, ParseCIDRSloppy), not as octal. */
const decimal = (text: unknown): string => (`${text}`.includes(':') ? `${text}` : `${text}`.replace(/(^|\.)0+(?=\d)/g, '$1'))

/**
 * An address of a range that none of the narrower ranges inside it holds, and that is not among `taken`; undefined where there is none
 * near its borders. So each range of a set has an address that stands for what that range alone says.
 */
export function ownAddress(cidr: string, others: readonly string[], taken: ReadonlySet<string>): string | undefined {
  const range = rangeOf(cidr)
  if (range === undefined) return undefined
  const inside = others.filter((other) => {
    const one = rangeOf(other)
    return one !== undefined && one[0].kind() === range[0].kind() && one[1] > range[1] && one[0].match(range as [Address, number])
  })
  const [first, last] = bordersOf(range)
  const candidates = [
    first + 1n,
    last,
    first,
    ...inside.flatMap((one) => bordersOf(rangeOf(one)!)).flatMap((edge) => [edge + 1n, edge - 1n]),
  ]
  return candidates
    .filter((number) => number >= first && number <= last)
    .map((number) => textOf(number, range[0].kind()))
    .find((text) => !taken.has(text) && !inside.some((one) => within(one, text)))
}

/** First and last address, as numbers. */
function bordersOf([address, length]: readonly [Address, number]): readonly [bigint, bigint] {
  const bytes = address.toByteArray()
  const rest = BigInt(bytes.length * 8 - length)
  const number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const first = (number >> rest) << rest
  return [first, first + (1n << rest) - 1n]
}
function textOf(number: bigint, kind: 'ipv4' | 'ipv6'): string {
  const count = kind === 'ipv4' ? 4 : 16
  return ipaddr
    .fromByteArray(Array.from({ length: count }, (_, index) => Number((number >> BigInt(8 * (count - 1 - index))) & 255n)))
    .toString()
}

/** One way to write each address: an IPv4 address inside an IPv6 one is that, zeros are left out. Anything else as it is. */
export const canonicalIp = (text: string): string => addressOf(text)?.toString() ?? text

/** The range of `bits` that holds an address, as `10.244.1.0/24`; undefined for what is none, or has fewer bits. */
export function networkOf(text: string, bits: number): string | undefined {
  const bytes = addressOf(text)?.toByteArray()
  if (bytes === undefined || !(bits >= 0 && bits <= bytes.length * 8)) return undefined
  const kept = bytes.map((byte, index) => byte & (0xff00 >> Math.min(Math.max(bits - index * 8, 0), 8)))
  return `${ipaddr.fromByteArray(kept).toString()}/${bits}`
}

/** Written as an address is: four numbers, or an IPv6 one. */
export const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text))
