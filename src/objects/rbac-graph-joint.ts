/** What several identities can do that none of them can: one makes the Secret, another one reads it. Each request is one identity's. */
import type { RbacView } from './rbac-grants.ts'
import { growthOf } from './rbac-graph-binding.ts'
import { ADMIN, ANY_NODE, type Edge, EdgeFinder, rootsOf } from './rbac-graph-edges.ts'
import type { Grown } from './rbac-graph-growth.ts'
import type { PartName } from './rbac-graph-parts.ts'
import type { Gained, Step, Way } from './rbac-graph-subjects.ts'
import { type Gain, type Holder, type Power, type Powered, withGains } from './rbac-graph-subjects.ts'
import type { GraphWorld } from './rbac-graph-world.ts'

/** Rights that are good for something beside those of somebody else; the second list only where one holds all of it. */
const APART: readonly PartName[] = [
  ...(['readSecret', 'makeSecret', 'changeSecret', 'makeToken', 'makeServiceAccount', 'changeNamespace'] as const),
  ...(['makePod', 'makeApps', 'makeBatch', 'makeController', 'makeArgo', 'makeTekton', 'makeKnative', 'makeSpark'] as const),
  ...(['changeApps', 'changeBatch', 'changeController', 'makeVolume', 'makeClaim', 'makeCsr'] as const),
  ...(['writeMutation', 'writeMutationBinding', 'bindPod', 'movePod', 'evictPod', 'changeNode', 'deleteNode'] as const),
]
const TOGETHER: readonly PartName[] = ['approveCsr', 'approveSigner']
const REWRITES: readonly PartName[] = ['escalateClusterRole', 'escalateRole']

export interface Known {
  readonly view: RbacView
  readonly world: GraphWorld
  readonly edges: Map<string, readonly Edge[]>
  readonly grown: ReadonlyMap<string, Grown>
  readonly byKey: ReadonlyMap<string, Holder>
}
interface Reach {
  /** How each place is come to from the start, last edge first. */
  readonly back: ReadonlyMap<string, { readonly edge: Edge; readonly from: string } | undefined>
}

/** Edges that a holder has by what it reaches; none where it is alone, or where what it reaches is no better than itself. */
export function jointEdges(known: Known, start: string): readonly Edge[] {
  const { view, world, grown, byKey } = known
  const reach = reachOf(known.edges, start)
  if (reach.back.has(ADMIN)) return []
  const others = [...reach.back.keys()].filter((key) => key !== start && isPowerful(grown.get(key)))
  const node = [...reach.back.keys()].find((place) => place.startsWith(ANY_NODE))
  const all = grown.has(start) ? [start, ...others] : others
  const rewriters = all.filter((key) => REWRITES.some((part) => powersOf(grown.get(key)!).some(({ parts }) => parts.has(part))))
  const isOne = (grown.get(start)?.acting.length ?? 0) === 0 && others.length === 0 && node === undefined
  if (isOne && rewriters.length === 0) return []
  const gainedOf = new Map(all.map((key): [string, Gained | undefined] => [key, key === start ? undefined : { ways: [wayTo(reach, key)] }]))
  const parts = new Map<PartName, Power[]>()
  const seen = new Set<string>()
  for (const key of all)
    for (const powers of powersOf(grown.get(key)!))
      for (const power of apart(powers)) {
        const same = `${power.part} ${power.namespace} ${power.names} ${power.resources} ${power.verbs}`
        if (seen.has(same)) continue
        seen.add(same)
        parts.set(power.part!, [...(parts.get(power.part!) ?? []), asOf(power, gainedOf.get(key), key)])
      }
  const gains = rewriters.flatMap((key) =>
    powersOf(grown.get(key)!).flatMap((powers) =>
      [...reach.back.keys()].flatMap((other) =>
        (other === key ? [] : growthOf(view, powers, byKey.get(other)?.grants ?? [], true)).map((growth): Gain => {
          const by = gainedOf.get(key)?.ways[0]
          const roots = [...(by?.roots ?? growth.step.uses), ...wayTo(reach, other).roots]
          const own = { ...growth.step, by: key }
          const steps = [...new Set([...(by?.steps ?? []), ...wayTo(reach, other).steps, own])]
          return {
            grant: { ...growth.step.uses[0]!.grant, ...growth },
            powers: growth.powers,
            namespace: growth.namespace,
            gained: { ways: [{ steps, roots }] },
          }
        }),
      ),
    ),
  )
  const union: Powered = withGains(
    { parts, everything: [] },
    onceEach(gains, ({ grant: { role }, namespace, gained }) => [role, gained.ways[0]!.roots[0], namespace ?? '']),
  )
  const found = new EdgeFinder(union, world).findJoint(node === undefined ? undefined : wayTo(reach, node))
  return onceEach(
    found.filter(({ to }) => !reach.back.has(to)),
    (edge) => [rootsOf(edge)[0], undefined, edge.to],
  )
}

