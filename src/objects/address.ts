/** What an IP address says about who can reach it. */
import ipaddr from 'ipaddr.js'
import type { AddressClass } from '../model/index.ts'

const CLASSES: Readonly<Record<string, AddressClass>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  carrierGradeNat: 'carrier-grade',
}

/** The class of an address; undefined for anything that is no literal address. An IPv4 address inside an IPv6 one counts as what it is. */
export function addressClass(address: string): AddressClass | undefined {
  const text = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined
  return CLASSES[ipaddr.process(text).range()] ?? 'other'
}

export const isPublicAddress = (address: string): boolean => addressClass(address) === 'public'

/** The host of `host:port`, `[v6]:port`, a URL's host, or a bare host. */
export function hostOf(endpoint: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(endpoint)
  if (bracketed !== null) return bracketed[1]!
  const colons = endpoint.split(':').length - 1
  return colons === 1 ? endpoint.slice(0, endpoint.indexOf(':')) : endpoint
}

/** Private networks; a range inside one of them is narrow however large it is. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'].map((cidr) => ipaddr.parseCIDR(cidr))

/** How wide an access list entry is: `everybody` for /0, `wide` for ranges larger than a /16 (IPv6: a /32) that reach beyond private networks, else `narrow`; undefined where it is no range. */
export function rangeWidth(cidr: string): 'everybody' | 'wide' | 'narrow' | undefined {
  const text = cidr.trim()
  if (!ipaddr.isValidCIDR(text)) return undefined
  const [network, bits] = ipaddr.parseCIDR(text)
  if (bits === 0) return 'everybody'
  const isInside = PRIVATE.some(([home, length]) => home.kind() === network.kind() && bits >= length && network.match(home, length))
  return bits < (network.kind() === 'ipv4' ? 16 : 32) && !isInside ? 'wide' : 'narrow'
}
