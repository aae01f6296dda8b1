/** What a holder could add to its own rights: by binding a stronger role (E03), or by rewriting a role that it is bound to (E02). */
import { type Grant, type RbacView, rulesOf } from './rbac-grants.ts'
import { type Acting, actingAs } from './rbac-graph-acting.ts'
import { allows, type Growth, growthOf, inText, isIn } from './rbac-graph-binding.ts'
import { addWays } from './rbac-graph-gains.ts'
import { type PartName, powersOf } from './rbac-graph-parts.ts'
import type { Gained } from './rbac-graph-subjects.ts'
import { EVERY_NAMESPACE, type Gain, type Holders, type Power, type Powered, STAR_ROLE, withGains } from './rbac-graph-subjects.ts'
import type { GraphWorld } from './rbac-graph-world.ts'

/** What a holder comes to have, and what it comes to have as somebody else: rights of one request have to be one identity's. */
export interface Grown {
  readonly powers: Powered
  readonly acting: readonly Acting[]
  /** Grants, and those that it can give itself. */
  readonly bound: readonly (Grant | Gain)[]
}

/**
 * All that a holder has once it gave itself whatever it may give itself: rights only ever add up, so they are all taken at once, and
 * again for what those let it take, until nothing is new.
 */
export function grown(view: RbacView, world: Pick<GraphWorld, 'constrained'>, all: Holders, start: Powered, own: readonly Grant[]): Grown {
  const found = new Map<string, Gained>()
  let [powers, bound]: [Powered, readonly (Grant | Gain)[]] = [start, own]
  // Whoever has everything somewhere gains nothing more there, by its roles or as somebody else.
  let growing = start
  if (start.everything.length > 0) return { powers, acting: [], bound }
  const acting = () => (world.constrained && ACTING.some((part) => growing.parts.has(part)) ? actingAs(growing, bound, all) : [])
  let as = acting()
  for (let more = true; more; ) {
    more = false
    const gains: Gain[] = []
    const mine = bound.map((one) => ('powers' in one ? one.grant : one))
    const growths = [
      ...growthOf(view, growing, mine),
      ...as.flatMap((one) => [...growthOf(view, one.powers, mine), ...passedOn(view, one, mine)]),
    ]
    for (const { role, powers: its, namespace, step } of growths) {
      const what = `${role.kind}/${role.metadata.namespace ?? ''}/${role === STAR_ROLE ? '*' : role.metadata.name}@${namespace ?? ''}`
      const gained = found.get(what) ?? { ways: [] }
      more = addWays(gained, step) || more
      if (found.has(what)) continue
      found.set(what, gained)
      gains.push({ grant: { ...step.uses[0]!.grant, role, namespace, rules: rulesOf(view, role) }, powers: its, namespace, gained })
    }
    if (gains.length === 0) continue
    powers = withGains(powers, gains)
    growing = withGains(
      growing,
      gains.filter(({ grant }) => grant.role !== STAR_ROLE),
    )
    bound = [...bound, ...gains]
    as = acting()
  }
  return { powers, acting: as, bound }
}
const ACTING: readonly PartName[] = ['actAsUser', 'actAsAccount']

/** Whoever may write bindings passes on what it holds (E04): to the one who acts as it. */
function passedOn(view: RbacView, { powers, grants }: Acting, mine: readonly Grant[]): readonly Growth[] {
  const held = (part: PartName): readonly Power[] => powers.parts.get(part) ?? []
  const found: Growth[] = []
  for (const { role, namespace, binding } of grants) {
    if (role === undefined) continue
    const gain = (where: string | undefined, use: Power, can = `bind ${role.metadata.name}${inText(where)}`) =>
      found.push({ role, powers: powersOf(rulesOf(view, role)), namespace: where, step: { id: 'E04', can, uses: [use] } })
    for (const make of namespace === undefined ? held('makeClusterRoleBinding').slice(0, 1) : []) gain(undefined, make)
    for (const make of held('makeRoleBinding'))
      if (isIn(make, namespace ?? make.namespace ?? EVERY_NAMESPACE)) gain(namespace ?? make.namespace ?? EVERY_NAMESPACE, make)
    for (const change of held(binding.kind === 'ClusterRoleBinding' ? 'changeClusterRoleBinding' : 'changeRoleBinding'))
      if (allows(change, binding.metadata.name) && isIn(change, namespace)) gain(namespace, change)
    for (const one of namespace === undefined ? mine : [])
      for (const change of one.role?.kind === 'ClusterRole' ? held('changeClusterRole') : [])
        if (allows(change, one.role!.metadata.name))
          gain(one.namespace, change, `write ${role.metadata.name} into ClusterRole ${one.role!.metadata.name}`)
  }
  return found
}
