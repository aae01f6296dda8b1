/**
 * Constrained impersonation (E06, KEP-5284): as another identity, but for those verbs only that `impersonate-on:MODE:VERB` names. Checks
 * that are made beside the request (bind, escalate, approve) are about the other identity alone.
 */
import type { PolicyRule } from '../model/index.ts'
import type { Grant } from './rbac-grants.ts'
import { waysTo } from './rbac-graph-gains.ts'
import { type PartName, powersIn } from './rbac-graph-parts.ts'
import type { Step } from './rbac-graph-subjects.ts'
import { EVERY_NAMESPACE, type Gain, type Holder, type Holders, type Power, type Powered, withGains } from './rbac-graph-subjects.ts'
import { MASTERS } from './rbac-impersonation.ts'
import { isNamed, resourceCovers } from './rbac-rules.ts'

/** One identity that somebody can act as. */
export interface Acting {
  /** What is left of its rights; all of them gained. */
  readonly powers: Powered
  /** What it is bound to. */
  readonly grants: readonly Grant[]
}
/** A rule that says what may be done in a mode. */
type On = Power & { readonly verbs: readonly string[] }

/** `bound`: all grants of the holder, those it could give itself with how. */
export function actingAs(powers: Powered, bound: readonly (Grant | Gain)[], { byKey }: Holders): readonly Acting[] {
  const held = (part: PartName): readonly Power[] => powers.parts.get(part) ?? []
  const found: Acting[] = []
  const [users, groups, accounts] = [held('actAsUser'), held('actAsGroup'), held('actAsAccount')]
  const act = (mode: string, whom: readonly (readonly [Holder, readonly Power[], string])[], ons = onRules(mode, bound)): void => {
    const grants = whom.flatMap(([one]) => one.grants)
    const gains = whom.flatMap(([one, uses, text]) =>
      ons.flatMap((on) => {
        const ways = waysTo([...uses, on])
        const step: Step = {
          id: 'E06',
          can: `act as ${text} for ${on.verbs.join(', ')} on ${on.resources.join(', ')}`,
          uses: [...uses, on],
        }
        const gained = { ways: ways.map(({ steps, roots }) => ({ steps: [...steps, step], roots })) }
        return one.grants.flatMap((grant): readonly Gain[] => {
          const within = narrower(grant.namespace, on.namespace)
          const aside = { grant, powers: only(grant.rules, BESIDE), namespace: grant.namespace, gained }
          if (within === false || grant.role === undefined) return [aside]
          return [aside, { grant, powers: without(left(grant.rules, on), [...BESIDE, ...NEVER]), namespace: within, gained }]
        })
      }),
    )
    if (gains.length > 0) found.push({ powers: withGains(NOTHING, gains), grants })
  }
  const may = (list: readonly Power[], name: string) => list.find(({ names }) => names?.includes(name) ?? true)
  if (users.length > 0) {
    const others = [...byKey.values()]
    const members = others.flatMap((one) => {
      const by = one.kind === 'Group' && one.name !== MASTERS ? may(groups, one.name) : undefined
      return by === undefined ? [] : [[one, [by, users[0]!], `a member of ${one.name}`] as const]
    })
    const named = others.flatMap((one) => {
      const by = one.kind === 'User' && !one.name.startsWith('system:node:') ? may(users, one.name) : undefined
      return by === undefined ? [] : [[one, [by], `user ${one.name}`] as const]
    })
    for (const one of named) act('user-info', [one, ...members])
    if (named.length === 0) act('user-info', members)
  }
  for (const power of accounts)
    for (const one of byKey.values()) {
      const isIn =
        one.kind === 'ServiceAccount' && (power.namespace === undefined || [EVERY_NAMESPACE, one.namespace].includes(power.namespace))
      if (isIn && (power.names?.includes(one.name) ?? true)) act('serviceaccount', [[one, [power], `${one.namespace}/${one.name}`]])
    }
  return found
}
const NOTHING: Powered = { parts: new Map(), everything: [] }