/** The first of those that are alike in two objects and a text: there can be thousands. */
function onceEach<T>(list: readonly T[], alike: (one: T) => readonly [object | undefined, object | undefined, string]): readonly T[] {
  const seen = new Map<object | undefined, Map<object | undefined, Set<string>>>()
  return list.filter((item) => {
    const [a, b, text] = alike(item)
    let byOther = seen.get(a)
    if (byOther === undefined) seen.set(a, (byOther = new Map()))
    let texts = byOther.get(b)
    if (texts === undefined) byOther.set(b, (texts = new Set()))
    return !texts.has(text) && texts.add(text) !== undefined
  })
}

const powersOf = ({ powers, acting }: Grown): readonly Powered[] => [powers, ...acting.map((one) => one.powers)]
const isPowerful = (one: Grown | undefined): boolean =>
  one !== undefined && powersOf(one).some(({ parts }) => [...APART, ...TOGETHER, ...REWRITES].some((part) => parts.has(part)))

const apart = ({ parts }: Powered): readonly Power[] => {
  const counting = TOGETHER.every((part) => parts.has(part)) ? [...APART, ...TOGETHER] : APART
  return counting.flatMap((part) => parts.get(part) ?? [])
}

/** A power of somebody whom one becomes first. */
function asOf(power: Power, by: Gained | undefined, key: string): Power {
  if (by === undefined) return power
  const [{ steps, roots }] = by.ways as [Way]
  const own = (power.gained?.ways[0]?.steps ?? []).map((step): Step => ({ ...step, by: step.by ?? key }))
  return { ...power, gained: { ways: [{ steps: [...steps, ...own], roots }] } }
}

function reachOf(edges: Known['edges'], start: string): Reach {
  const back = new Map<string, { readonly edge: Edge; readonly from: string } | undefined>([[start, undefined]])
  for (const from of back.keys()) for (const edge of edges.get(from) ?? []) if (!back.has(edge.to)) back.set(edge.to, { edge, from })
  return { back }
}

/** Places on the way are told with the step that leads to them. */
function wayTo({ back }: Reach, place: string): Way {
  const chain: { readonly edge: Edge; readonly from: string }[] = []
  for (let at = back.get(place); at !== undefined; at = back.get(at.from)) chain.unshift(at)
  const steps: Step[] = []
  for (const { edge, from } of chain) {
    const last = steps.at(-1)
    if (edge.uses.length > 0 || last === undefined)
      steps.push(...(edge.before ?? []).map((step) => ({ ...step, by: step.by ?? from })), {
        id: edge.id,
        can: edge.can,
        uses: edge.uses,
        by: from,
        gains: edge.to,
      })
    else steps[steps.length - 1] = { ...last, gains: edge.to, how: [last.how, edge.can].filter(Boolean).join(', ') }
  }
  return { steps, roots: chain.length === 0 ? [] : rootsOf(chain[0]!.edge) }
}
