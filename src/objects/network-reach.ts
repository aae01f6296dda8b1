/**
 * What the policies of a cluster let through between two ends, with the exact semantics of their APIs. Says what would be enforced:
 * whether anything enforces it is network-cni.ts's to say.
 */
import type { ObjectRef, Unread, View } from '../model/index.ts'
import { derived, lasting } from './derived.ts'
import { Classes } from './network-classes.ts'
import { END_KINDS, type End, type NodeEnd, nodeEnds, type PodEnd, podEnds } from './network-ends.ts'
import { type EndGroup, type Placed, type Places, placedIn, placeOf, type Reaching } from './network-placed.ts'
import { compiledFor, isOnCilium, POLICY_KINDS } from './network-policies.ts'
import { ALL_PORTS, intersection } from './network-ports.ts'
import type { CompiledPolicy } from './network-rules.ts'
import { type Answer, NO, PERHAPS, YES } from './network-selectors.ts'
import {
  type Applying,
  applying,
  around,
  type Connection,
  type Direction,
  decided,
  EVERYTHING,
  facings,
  overAll,
  programOf,
  type TierProgram,
} from './network-verdict.ts'

export type { Connection, EndGroup, Reaching }
export const REACH_KINDS = [...END_KINDS, ...POLICY_KINDS] as const
export type ReachView = View<(typeof REACH_KINDS)[number]>

export interface Reach {
  readonly ends: readonly PodEnd[]
  readonly policies: readonly CompiledPolicy[]
  /** Kinds of policies that are served and could not be read: whatever is let through here, one of them may deny. */
  readonly unread: readonly Unread[]
  /** Replies are always let through, so this is about who opens a connection (or sends the first packet). */
  connection(from: End, to: End): Connection
  /** Has it nothing to do with policies: a pod and itself, a pod and its own node, nodes among themselves? */
  isBeyondPolicies(from: End, to: End): Answer
  /** The policies that isolate a pod for sure, by direction; a pod of the host network has none. */
  isolating(pod: PodEnd, direction: Direction): readonly ObjectRef[]
  /** All of `ends`, each in one group. */
  readonly groups: readonly EndGroup[]
  groupOf(pod: PodEnd): EndGroup
  /** What policies let through into the pods of a group: all groups, by what they may do. What is beyond policies comes on top. */
  into(group: EndGroup): readonly Reaching[]
  /** The same of one group, one object for all that may do the same. The first question about `to` works out all that is let into it. */
  between(from: EndGroup, to: EndGroup): Connection
  /** Pairs of pods, and between how many of them policies let some port through whatever is not known: the whole matrix, computed. */
  totals(): { readonly pairs: number; readonly open: number }
}

/** Once per snapshot; of the snapshot before it everything is kept that a change does not touch. */
export const reach = (view: ReachView): Reach => derived(view, reachOf)

/** For as long as the policies are the same. */
interface Kept {
  readonly policies: readonly CompiledPolicy[]
  readonly around: ReturnType<typeof around>
  classes: Classes
  places: Places
}
const keptBy = (onCilium: boolean) =>
  lasting(POLICY_KINDS, (view): Kept => {
    const policies = compiledFor(view, onCilium)
    return { policies, around: around(policies), classes: new Classes(policies, 1), places: new WeakMap() }
  })
const [keptOnCilium, keptElsewhere] = [keptBy(true), keptBy(false)]

