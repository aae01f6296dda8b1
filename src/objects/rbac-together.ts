/** Rights that are of use only together, and come from different roles: may one and the same user hold both? */
import type { PolicyRule } from '../model/index.ts'
import { type Exposure, heldBy } from './rbac-exposure.ts'
import { type Grant, grants, type RbacView, serviceAccountGroups, serviceAccountOf, userOf } from './rbac-grants.ts'

/** `perhaps`: they are people and groups of people, and who is in which group only the identity provider knows. */
export type Together = 'yes' | 'perhaps' | 'no'

/** Key of a finding about people who may or may not be in a group that holds the rest. */
export const PERHAPS = 'perhaps'

/** Those who hold all of it for certain, and apart from them those who may: each is another finding. */
export function byCertainty<E extends Exposure>(
  exposure: E,
  certaintyOf: (grant: Grant) => Together,
): readonly { readonly exposure: E; readonly doubtful: boolean }[] {
  return (['yes', 'perhaps'] as const).flatMap((certainty) => {
    const held = exposure.grants.filter((grant) => certaintyOf(grant) === certainty)
    return held.length === 0 ? [] : [{ exposure: heldBy(exposure, held), doubtful: certainty === 'perhaps' }]
  })
}

/** Every grant for the whole cluster with a rule that `matches`. */
export const clusterGrants = (view: RbacView, matches: (rule: PolicyRule) => boolean): readonly Grant[] =>
  grants(view).all.filter(({ namespace, rules }) => namespace === undefined && rules.some(matches))

/** Does the subject of `grant` hold one of `others` as well? */
export function together(grant: Grant, others: readonly Grant[]): Together {
  let found: Together = 'no'
  for (const other of others) {
    const one = mayBeOne(grant, other)
    if (one === 'yes') return one
    if (one === 'perhaps') found = one
  }
  return found
}

function mayBeOne(a: Grant, b: Grant): Together {
  const [mine, yours] = [identityOf(a), identityOf(b)]
  if (mine.name === yours.name && mine.isGroup === yours.isGroup) return 'yes'
  if ((yours.isGroup && mine.groups.includes(yours.name)) || (mine.isGroup && yours.groups.includes(mine.name))) return 'yes'
  const isUnclear = mine.isPeople && yours.isPeople && (mine.isGroup || yours.isGroup)
  return isUnclear ? 'perhaps' : 'no'
}

interface Identity {
  readonly name: string
  readonly isGroup: boolean
  /** The groups that whoever this is is known to be in. */
  readonly groups: readonly string[]
  readonly isPeople: boolean
}
const ACCOUNTS = 'system:serviceaccounts'

function identityOf({ subject, namespace }: Grant): Identity {
  const { name } = subject
  if (subject.kind === 'Group') {
    const isAccounts = name === ACCOUNTS || name.startsWith(`${ACCOUNTS}:`)
    const groups = name === 'system:unauthenticated' ? [] : [...(isAccounts && name !== ACCOUNTS ? [ACCOUNTS] : []), 'system:authenticated']
    return { name, isGroup: true, groups, isPeople: !name.startsWith('system:') }
  }
  const account = serviceAccountOf(subject, namespace)
  const groups =
    account !== undefined
      ? serviceAccountGroups(account.namespace)
      : [name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated']
  return {
    name: userOf(subject, namespace) ?? name,
    isGroup: false,
    groups,
    isPeople: !name.startsWith('system:') && account === undefined,
  }
}