/** Whom somebody can act as without that identity being bound to anything gains nothing by it. */
export const nodesActedAs = (
  powers: Powered,
  bound: readonly (Grant | Gain)[],
): readonly { readonly power: Power; readonly on: Power; readonly own: boolean }[] =>
  (
    [
      ['actAsNode', 'arbitrary-node', false],
      ['actAsOwnNode', 'associated-node', true],
    ] as const
  ).flatMap(([part, mode, own]) =>
    (powers.parts.get(part) ?? [])
      .filter(({ names }) => !own || names === undefined || names.includes('*'))
      .flatMap((power) =>
        onRules(mode, bound)
          .filter(
            ({ rule, verbs }) => TOKENS.every((each) => coversAsked(rule, each)) && verbs.some((verb) => verb === 'create' || verb === '*'),
          )
          .map((on) => ({ power, on, own })),
      ),
  )
const TOKENS = ['serviceaccounts/token']
const coversAsked = (rule: PolicyRule, resource: string): boolean =>
  (rule.apiGroups ?? []).some((group) => group === '' || group === '*') &&
  (rule.resources ?? []).some((pattern) => resourceCovers(pattern, resource))

/** `verbs`: those that may be used, without the mode. */
function onRules(mode: string, bound: readonly (Grant | Gain)[]): readonly On[] {
  const prefix = `impersonate-on:${mode}:`
  return bound.flatMap((one) => {
    const [grant, gained] = 'powers' in one ? [one.grant, one.gained] : [one, undefined]
    return grant.rules.flatMap((rule, index): readonly On[] => {
      const verbs = (rule.verbs ?? []).flatMap((verb) =>
        verb === '*' ? ['*'] : verb.startsWith(prefix) ? [verb.slice(prefix.length)] : [],
      )
      if (verbs.length === 0 || (rule.resources ?? []).length === 0) return []
      const names = isNamed(rule) ? rule.resourceNames! : undefined
      return [{ rule, index, names, verbs, resources: rule.resources!, grant, namespace: grant.namespace, ...(gained && { gained }) }]
    })
  })
}

/** A request has to be allowed by a rule of the identity, and its verb by one that is good in the mode. */
const left = (rules: readonly PolicyRule[], { rule: on, verbs }: On): readonly PolicyRule[] =>
  rules.flatMap((rule) => {
    const both = {
      verbs: inBoth(rule.verbs ?? [], verbs, (a, b) => a === '*' || a === b),
      apiGroups: inBoth(rule.apiGroups ?? [], on.apiGroups ?? [], (a, b) => a === '*' || a === b),
      resources: inBoth(rule.resources ?? [], on.resources ?? [], resourceCovers),
    }
    if (Object.values(both).some((list) => list.length === 0)) return []
    if (!isNamed(rule) && !isNamed(on)) return [both]
    const names = isNamed(rule) && isNamed(on) ? rule.resourceNames!.filter((name) => on.resourceNames!.includes(name)) : undefined
    const resourceNames = names ?? (isNamed(rule) ? rule : on).resourceNames!
    return resourceNames.length === 0 ? [] : [{ ...both, resourceNames }]
  })
function inBoth(a: readonly string[], b: readonly string[], coversOther: (one: string, other: string) => boolean): readonly string[] {
  const within = (list: readonly string[], others: readonly string[]) =>
    list.filter((one) => others.some((other) => coversOther(other, one)))
  return [...new Set([...within(a, b), ...within(b, a)])]
}

const narrower = (one: string | undefined, other: string | undefined): string | undefined | false => {
  if (one === undefined || one === other) return other
  if (other === undefined || other === EVERY_NAMESPACE) return one
  return one === EVERY_NAMESPACE ? other : false
}

const BESIDE: readonly PartName[] = ['bindClusterRole', 'bindRole', 'escalateClusterRole', 'escalateRole', 'approveSigner']
/** Nobody acts as somebody while acting as somebody else. */
const NEVER: readonly PartName[] = [
  'impersonateUser',
  'impersonateGroup',
  'impersonateServiceAccount',
  'actAsUser',
  'actAsGroup',
  'actAsAccount',
  'actAsNode',
  'actAsOwnNode',
]
const only = (rules: readonly PolicyRule[], parts: readonly PartName[]): Gain['powers'] => ({
  held: powersIn(rules).held.filter(({ part }) => parts.includes(part)),
  everything: [],
})
const without = (rules: readonly PolicyRule[], parts: readonly PartName[]): Gain['powers'] => {
  const { held, everything } = powersIn(rules)
  return { held: held.filter(({ part }) => !parts.includes(part)), everything }
}