function reachOf(view: ReachView): Reach {
  const kept = isOnCilium(view) ? keptOnCilium(view) : keptElsewhere(view)
  const { policies } = kept
  const ends = podEnds(view)
  const nodes = new Map(nodeEnds(view).map((node) => [node.name, node]))
  const nodeNamed = (name: string) => nodes.get(name)
  let sorting: [Classes, Places] | undefined
  const sorted = () => {
    sorting ??= classesFor(kept, ends, nodes.values())
    return sorting
  }
  let placed: Placed | undefined
  const place = () => {
    placed ??= placedIn(...sorted(), ends, nodeNamed)
    return placed
  }
  const programs = new WeakMap<PodEnd, Readonly<Record<Direction, readonly TierProgram[]>>>()
  const programsOf = (pod: PodEnd) => {
    let known = programs.get(pod)
    if (known === undefined) {
      const list = selecting(kept.around, pod)
      programs.set(pod, (known = { ingress: programOf(list, 'ingress'), egress: programOf(list, 'egress') }))
    }
    return known
  }
  const side = (pod: End, direction: Direction, other: End, destination: End): Connection =>
    pod.is !== 'pod' || pod.hostNetwork
      ? EVERYTHING
      : overAll(facings(other, nodeNamed).map((facing) => decided(programsOf(pod)[direction], facing, destination)))
  const decide = (from: End, to: End): Connection => {
    const [out, into] = [side(from, 'egress', to, to), side(to, 'ingress', from, to)]
    return { ports: intersection(out.ports, into.ports), perhaps: intersection(out.perhaps, into.perhaps) }
  }
  const decisions = new Map<number, Connection>()
  /** Once for all pods of the same two classes. */
  const decidedOnce = (from: End, to: End): Connection => {
    if (from.is !== 'pod' || to.is !== 'pod') return decide(from, to)
    const [classes, places] = sorted()
    const key = placeOf(classes, places, from, nodeNamed).index * 2 ** 26 + placeOf(classes, places, to, nodeNamed).index
    let known = decisions.get(key)
    if (known === undefined) {
      if (decisions.size >= MOST_DECISIONS) decisions.clear()
      decisions.set(key, (known = decide(from, to)))
    }
    return known
  }
  return {
    ends,
    policies,
    unread: POLICY_KINDS.map((kind) => view.unread(kind)).filter((one) => one !== undefined && one.why !== 'not-served') as Unread[],
    isBeyondPolicies,
    connection(from, to) {
      const beyond = isBeyondPolicies(from, to)
      if (beyond === YES) return EVERYTHING
      const known = decidedOnce(from, to)
      return beyond === PERHAPS ? { ...known, perhaps: ALL_PORTS } : known
    },
    isolating: (pod, direction) =>
      selecting(kept.around, pod)
        .filter(({ policy, sure }) => sure && policy[direction]?.isolates === true)
        .map(({ policy }) => policy.ref),
    get groups() {
      return place().groups
    },
    groupOf: (pod) => place().groupOf(pod),
    into: (group) => place().into(group),
    between: (from, to) => place().between(from, to),
    totals: () => place().totals(),
  }
}

const MOST_DECISIONS = 1_000_000

/** Anew where ends have more addresses than before, or most classes are those of pods that are gone. */
function classesFor(kept: Kept, ends: readonly PodEnd[], nodes: Iterable<NodeEnd>): [Classes, Places] {
  let layers = kept.classes.layers
  for (const { ips } of ends) if (ips.length > layers) layers = ips.length
  for (const { ips } of nodes) if (ips.length > layers) layers = ips.length
  if (layers > kept.classes.layers || kept.classes.size > 2 * ends.length + SPARE) {
    kept.classes = new Classes(kept.policies, layers)
    kept.places = new WeakMap()
  }
  return [kept.classes, kept.places]
}
const SPARE = 1000
const selecting = (policies: Kept['around'], pod: PodEnd): readonly Applying[] =>
  pod.hostNetwork
    ? []
    : policies(pod.namespace.name)
        .map((policy) => applying(policy, pod))
        .filter((one) => one !== undefined)

/** NetworkPolicy v1: a pod cannot block itself, nor traffic to and from its own node. What a template stands for may be two pods. */
function isBeyondPolicies(from: End, to: End): Answer {
  if (from === to) return from.is !== 'pod' || from.pod !== undefined ? YES : PERHAPS
  if (from.is === 'pod' && to.is === 'pod' && from.pod !== undefined && from.pod === to.pod) return YES
  const [fromNode, toNode] = [hasNodeAddress(from), hasNodeAddress(to)]
  if (fromNode === toNode) return fromNode ? YES : NO
  const [a, b] = [nodeOf(from), nodeOf(to)]
  if (from.is === 'address' || to.is === 'address') return NO
  return a === undefined || b === undefined ? PERHAPS : a === b ? YES : NO
}
const hasNodeAddress = (end: End): boolean => end.is === 'node' || (end.is === 'pod' && end.hostNetwork)
const nodeOf = (end: End): string | undefined => (end.is === 'node' ? end.name : end.is === 'pod' ? end.node : undefined)
