/** Selectors by which policies name pods: by labels that stay as they are, and no pods but those that are meant. */
import type { ControllerObject, LabelSelector, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { type END_KINDS, nextLabels, podEnds } from './network-ends.ts'
import { matchesSelector } from './selectors.ts'
import type { Workload } from './workloads.ts'

type Labels = Readonly<Record<string, string>>
type SelectorView = View<(typeof END_KINDS)[number]>

/** A part of a label's key that says that its value changes with each release, each roll-out or each pod. */
const CHANGING =
  /(^|[./_-])(version|build|commit|revision|rev|sha\d*|hash|checksum|digest|timestamp|date|time|restarted-?at|tag|generation|chart|heritage|pod-name|pod-index|job-name|job-completion-index|controller-uid|uid)([./_-]|$)|^helm\.sh\//i
/** A digest or an id, whatever its key. */
const DIGEST = /^(?=.*\d)[0-9a-f]{7,64}$|^[0-9a-f]{8}-[0-9a-f]{4}-/
export const isStableLabel = (key: string, value: string): boolean => !CHANGING.test(key) && !DIGEST.test(value)
/** Says nothing of what a pod is. */
const VAGUE = /^(app\.kubernetes\.io\/managed-by|pod-template-generation|security\.istio\.io\/.*|service\.istio\.io\/.*|sidecar\..*)$/

export const stablePairs = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([key, value]) => isStableLabel(key, String(value)) && !VAGUE.test(key)))

export interface PodSelection {
  /** Of pods without a label that stays: that they lack those of all others. */
  readonly selector: LabelSelector
  /** Workloads of the namespace that it selects though they are not meant: no label tells them apart. */
  readonly others: readonly Workload[]
}

export function selectionOf(view: SelectorView, workload: Workload): PodSelection {
  const known = derived(view, selectionsKnown)
  let found = known.get(workload)
  if (found === undefined) known.set(workload, (found = findSelection(view, workload)))
  return found
}
const selectionsKnown = () => new Map<Workload, PodSelection>()

function findSelection(view: SelectorView, workload: Workload): PodSelection {
  const own = stablePairs(commonLabels(workload))
  const members = derived(view, membersByNamespace).get(workload.namespace)
  const caught = (selector: LabelSelector) =>
    (members?.perhaps(selector) ?? []).filter(
      (one) => one !== workload && labelsOf(one).some((labels) => matchesSelector(selector, labels)),
    )
  const candidates = candidatesOf(workload, own)
  if (candidates.length === 0) {
    const selector = withoutTheirs(workload, members?.all.filter((one) => one !== workload) ?? [])
    return { selector, others: caught(selector) }
  }
  for (const selector of candidates) if (caught(selector).length === 0) return { selector, others: [] }
  const [most] = candidates.toSorted((a, b) => sizeOf(b) - sizeOf(a))
  const apart = tellApart(most!, own, caught(most!))
  return { selector: apart, others: caught(apart) }
}
const sizeOf = ({ matchLabels = {} }: LabelSelector): number => Object.keys(matchLabels).length

/** The selector of its controller cannot change while the controller lives; a Job's pods have one label of their own at least. */
function candidatesOf({ ref, object }: Workload, own: Labels): readonly LabelSelector[] {
  const selector = (object as ControllerObject | undefined)?.spec?.selector
  const pairs = ((selector as LabelSelector | undefined)?.matchLabels ??
    (ref.kind === 'ReplicationController' ? selector : undefined) ??
    {}) as Labels
  const byController = Object.fromEntries(Object.entries(pairs).filter(([key, value]) => own[key] === value))
  const lists = [byController, ...PREFERRED.map((keys) => pick(own, keys)), own].filter((labels) => Object.keys(labels).length > 0)
  const distinct = [...new Map(lists.map((labels) => [JSON.stringify(Object.entries(labels).sort()), labels])).values()]
  if (distinct.length > 0) return distinct.map((matchLabels) => ({ matchLabels }))
  const ofJobs: LabelSelector = { matchExpressions: [{ key: 'batch.kubernetes.io/job-name', operator: 'Exists' }] }
  return ref.kind === 'Job' || ref.kind === 'CronJob' ? [ofJobs] : []
}
const PREFERRED: readonly (readonly string[])[] = [
  ['app'],
  ['k8s-app'],
  ['app.kubernetes.io/name'],
  ['app.kubernetes.io/name', 'app.kubernetes.io/component'],
  ['app.kubernetes.io/name', 'app.kubernetes.io/instance'],
]
const pick = (labels: Labels, keys: readonly string[]): Labels =>
  keys.every((key) => labels[key] !== undefined) ? Object.fromEntries(keys.map((key) => [key, labels[key]!])) : {}

