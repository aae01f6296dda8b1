/** How strictly a namespace could be held without refusing any pod it runs or would run. */
import type { NamespaceObject, ObjectRef, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { isPlatformAgent } from './platform-agents.ts'
import { driftedPods } from './pod-revision.ts'
import { type JudgedPod, NEWEST_MINOR, POD_SECURITY_LEVELS, type PodSecurityLevel, type Violation, violations } from './pod-security.ts'
import { ENFORCE, isAtLeastBaseline, pinnedMinor, versionLabel } from './pod-security-labels.ts'
import { minorOf } from './version.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

export interface Blocker {
  readonly workload: ObjectRef
  readonly violations: readonly Violation[]
}
export interface NamespaceFitness {
  /** The strictest level that every workload passes, template and live pods alike. */
  readonly level: PodSecurityLevel
  /** The level above it; absent at the top. */
  readonly next?: PodSecurityLevel
  readonly workloads: number
  /** All of them are agents of the platform, which no level but privileged would admit. */
  readonly platform: boolean
  /** Who fails the next stricter level, and by what. */
  readonly blockers: readonly Blocker[]
  /** Who fails any level. */
  readonly blockersAt: (level: PodSecurityLevel) => readonly Blocker[]
}
export type FitnessView = View<WorkloadKind | 'Namespace' | 'ServerVersion'>

/** The server's own policy version, or the newest we know if that is older; undefined where the server's is not known. */
export function policyMinor(view: View<'ServerVersion'>): number | undefined {
  const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  return minor === undefined ? undefined : Math.min(minor, NEWEST_MINOR)
}

/** The version that a namespace is judged by: the one its labels pin where they enforce a level, else the server's own. */
export function policyMinorIn(view: View<'ServerVersion' | 'Namespace'>, namespace: string | undefined): number {
  const found = namespace === undefined ? undefined : view.find('Namespace', undefined, namespace)
  return pinOf(view, isAtLeastBaseline(found?.metadata.labels?.[ENFORCE]) ? found : undefined).minor
}

/** What a namespace is judged by, and would be held to: the version its enforce label is pinned to, else the server's. */
export interface Pin {
  readonly minor: number
  /** For the label: `v1.37`; `latest` where the server's version is not known. */
  readonly version: string
}
export function pinOf(view: View<'ServerVersion'>, namespace: NamespaceObject | undefined): Pin {
  const server = policyMinor(view)
  const version = namespace?.metadata.labels?.[versionLabel('enforce')]
  const pinned = pinnedMinor(version)
  // A server judges by its own version what is pinned to one that it does not know yet.
  if (pinned !== undefined) return { minor: Math.min(pinned, server ?? NEWEST_MINOR), version: version! }
  return { minor: server ?? NEWEST_MINOR, version: server === undefined ? 'latest' : `v1.${server}` }
}

/** By namespace; one without workloads is not in it. */
export const namespaceFitness = (view: FitnessView): ReadonlyMap<string, NamespaceFitness> => derived(view, judgeNamespaces)

function judgeNamespaces(view: FitnessView): ReadonlyMap<string, NamespaceFitness> {
  const byNamespace = Map.groupBy(workloads(view), (workload) => workload.namespace)
  return new Map(
    [...byNamespace].map(([name, members]) => [name, fitness(members, pinOf(view, view.find('Namespace', undefined, name)).minor)]),
  )
}

function fitness(members: readonly Workload[], minor: number): NamespaceFitness {
  const judged = members.map((workload) => ({ workload, violations: violationsOf(workload, minor) }))
  const blockersAt = (level: PodSecurityLevel): readonly Blocker[] =>
    judged.flatMap(({ workload, violations: all }) =>
      failing(all, level).length === 0 ? [] : [{ workload: workload.ref, violations: failing(all, level) }],
    )
  const level = POD_SECURITY_LEVELS.findLast((candidate) => judged.every((one) => failing(one.violations, candidate).length === 0))!
  const next = POD_SECURITY_LEVELS[POD_SECURITY_LEVELS.indexOf(level) + 1]
  return {
    level,
    ...(next !== undefined && { next }),
    workloads: members.length,
    platform: members.every(isPlatformAgent),
    blockers: next === undefined ? [] : blockersAt(next),
    blockersAt,
  }
}

/** At the restricted level; it contains the baseline, except where a restricted check stands in for one of its checks. */
interface Both {
  readonly baseline: readonly Violation[]
  readonly restricted: readonly Violation[]
}
const failing = (both: Both, level: PodSecurityLevel): readonly Violation[] => (level === 'privileged' ? [] : both[level])

/** A pod that cannot be judged passes nothing. */
function violationsOfPod(pod: JudgedPod, level: 'baseline' | 'restricted', minor: number): readonly Violation[] {
  try {
    return violations(pod, level, minor)
  } catch {
    return [{ check: 'malformed', level, detail: 'its specification is not what an API server accepts' }]
  }
}

const known = new WeakMap<Workload, { readonly minor: number; readonly both: Both }>()
function violationsOf(workload: Workload, minor: number): Both {
  const before = known.get(workload)
  if (before?.minor === minor) return before.both
  const pods = [
    { spec: workload.spec, annotations: workload.templateAnnotations },
    ...driftedPods(workload).map(({ pod }) => ({ spec: pod.spec, annotations: pod.metadata.annotations ?? {} })),
  ]
  const at = (level: 'baseline' | 'restricted') => [
    ...new Map(pods.flatMap((pod) => violationsOfPod(pod, level, minor)).map((one) => [one.check, one])).values(),
  ]
  const both = { baseline: at('baseline'), restricted: at('restricted') }
  known.set(workload, { minor, both })
  return both
}
