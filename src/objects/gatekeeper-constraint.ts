/** What is kept of Gatekeeper's objects as they arrive, from a server or a file: https://open-policy-agent.github.io/gatekeeper/website/docs/howto */
import type { Facts, GatekeeperConstraint, Json } from '../model/index.ts'

export const CONSTRAINT_GROUP = 'constraints.gatekeeper.sh'
export const CONFIG_GROUP = 'config.gatekeeper.sh'
/** Characters of JSON. Those of the library have a few hundred. */
const LARGEST = 64 * 1024

type Mapping = { readonly [key: string]: Json }
const mapping = (value: unknown): Mapping =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Mapping) : {}
const list = (value: unknown): readonly Mapping[] => (Array.isArray(value) ? value.map(mapping) : [])

/** `apiVersion` of something that the fact is made of. */
export const isGatekeepers = (apiVersion: string): boolean =>
  apiVersion.startsWith(`${CONSTRAINT_GROUP}/`) || apiVersion.startsWith(`${CONFIG_GROUP}/`)

type Fact = Facts['GatekeeperConstraints']
/** What one object of either group adds to the fact; nothing where it is none. */
export function reduceGatekeepers(object: unknown): Fact {
  const wire = mapping(object)
  const group = String(wire['apiVersion']).split('/')[0]
  const name = mapping(wire['metadata'])['name']
  const { kind } = wire
  const isConstraint = group === CONSTRAINT_GROUP && typeof kind === 'string' && typeof name === 'string'
  return {
    constraints: isConstraint ? [constraintOf(wire, kind, name)] : [],
    // Gatekeeper itself heeds no Config of another name.
    excluded: group === CONFIG_GROUP && kind === 'Config' && name === 'config' ? excludedBy(wire) : [],
  }
}

/** In an order of its own, so that it compares. */
export function joinGatekeepers(parts: readonly Fact[]): Fact {
  const key = ({ kind, name }: GatekeeperConstraint) => `${kind}/${name}`
  return {
    constraints: parts.flatMap(({ constraints }) => constraints).sort((a, b) => (key(a) < key(b) ? -1 : 1)),
    excluded: [...new Set(parts.flatMap(({ excluded }) => excluded))].sort(),
  }
}

function constraintOf(wire: Mapping, kind: string, name: string): GatekeeperConstraint {
  const spec = mapping(wire['spec'])
  const { enforcementAction = 'deny' } = spec
  const match = mapping(spec['match'])
  const parameters = mapping(spec['parameters'])
  const isCut = JSON.stringify([match, parameters]).length > LARGEST
  const enforced = enforcedBy(wire)
  return {
    kind: kind.slice(0, 253),
    name: name.slice(0, 253),
    // What is no text is nothing that this tool knows the meaning of.
    enforcementAction: typeof enforcementAction === 'string' ? enforcementAction.toLowerCase() : 'scoped',
    ...(isCut ? { match: {}, parameters: {}, cut: true as const } : { match, parameters }),
    ...(enforced !== undefined && { enforced }),
  }
}

/** One pod of the webhook is enough: each of them answers alike, and an audit pod alone refuses nothing. */
function enforcedBy({ metadata, status }: Mapping): boolean | undefined {
  if (status === undefined) return undefined
  const { generation } = mapping(metadata)
  return list(mapping(status)['byPod']).some(
    ({ enforced, operations, observedGeneration }) =>
      enforced === true &&
      (operations === undefined || (Array.isArray(operations) && operations.includes('webhook'))) &&
      (observedGeneration === undefined || generation === undefined || observedGeneration === generation),
  )
}

const excludedBy = (config: Mapping): readonly string[] =>
  list(mapping(config['spec'])['match']).flatMap(({ excludedNamespaces, processes }) =>
    Array.isArray(excludedNamespaces) && Array.isArray(processes) && processes.some((one) => one === '*' || one === 'webhook')
      ? excludedNamespaces.map(String)
      : [],
  )
