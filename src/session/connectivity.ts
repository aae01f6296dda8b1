/** What the connectivity screens stand on: who reaches whom now and with a plan, what of it is not known, and whether anything enforces it. */
import type { Snapshot } from '../model/index.ts'
import { derived } from '../objects/derived.ts'
import type { NetworkPlugin } from '../objects/network-cni.ts'
import { END_KINDS } from '../objects/network-ends.ts'
import { type Enforcement, enforcement } from '../objects/network-enforced.ts'
import { type MatrixEnd, type ReachMatrix, reachMatrix } from '../objects/network-matrix.ts'
import type { MatrixCell } from '../objects/network-matrix-cell.ts'
import { ALL_PORTS, NO_PORTS } from '../objects/network-ports.ts'
import { REACH_KINDS, reach } from '../objects/network-reach.ts'
import { isSystemNamespace } from '../objects/ownership.ts'

/** Cluster as it is, as it would be with the steps, or what they change. */
export const SHOWS = ['now', 'planned', 'difference'] as const
export type Show = (typeof SHOWS)[number]

const wholeMatrix = (snapshot: Snapshot): ReachMatrix => reachMatrix(snapshot)
/** Once per snapshot; a cell is computed when it is asked for. */
export const matrixOf = (snapshot: Snapshot): ReachMatrix => derived(snapshot, wholeMatrix)

/** One namespace and its workloads. */
export interface NamespaceEnds {
  readonly name: string
  readonly ends: readonly MatrixEnd[]
  /** Pods, or templates of those that would run; without those of the host network, which no policy holds. */
  readonly total: number
  readonly hostNetwork: number
  readonly ingress: number
  readonly egress: number
  readonly policies: number
  readonly isOfThePlatform: boolean
}
/** By name; namespaces without workloads too. */
export const namespaceEnds = (snapshot: Snapshot): readonly NamespaceEnds[] => derived(snapshot, byNamespace)

function byNamespace(snapshot: Snapshot): readonly NamespaceEnds[] {
  const ends = Map.groupBy(
    matrixOf(snapshot).ends.filter(({ is }) => is === 'workload'),
    ({ namespace }) => namespace!,
  )
  const policies = Map.groupBy(reach(snapshot).policies, ({ namespace }) => namespace)
  const names = new Set([
    ...snapshot.all('Namespace').map(({ metadata }) => metadata.name),
    ...ends.keys(),
    ...[...policies.keys()].filter((name) => name !== undefined),
  ])
  return [...names].sort().map((name) => {
    const here = ends.get(name) ?? []
    const sum = (of: (end: MatrixEnd) => number): number => here.reduce((all, end) => all + of(end), 0)
    return {
      name,
      ends: here,
      total: sum((end) => (end.hostNetwork ? 0 : end.ends.length)),
      hostNetwork: sum((end) => (end.hostNetwork ? end.ends.length : 0)),
      ingress: sum(({ isolated }) => isolated.ingress),
      egress: sum(({ isolated }) => isolated.egress),
      policies: policies.get(name)?.length ?? 0,
      isOfThePlatform: isSystemNamespace(name),
    }
  })
}

/** Policies of every namespace: admin, baseline, and the plugins' own. */
export const clusterPolicies = (snapshot: Snapshot): number =>
  reach(snapshot).policies.filter(({ namespace }) => namespace === undefined).length

const POLICY_KINDS = REACH_KINDS.filter((kind) => !(END_KINDS as readonly string[]).includes(kind))
export interface BlindSpots {
  /** Policies that may exist and are not seen: nothing is known to be open, or shut. */
  readonly policies: readonly string[]
  /** Ends that may be missing, or labels that are not known. */
  readonly ends: readonly string[]
}
/** What could not be read, a clause each. */
export const blindSpots = (snapshot: Snapshot): BlindSpots => derived(snapshot, blindSpotsOf)
function blindSpotsOf(snapshot: Snapshot): BlindSpots {
  const policies = POLICY_KINDS.map((kind) => snapshot.unread(kind)).filter(
    (one) => one !== undefined && (one.what === 'NetworkPolicy' || one.why !== 'not-served'),
  )
  const ends = END_KINDS.map((kind) => snapshot.unread(kind)).filter(
    (one) => one !== undefined && (one.what === 'Namespace' || one.why !== 'not-in-manifests'),
  )
  const words = (list: typeof policies) => [...new Set(list.map((one) => one!.because))]
  return { policies: words(policies), ends: words(ends) }
}

const UNKNOWN: MatrixCell = { ports: NO_PORTS, perhaps: ALL_PORTS }
/** As the matrix has it; where policies could not be read, nothing is known of a pod. */
export function cellOf(snapshot: Snapshot, matrix: ReachMatrix, from: MatrixEnd, to: MatrixEnd): MatrixCell {
  const isHeld = (end: MatrixEnd): boolean => end.is === 'workload' && !end.hostNetwork
  if ((isHeld(from) || isHeld(to)) && blindSpots(snapshot).policies.length > 0) return UNKNOWN
  return matrix.cell(from, to)
}

/** Whether policies are more than words here, once per snapshot. */
export const enforced = (snapshot: Snapshot): Enforcement => derived(snapshot, enforcedIn)
const enforcedIn = (snapshot: Snapshot): Enforcement => enforcement(snapshot)
/** The plugin that makes them so; one is enough. */
export const enforcing = (snapshot: Snapshot): NetworkPlugin | undefined =>
  enforced(snapshot).enforced ? enforced(snapshot).plugins.find(({ enforces }) => enforces) : undefined

/** The namespace of a workload's id; undefined for what is no workload. A range holds one slash, an id two. */
export const namespaceOfEnd = (id: string): string | undefined => (id.split('/').length === 3 ? id.slice(0, id.indexOf('/')) : undefined)
