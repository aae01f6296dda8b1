/** Protocols and ports of Calico's rules. https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#ports */
import type { Json } from '../model/index.ts'
import { type End, portNamed } from './network-ends.ts'
import { ALL_PORTS, difference, intersection, isProtocol, NO_PORTS, type PortSet, PROTOCOLS, ports, union } from './network-ports.ts'
import { list, type Mapping, mapping } from './spec-fields.ts'

/** By name, or by its number (IANA). Protocols that have no ports are none of those that are looked at. */
function protocolsOf(protocol: Json | undefined): PortSet | undefined {
  if (protocol === undefined || protocol === null) return undefined
  const name = NUMBERED[String(protocol)] ?? String(protocol).toUpperCase()
  return isProtocol(name) ? ports(name) : NO_PORTS
}
const NUMBERED: Readonly<Record<string, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' }

/** Ports at the destination that a rule is about. */
export function calicoPorts(rule: Mapping): (destination: End) => PortSet {
  const [protocol, not, destination] = [protocolsOf(rule['protocol']), protocolsOf(rule['notProtocol']), mapping(rule['destination'])]
  const base = difference(protocol ?? ALL_PORTS, not ?? NO_PORTS)
  const [only, without] = [list(destination['ports']), list(destination['notPorts'])]
  if (only.length + without.length === 0) return () => base
  return (end) => {
    const wanted = only.length === 0 ? base : intersection(base, only.map((one) => portsOf(one, end)).reduce(union, NO_PORTS))
    return difference(wanted, without.map((one) => portsOf(one, end)).reduce(union, NO_PORTS))
  }
}

/** `80`, `"8000:8100"`, or the name of a port. */
function portsOf(text: Json, end: End): PortSet {
  const range = /^(\d+)(?::(\d+))?$/.exec(String(text))
  return PROTOCOLS.map((protocol) => {
    if (range !== null) return ports(protocol, Number(range[1]), Number(range[2] ?? range[1]))
    const named = portNamed(end, protocol, String(text))
    return named === undefined ? NO_PORTS : ports(protocol, named, named)
  }).reduce(union, NO_PORTS)
}
