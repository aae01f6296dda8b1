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