/** Its pods carry no label that stays: they are those that lack what the others go by. */
function withoutTheirs(workload: Workload, neighbours: readonly Workload[]): LabelSelector {
  const taken = new Set(labelsOf(workload).flatMap((labels) => Object.keys(labels)))
  let left = neighbours.map((one) => Object.keys(stablePairs(commonLabels(one))).filter((key) => !taken.has(key)))
  const keys: string[] = []
  while ((left = left.filter((theirs) => theirs.length > 0 && !theirs.some((key) => keys.includes(key)))).length > 0) {
    const count = (key: string) => left.filter((theirs) => theirs.includes(key)).length
    const [most] = [...new Set(left.flat())].toSorted((a, b) => count(b) - count(a) || (a < b ? -1 : 1))
    keys.push(most!)
  }
  return keys.length === 0 ? {} : { matchExpressions: keys.sort().map((key) => ({ key, operator: 'DoesNotExist' as const })) }
}

/** Others that have all of its labels have one more, or one of another value: that is left out by name. */
function tellApart(selector: LabelSelector, own: Labels, others: readonly Workload[]): LabelSelector {
  const keys = new Set(
    others.flatMap((other) => {
      const theirs = stablePairs(commonLabels(other))
      const key = Object.keys(theirs).find((one) => own[one] === undefined && !Object.hasOwn(selector.matchLabels ?? {}, one))
      return key === undefined ? [] : [key]
    }),
  )
  if (keys.size === 0) return selector
  const without = [...keys].sort().map((key) => ({ key, operator: 'DoesNotExist' as const }))
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...without] }
}

/** What the template and all live pods have alike: the others went with a roll-out, or come with the next. */
export function commonLabels(workload: Workload): Labels {
  const [first = {}, ...rest] = labelsOf(workload)
  return Object.fromEntries(Object.entries(first).filter(([key, value]) => rest.every((labels) => labels[key] === value)))
}
/** The template's, and those of each live pod. Of a kind that we do not read, the template is that of a pod. */
export const labelsOf = (workload: Workload): readonly Labels[] => {
  const live = workload.pods.map(({ metadata }) => metadata.labels ?? {})
  const isGuess = workload.object === undefined && live.length > 0
  return [...(isGuess ? [] : [nextLabels(workload)]), ...live]
}

const membersByNamespace = (view: SelectorView): ReadonlyMap<string, Members> => {
  const all = new Set(
    podEnds(view)
      .filter((end) => !end.hostNetwork)
      .map(({ workload }) => workload),
  )
  return new Map([...Map.groupBy(all, ({ namespace }) => namespace)].map(([name, list]) => [name, new Members(list)]))
}

/** Workloads of one namespace, found by their labels: each is asked about all others. */
class Members {
  readonly all: readonly Workload[]
  readonly #byPair = new Map<string, Set<Workload>>()

  constructor(all: readonly Workload[]) {
    this.all = all
    for (const workload of all) {
      for (const labels of labelsOf(workload)) {
        for (const [key, value] of Object.entries(labels)) {
          const pair = `${key}=${value}`
          const having = this.#byPair.get(pair)
          if (having === undefined) this.#byPair.set(pair, new Set([workload]))
          else having.add(workload)
        }
      }
    }
  }

  /** All that the selector may select, and few others; in their order. */
  perhaps({ matchLabels = {} }: LabelSelector): readonly Workload[] {
    const pairs = Object.entries(matchLabels).map(([key, value]) => this.#byPair.get(`${key}=${value}`))
    if (pairs.includes(undefined)) return []
    const [fewest] = pairs.toSorted((a, b) => a!.size - b!.size)
    return fewest === undefined ? this.all : [...fewest]
  }
}

/** One selector for several workloads, where each goes by the same single label: `app in (cart, web)`. */
export function unitedSelectors(selectors: readonly LabelSelector[]): readonly LabelSelector[] {
  const single = (selector: LabelSelector) => {
    const entries = Object.entries(selector.matchLabels ?? {})
    return entries.length === 1 && (selector.matchExpressions ?? []).length === 0 ? entries[0]! : undefined
  }
  const byKey = Map.groupBy(selectors, (selector) => single(selector)?.[0])
  return [...byKey].flatMap(([key, list]): readonly LabelSelector[] => {
    const distinct = [...new Map(list.map((one) => [JSON.stringify(one), one])).values()]
    if (key === undefined || distinct.length === 1) return distinct
    const values = distinct.map((one) => single(one)![1]).sort()
    return [{ matchExpressions: [{ key, operator: 'In', values }] }]
  })
}
