/** Loads a fixture: plain manifests, plus what is no object (facts, unread kinds, the kind of source) in one `World` document. */
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { FactName, Facts, Kind, KubeObject, Readable, Snapshot, SourceInfo, Unread } from '../../src/model/index.ts'
import { isGatekeepers, joinGatekeepers, reduceGatekeepers } from '../../src/objects/gatekeeper-constraint.ts'
import { keyOf, rememberPosition } from '../../src/objects/ref.ts'
import { kindFor, kinds, served } from '../../src/objects/served.ts'
import { snapshotOf } from '../../src/snapshot/snapshot.ts'

export interface World {
  readonly source?: 'live' | 'manifests'
  readonly kubernetes?: string
  readonly now?: string
  readonly namespaces?: readonly string[]
  readonly facts?: Partial<Facts>
  readonly unread?: readonly Unread[]
  readonly expect?: string
  /** Ids of other controls that this fixture trips as well. */
  readonly companions?: readonly string[]
}
export interface LoadedWorld {
  readonly world: World
  readonly snapshot: Snapshot
  readonly text: string
}

export const FACTS = [
  'ServerVersion',
  'ApiServerFlagz',
  'ApiServers',
  'ApiServerMetrics',
  'ApiServerHealth',
  'AnonymousProbe',
  'IssuerDiscovery',
  'ProfilingProbe',
  'Endpoint',
  'Credential',
  'KubeconfigFiles',
  'CloudIam',
  'KubeletConfigz',
  'ServedResources',
  'ImageConfigs',
  'GatekeeperConstraints',
  'PodSecurityProbe',
  'ObservedRequests',
  'ObservedFlows',
  'Hosts',
  'StoredForm',
] as const satisfies readonly FactName[]

/** The snapshot that the fixture describes. Objects are frozen, so that a control that writes to one throws. */
export function loadWorld(file: string): LoadedWorld {
  const text = readFileSync(file, 'utf8')
  return { text, ...worldOf(text) }
}

export function worldOf(text: string): { world: World; snapshot: Snapshot } {
  const documents = parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as (KubeObject & World) | null
  })
  const given: World = documents.find((document) => document?.kind === 'World') ?? {}
  const all = documents.flatMap((document, index) => (document === null || document.kind === 'World' ? [] : [{ document, index }]))
  const objects = all.filter(({ document }) => !isGatekeepers(document.apiVersion))
  // What the sources make of them.
  const constraints = all.filter(({ document }) => isGatekeepers(document.apiVersion)).map(({ document }) => reduceGatekeepers(document))
  const world: World =
    constraints.length === 0 ? given : { ...given, facts: { GatekeeperConstraints: joinGatekeepers(constraints), ...given.facts } }
  const byKind = new Map<Kind, Map<string, KubeObject>>()
  for (const { document, index } of objects) {
    const kind = kindFor(document.apiVersion, document.kind)
    if (kind === undefined) throw new Error(`${document.apiVersion} ${document.kind} is not a kind that any control reads`)
    const object = complete(document, kind)
    if (world.source === 'manifests') rememberPosition(object, { file: 'fixture.yaml', document: index, line: 1 })
    const map = byKind.get(kind) ?? new Map<string, KubeObject>()
    map.set(keyOf(object.metadata.namespace, object.metadata.name), deepFreeze(object))
    byKind.set(kind, map)
  }
  return { world, snapshot: snapshotFrom(world, byKind) }
}

export function snapshotFrom(world: World, byKind: ReadonlyMap<Kind, ReadonlyMap<string, KubeObject>>): Snapshot {
  const source: SourceInfo = {
    kind: world.source ?? 'live',
    name: 'fixture',
    kubernetes: world.kubernetes ?? 'v1.37.2',
    ...(world.namespaces && { namespaces: world.namespaces }),
  }
  const facts = new Map(Object.entries(world.facts ?? {}) as [FactName, Facts[FactName]][])
  const unreads = new Map<Readable, Unread>()
  for (const what of FACTS)
    if (!facts.has(what)) unreads.set(what, { what, why: 'not-asked', because: `${what} was not asked for`, answer: 'ask the API server' })
  for (const kind of kinds) {
    const absent = !byKind.has(kind)
    if (absent && served(kind).standing === 'file')
      unreads.set(kind, { what: kind, why: 'not-served', because: `${kind} is a file`, answer: 'scan the files' })
    else if (absent && world.source === 'manifests' && served(kind).inFiles === 'elsewhere')
      unreads.set(kind, { what: kind, why: 'not-in-manifests', because: `no ${kind} among these manifests`, answer: 'add it' })
  }
  for (const unread of world.unread ?? []) unreads.set(unread.what, unread)
  return snapshotOf({
    revision: 1,
    source,
    now: Date.parse(world.now ?? '2026-11-23T00:00:00Z'),
    synced: true,
    kinds: byKind,
    facts,
    unreads,
  })
}

/** What the sources fill in: a name for configuration files, a namespace for namespaced objects in files, Secrets without values. */
function complete(document: KubeObject, kind: Kind): KubeObject {
  const { namespaced, standing } = served(kind)
  const metadata = { ...document.metadata, name: document.metadata?.name ?? (standing === 'file' ? `${kind}.yaml` : '') }
  if (metadata.name === '') throw new Error(`a ${kind} in the fixture has no name`)
  if (namespaced && metadata.namespace === undefined) Object.assign(metadata, { namespace: 'default' })
  const object = { ...document, metadata }
  if (kind !== 'Secret') return object
  const { data, stringData, ...rest } = object as KubeObject & { data?: object; stringData?: object }
  return data === undefined && stringData === undefined ? rest : ({ ...rest, keys: Object.keys({ ...data, ...stringData }) } as KubeObject)
}

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) deepFreeze(child)
  }
  return value
}
