/** Addresses and ranges, as policies name them. */
import ipaddr from 'ipaddr.js'

/** Is the address in `cidr` and in none of `except`? False for anything that is no address or no range, and across families. */
export function cidrHolds(cidr: string, except: readonly string[], address: string): boolean {
  return within(cidr, address) && !except.some((one) => within(one, address))
}

function within(cidr: string, address: string): boolean {
  const [range, ip] = [rangeOf(cidr), addressOf(address)]
  return range !== undefined && ip !== undefined && range[0].kind() === ip.kind() && ip.match(range)
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
const rangeOf = kept((cidr: string) => (ipaddr.isValidCIDR(cidr) ? ipaddr.parseCIDR(cidr) : undefined))
const addressOf = kept((text: string): Address | undefined => (ipaddr.isValid(text) ? ipaddr.process(text) : undefined))

/** One way to write each address: an IPv4 address inside an IPv6 one is that, zeros are left out. Anything else as it is. */
export const canonicalIp = (text: string): string => addressOf(text)?.toString() ?? text

/** The range of `bits` that holds an address, as `10.244.1.0/24`; undefined for what is none, or has fewer bits. */
export function networkOf(text: string, bits: number): string | undefined {
  const bytes = addressOf(text)?.toByteArray()
  if (bytes === undefined || !(bits >= 0 && bits <= bytes.length * 8)) return undefined
  const kept = bytes.map((byte, index) => byte & (0xff00 >> Math.min(Math.max(bits - index * 8, 0), 8)))
  return `${ipaddr.fromByteArray(kept).toString()}/${bits}`
}
