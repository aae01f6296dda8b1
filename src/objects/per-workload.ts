/** Controls over workloads: judged once per workload for as long as it does not change, each finding where it can be mended. */
import type { Facts, Finding, Observation, Path, PodSpec, Remark, View } from '../model/index.ts'
import { rememberedEach } from './derived.ts'
import { formatPath } from './path.ts'
import { isPlatformAgent } from './platform-agents.ts'
import { driftedPods } from './pod-revision.ts'
import { refText } from './ref.ts'
import { WORKLOAD_KINDS, type Workload, type WorkloadKind, workloads } from './workloads.ts'

/** What the images say of themselves, where that was asked for: for a judge of a control that consults `ImageConfigs`. */
export type Images = Facts['ImageConfigs'] | undefined

/**
 * An `evaluate` that judges each workload by itself: `evaluate: perWorkload(function* (workload) { … })`. Such a control lists
 * WORKLOAD_KINDS under `consults`: failures are told whatever else could not be read, and what could not be read is never passed.
 */
export function perWorkload<E>(
  judge: (workload: Workload) => Iterable<Observation<E>>,
): (view: View<WorkloadKind>) => Iterable<Observation<E> | Remark> {
  return judgedOnce(judge, () => undefined)
}

function judgedOnce<E, V extends View<WorkloadKind>>(
  judge: (workload: Workload, images: Images) => Iterable<Observation<E>>,
  imagesOf: (view: V) => Images,
): (view: V) => Iterable<Observation<E> | Remark> {
  const judgeOnce = rememberedEach((workload: Workload, images: Images): (Observation<E> | Remark)[] => {
    try {
      return [...judge(workload, images)]
    } catch (error) {
      // Files hold anything. One object that no API server would take must not hide what is wrong with the others.
      return [
        {
          unknown: `${refText(workload.ref)} could not be judged: ${error instanceof Error ? error.message : String(error)}`,
          answer: 'validate it with a server-side dry run',
        },
      ]
    }
  })
  return function* (view) {
    yield* unreadWorkloads(view)
    for (const seen of judgeOnce(workloads(view), imagesOf(view))) if (seen.length > 0) yield* seen
  }
}

/** What keeps us from having seen all workloads, or that there are none. */
export function* unreadWorkloads(view: View<WorkloadKind>): Iterable<Remark> {
  const unread = WORKLOAD_KINDS.map((kind) => view.unread(kind)).filter((one) => one !== undefined)
  for (const { because, answer } of unread) yield { unknown: because, answer }
  if (unread.length === 0 && workloads(view).length === 0) yield { notApplicable: 'there are no workloads here' }
}

/**
 * An observation about a pod spec, whichever object holds it. `at` is relative to the spec, or to what holds spec and metadata
 * where it is `besideSpec`.
 */
export type Sighting<E> = Omit<Observation<E>, 'subject' | 'at'> & { readonly at: Path; readonly besideSpec?: true }

/**
 * An `evaluate` that judges the pod spec of each workload, and those of its live pods where they differ from the template: what
 * is only there is reported as introduced after the template, or as left over from an older revision, and is not patched.
 */
export const perPodSpec = <E>(
  judge: (spec: PodSpec, workload: Workload) => Iterable<Sighting<E>>,
): ((view: View<WorkloadKind>) => Iterable<Observation<E> | Remark>) => judgedOnce(overPods(judge), () => undefined)

/** As perPodSpec, for a control that consults `ImageConfigs` too. */
export const perPodSpecAndImages = <E>(
  judge: (spec: PodSpec, workload: Workload, images: Images) => Iterable<Sighting<E>>,
): ((view: View<WorkloadKind | 'ImageConfigs'>) => Iterable<Observation<E> | Remark>) =>
  judgedOnce(overPods(judge), (view: View<WorkloadKind | 'ImageConfigs'>) => view.fact('ImageConfigs'))

const overPods = <E>(judge: (spec: PodSpec, workload: Workload, images: Images) => Iterable<Sighting<E>>) =>
  function* (workload: Workload, images: Images): Iterable<Observation<E>> {
    const drifted = driftedPods(workload)
    const seen = new Set<string>()
    const isPlatform = workload.mirror || isPlatformAgent(workload)
    const origin = isPlatform ? { origin: 'system' as const } : {}
    for (const { at, besideSpec, ...sighting } of judge(workload.spec, workload, images)) {
      if (drifted.length > 0) seen.add(identity(at, sighting))
      const from = besideSpec === true ? workload.at?.slice(0, -1) : workload.at
      if (from !== undefined) yield { ...origin, ...sighting, subject: workload.ref, at: [...from, ...at] }
      else yield { ...origin, ...sighting, subject: workload.ref, key: [formatPath(at), sighting.key ?? ''].join(' ').trim() }
    }
    for (const { pod, since } of drifted) {
      for (const { at, besideSpec: _, ...sighting } of judge(pod.spec, workload, images)) {
        if (seen.has(identity(at, sighting))) continue
        seen.add(identity(at, sighting))
        const where =
          since === 'introduced'
            ? `introduced after the template, seen in pod ${pod.metadata.name}`
            : `in pod ${pod.metadata.name} of an older revision`
        yield {
          // What was put in later is nobody's shipment.
          ...(since === 'older revision' && origin),
          ...sighting,
          subject: workload.ref,
          key: [since, formatPath(at), sighting.key ?? ''].join(' ').trim(),
          detail: [sighting.detail, where].filter(Boolean).join('; '),
          ...(since === 'older revision' && { verdict: 'review' as const }),
        }
      }
    }
  }

const identity = (at: Path, { container, key }: { readonly container?: string; readonly key?: string }): string =>
  `${container}\0${formatPath(at)}\0${key}`

/** Seen in a live pod but not in the template: patching the template would not take it away. */
export const isIntroduced = (finding: Pick<Finding, 'key'>): boolean => finding.key?.startsWith('introduced') === true
export const isOfOlderRevision = (finding: Pick<Finding, 'key'>): boolean => finding.key?.startsWith('older revision') === true
