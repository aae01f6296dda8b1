/** `toPorts` and `icmps` of Cilium's rules. https://docs.cilium.io/en/stable/security/policy/language/#layer-4-examples */
import { type End, portNamed } from './network-ends.ts'
import { ALL_PORTS, isProtocol, NO_PORTS, type PortSet, PROTOCOLS, ports, union } from './network-ports.ts'
import { isMapping, list, type Mapping, mapping, mappings } from './spec-fields.ts'

export interface CiliumPorts {
  readonly ports: (destination: End) => PortSet
  readonly vague?: string
}

/** Rules about HTTP, Kafka and names in TLS let through less than the port; DNS rules for every name do not. */
export function ciliumPorts(rule: Mapping): readonly CiliumPorts[] {
  const lists = mappings(rule['toPorts'])
  if (lists.length === 0) return [{ ports: () => (list(rule['icmps']).length > 0 ? NO_PORTS : ALL_PORTS) }]
  return lists.map((one): CiliumPorts => {
    const entries = mappings(one['ports'])
    const kinds = mapping(one['rules'])
    const isTls = list(one['serverNames']).length > 0 || isMapping(one['listener'])
    const narrows = Object.entries(kinds).some(
      ([kind, rules]) => kind !== 'dns' || !mappings(rules).some((name) => name['matchPattern'] === '*' || name['matchPattern'] === '**.'),
    )
    return {
      ports: (destination) =>
        entries.length === 0 ? ALL_PORTS : entries.map((entry) => portsOf(entry, destination)).reduce(union, NO_PORTS),
      ...((narrows || isTls) && { vague: 'rules about what is said on the connection' }),
    }
  })
}

/** Ports are texts: numbers or names; 0 is every port, and no protocol is each of them. */
function portsOf({ port, endPort, protocol }: Mapping, destination: End): PortSet {
  const wanted = String(protocol ?? 'ANY').toUpperCase()
  const protocols = wanted === 'ANY' ? PROTOCOLS : isProtocol(wanted) ? [wanted] : []
  const text = String(port ?? '0')
  return protocols
    .map((one) => {
      if (!/^\d+$/.test(text)) {
        const named = portNamed(destination, one, text.toLowerCase())
        return named === undefined ? NO_PORTS : ports(one, named, named)
      }
      const first = Number(text)
      return first === 0 ? ports(one) : ports(one, first, Math.max(first, Number(endPort ?? 0)))
    })
    .reduce(union, NO_PORTS)
}
