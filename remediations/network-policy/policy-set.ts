/**
 * The policies that close a namespace in one direction, in an order in which each can be written while the others are not there yet:
 * a policy isolates what it selects from the moment it exists, so the first to select a pod holds all that the pod needs.
 */
import type { LabelSelector, NetworkPolicyObject } from '../../src/model/index.ts'
import type { PodEnd } from '../../src/objects/network-ends.ts'
import type { NeedView } from '../../src/objects/network-needs.ts'
import { labelsOf, selectionOf, stablePairs, unitedSelectors } from '../../src/objects/network-pod-selector.ts'
import { policyTypes } from '../../src/objects/network-policy-types.ts'
import { type ReachView, reach } from '../../src/objects/network-reach.ts'
import { both, complementOf } from '../../src/objects/network-selector-complement.ts'
import { endsByNamespace } from '../../src/objects/network-service-targets.ts'
import { refText } from '../../src/objects/ref.ts'
import { matchesPairs, matchesSelector } from '../../src/objects/selectors.ts'
import type { Workload } from '../../src/objects/workloads.ts'
import { throughMesh } from './mesh.ts'
import { type Direction, merged, type PolicyDraft, policyObject, type Rule } from './policy-rules.ts'

/** What some pods need beyond what all do. `name`: of the policy that would hold this alone. */
export interface Grant {
  readonly to: Workload | Readonly<Record<string, string>>
  readonly name: string
  readonly rule: Rule
}
/** What every pod needs, in policies of their own; the first that is written holds all of it. */
export interface Common {
  readonly name: string
  readonly rules: readonly Rule[]
}
export interface Wanted {
  readonly view: NeedView & ReachView
  readonly namespace: string
  readonly direction: Direction
  readonly grants: readonly Grant[]
  readonly commons: readonly Common[]
  readonly deny: { readonly name: string; readonly because: string }
}

export type PolicySet =
  | { readonly policies: readonly NetworkPolicyObject[]; readonly named: readonly PolicyDraft[]; readonly mayBreak: readonly string[] }
  | { readonly refused: string }

/** Pods that policies isolate already keep what those let through, and get no more. */
export function policySet(wanted: Wanted): PolicySet {
  const { view, namespace, direction, grants, commons, deny } = wanted
  const { isolated, open } = membersOf(wanted)
  const isMixed = isolated.length > 0
  // What is isolated now stands in the selectors of policies: whatever they do not select is open, pods that come later too.
  const rest = isMixed ? restOf(wanted, isolated) : [{}]
  const groups = groupsOf(wanted, open)
  const groupOf = new Map(groups.flatMap((members) => [...members].map((workload) => [workload as Grant['to'], members] as const)))
  const granted = Map.groupBy(grants, ({ to }) => groupOf.get(to))
  const drafts: PolicyDraft[] = []
  const all = commons.flatMap(({ rules }) => rules)
  const sets = Map.groupBy(
    groups.map((members) => {
      const own = granted.get(members) ?? []
      return { members: [...members], name: own[0]?.name, rules: merged(own.map(({ rule }) => rule)) }
    }),
    ({ rules }) => JSON.stringify(rules.map(({ peers, ports }) => [peers, ports])),
  )
  for (const same of sets.values()) {
    const rules = same[0]!.rules.map((rule, index) => ({
      ...rule,
      because: [...new Set(same.flatMap((one) => one.rules[index]!.because))],
    }))
    // What all of them need selects all that are open, where that can be said.
    if (rules.length === 0 && (rest !== undefined || all.length === 0)) continue
    const selectors: LabelSelector[] = []
    for (const workload of same.flatMap((one) => one.members)) {
      const { selector } = selectionOf(view, workload)
      const caught = isolated.find(({ labels }) => matchesSelector(selector, labels))
      if (caught !== undefined && rest === undefined) return { refused: noLabel(workload, caught.workload) }
      selectors.push(...(caught === undefined ? [selector] : rest!.map((one) => both(selector, one))))
    }
    const name = same.map((one) => one.name).find((one) => one !== undefined) ?? commons[0]!.name
    for (const pods of unitedSelectors(selectors)) drafts.push({ name, pods, rules: merged([...rules, ...all]) })
  }
  const forLater = absentPods(wanted, all)
  const named = [...drafts, ...forLater]
  const filled = commons.filter(({ rules }) => rules.length > 0)
  const shared = (rest ?? []).flatMap((pods) =>
    filled.map(({ name, rules }, index): PolicyDraft => ({ name, pods, rules: index === 0 ? merged(all) : rules })),
  )
  const taken = new Set(
    view
      .all('NetworkPolicy')
      .filter(({ metadata }) => (metadata.namespace ?? 'default') === namespace)
      .map(({ metadata }) => metadata.name),
  )
  const last: PolicyDraft = { name: deny.name, pods: {}, rules: [], because: deny.because }
  const carry = throughMesh(view, namespace)
  const carried = (draft: PolicyDraft) => ({ ...draft, rules: draft.rules.map(carry) })
  return {
    policies: [...named, ...shared, last].map((draft) => policyObject(namespace, direction, carried(draft), taken)),
    named,
    mayBreak: rest === undefined ? [ONLY_THESE] : [],
  }
}

