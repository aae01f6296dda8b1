/** The Pod Security ladder: on which rung each namespace stands, what the next one is, and what stands between. */
import type { NamespaceObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { isAskedFor } from './narrowed.ts'
import { isSystemNamespace } from './ownership.ts'
import type { PodSecurityLevel } from './pod-security.ts'
import { type CLUSTER_DEFAULT_KINDS, type ClusterDefault, clusterDefault, defaultLevel } from './pod-security-default.ts'
import { type HeldTo, heldTo, tellsOf } from './pod-security-labels.ts'
import { type Blocker, type FitnessView, type NamespaceFitness, namespaceFitness, type Pin, pinOf } from './pod-security-namespace.ts'
import { refOf, refText } from './ref.ts'
import { WORKLOAD_KINDS } from './workloads.ts'

/** Workloads named one by one; what is left over is counted. */
const MOST = 50

/** It is held to baseline by its own label, and nothing in it stands in the way of restricted. */
export const couldClimb = (view: FitnessView, namespace: NamespaceObject): boolean =>
  heldTo(namespace)?.level === 'baseline' &&
  namespaceFitness(view).get(namespace.metadata.name)?.level === 'restricted' &&
  unreadWorkloads(view) === undefined

/** Why what runs in a namespace is not all known. */
export const unreadWorkloads = (view: FitnessView): string | undefined =>
  WORKLOAD_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)?.because

/** As evidence of a finding: JSON. */
export type Ladder = {
  /** The strictest level that everything in the namespace passes (privileged is passed by anything); null where not all could be read. */
  readonly passes: PodSecurityLevel | null
  /** Of the policy that it was judged by: `v1.37`. */
  readonly version: string
  /** The level above; null at the top. */
  readonly next: PodSecurityLevel | null
  /** Who keeps the namespace from the next level, and by which checks of the Pod Security Standards. */
  readonly between: readonly { readonly workload: string; readonly checks: readonly string[] }[]
  /** Workloads that `between` leaves out. */
  readonly more?: number
}

/** A namespace without workloads passes everything. */
export function ladderOf(view: FitnessView, namespace: NamespaceObject): Ladder {
  const { level = 'restricted', next = null, blockers = [] } = namespaceFitness(view).get(namespace.metadata.name) ?? {}
  return {
    passes: unreadWorkloads(view) === undefined ? level : null,
    version: pinOf(view, namespace).version,
    next,
    between: blockers
      .slice(0, MOST)
      .map(({ workload, violations }) => ({ workload: refText(workload), checks: violations.map((one) => one.check) })),
    ...(blockers.length > MOST && { more: blockers.length - MOST }),
  }
}

/** Where a namespace stands, for an overview of all of them. */
export interface Standing extends Pick<NamespaceFitness, 'next' | 'blockers'> {
  readonly name: string
  /** What it is held to by its own label, or by the cluster's default; undefined: nothing is refused. */
  readonly held: (HeldTo & { readonly byDefault: boolean }) | undefined
  /** Which level each of them announces at least; undefined: none. */
  readonly warns: PodSecurityLevel | undefined
  readonly audits: PodSecurityLevel | undefined
  /** Labels have no effect here, and why. */
  readonly ignored?: string
  /** Not all that runs here could be read, and why: what is passed is then not known. */
  readonly unread?: string
  readonly passes: PodSecurityLevel
  readonly pin: Pin
  readonly workloads: number
  /** Who fails the level that is enforced: they are refused when they are next created. */
  readonly refused: readonly Blocker[]
  readonly isOfThePlatform: boolean
}
export type LadderView = FitnessView & View<(typeof CLUSTER_DEFAULT_KINDS)[number]>

/** All namespaces that are there to stay, by name; the platform's own last. */
export const standings = (view: LadderView): readonly Standing[] => derived(view, allStandings)

function allStandings(view: LadderView): readonly Standing[] {
  const byDefault = clusterDefault(view)
  const unread = unreadWorkloads(view)
  return view
    .all('Namespace')
    .filter((namespace) => namespace.status?.phase !== 'Terminating' && isAskedFor(view, refOf(namespace)))
    .map((namespace): Standing => {
      const { name } = namespace.metadata
      const fitness = namespaceFitness(view).get(name)
      const held = heldBy(namespace, byDefault)
      const ignored = ignoredIn(name, byDefault)
      return {
        name,
        held,
        warns: toldBy(namespace, 'warn'),
        audits: toldBy(namespace, 'audit'),
        ...(ignored !== undefined && { ignored }),
        ...(unread !== undefined && { unread }),
        passes: fitness?.level ?? 'restricted',
        ...(fitness?.next !== undefined && { next: fitness.next }),
        pin: pinOf(view, namespace),
        workloads: fitness?.workloads ?? 0,
        blockers: fitness?.blockers ?? [],
        refused: held === undefined ? [] : (fitness?.blockersAt(held.level) ?? []),
        isOfThePlatform: isSystemNamespace(name) || fitness?.platform === true,
      }
    })
    .sort((a, b) => Number(a.isOfThePlatform) - Number(b.isOfThePlatform) || (a.name < b.name ? -1 : 1))
}

function heldBy(namespace: NamespaceObject, byDefault: ClusterDefault): Standing['held'] {
  const own = heldTo(namespace)
  if (own !== undefined) return { ...own, byDefault: false }
  const held = defaultLevel(namespace.metadata.name, byDefault)
  return held && { ...held, byDefault: true }
}

const toldBy = (namespace: NamespaceObject, mode: 'warn' | 'audit'): PodSecurityLevel | undefined =>
  (['restricted', 'baseline'] as const).find((level) => tellsOf(namespace, mode, level))

const ignoredIn = (name: string, byDefault: ClusterDefault): string | undefined =>
  'off' in byDefault
    ? byDefault.off
    : 'exempt' in byDefault && byDefault.exempt.includes(name)
      ? `the namespace is exempt (${byDefault.from})`
      : undefined