const ONLY_THESE =
  'policies isolate some pods here by more than a few labels: the others are named one by one, and pods that come later with other labels get the deny alone'
const noLabel = (workload: Workload, other: Workload): string =>
  `no label tells the pods of ${refText(workload.ref)} from those of ${refText(other.ref)}, which are isolated already: a rule for the ones would open the others`

function membersOf({ view, namespace, direction }: Wanted): { isolated: readonly PodEnd[]; open: readonly Workload[] } {
  const { isolating } = reach(view)
  const ends = (endsByNamespace(view).get(namespace) ?? []).filter((end) => !end.hostNetwork)
  const isIsolated = (end: PodEnd) => isolating(end, direction).length > 0
  return { isolated: ends.filter(isIsolated), open: [...new Set(ends.filter((end) => !isIsolated(end)).map(({ workload }) => workload))] }
}

/** Undefined: policies of another kind isolate some of them, or it would take too many selectors. */
function restOf({ view, namespace, direction }: Wanted, isolated: readonly PodEnd[]): readonly LabelSelector[] | undefined {
  const type = direction === 'ingress' ? 'Ingress' : 'Egress'
  const selectors = view
    .all('NetworkPolicy')
    .filter((policy) => (policy.metadata.namespace ?? 'default') === namespace && policyTypes(policy).includes(type))
    .map(({ spec }) => spec?.podSelector ?? {})
  const isOfThese = ({ labels }: PodEnd) => selectors.some((selector) => matchesSelector(selector, labels))
  return isolated.every(isOfThese) ? complementOf(selectors) : undefined
}

/** Workloads whose pods no label tells apart are one: what one of them needs, all are given. */
function groupsOf({ view }: Wanted, open: readonly Workload[]): readonly ReadonlySet<Workload>[] {
  const groups = new Map(open.map((workload) => [workload, new Set([workload])]))
  for (const workload of open) {
    for (const other of selectionOf(view, workload).others) {
      const [ours, theirs] = [groups.get(workload)!, groups.get(other)]
      if (theirs === undefined || theirs === ours) continue
      for (const member of theirs) groups.set(member, ours.add(member))
    }
  }
  return [...new Set(groups.values())]
}

/** Of Services whose pods are not there: an operator may make them, or they are scaled away with their controller. */
function absentPods({ view, namespace, direction, grants }: Wanted, commons: readonly Rule[]): readonly PolicyDraft[] {
  const here = endsByNamespace(view).get(namespace) ?? []
  const theirs = view
    .all('NetworkPolicy')
    .filter((policy) => (policy.metadata.namespace ?? 'default') === namespace && policyTypes(policy).includes(TYPES[direction]))
  const isIsolated = (labels: Readonly<Record<string, string>>) =>
    theirs.some(({ spec: { podSelector = {} } = {} }) => isSureOfMore(podSelector) && matchesSelector(podSelector, labels))
  const later = grants.filter(({ to }) => !isWorkload(to) && !isIsolated(to))
  return [...Map.groupBy(later, ({ to }) => JSON.stringify(to)).values()].map((same): PolicyDraft => {
    const labels = same[0]!.to as Readonly<Record<string, string>>
    const stays = stablePairs(labels)
    const catches =
      Object.keys(stays).length === 0 || here.some(({ workload }) => labelsOf(workload).some((one) => matchesPairs(stays, one)))
    const pods: LabelSelector = { matchLabels: catches ? labels : stays }
    return { name: same[0]!.name, pods, rules: merged([...merged(same.map(({ rule }) => rule)), ...commons]) }
  })
}
/** Matches a pod with these labels whatever others it has. */
const isSureOfMore = ({ matchExpressions }: LabelSelector): boolean =>
  (matchExpressions ?? []).every(({ operator }) => operator === 'In' || operator === 'Exists')
const TYPES = { ingress: 'Ingress', egress: 'Egress' } as const
const isWorkload = (to: Grant['to']): to is Workload => 'ref' in to
