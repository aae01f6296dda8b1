/** Identities worth taking over: whoever becomes one of them has the cluster, or is one step from it. */
import type { PolicyRule, View } from '../model/index.ts'
import { lasting } from './derived.ts'
import { escalationsOf } from './rbac-escalations.ts'
import { type Grant, grants, RBAC_KINDS, type RbacView, serviceAccountOf } from './rbac-grants.ts'

export interface PowerfulAccount {
  readonly name: string
  /** Completes "it can …". */
  readonly gains: string
}

/** These need more than the right itself: control of a node, a volume that is claimed, somebody who writes the object. */
const NEEDS_MORE = new Set(['E18', 'E20', 'E24', 'E25', 'E26', 'E27'])
const SYSTEM = 'kube-system'

/** By namespace; those that only `kube-system` holds something for are in it as well, unless they live there themselves. */
const byNamespace: (view: RbacView) => ReadonlyMap<string, readonly PowerfulAccount[]> = lasting(RBAC_KINDS, (view) => {
  const known = grants(view)
  const found = new Map<string, PowerfulAccount[]>()
  const put = (namespace: string, name: string, list: readonly Grant[]) => {
    const gains = powerOf(list, namespace)
    if (gains !== undefined) found.set(namespace, [...(found.get(namespace) ?? []), { name, gains }])
  }
  for (const [user, list] of known.byUser) {
    const account = serviceAccountOf({ kind: 'User', name: user }, undefined)
    if (account !== undefined)
      put(account.namespace, account.name, [...list, ...(known.byGroup.get(`${GROUP_PREFIX}${account.namespace}`) ?? [])])
  }
  // Every namespace has an account `default`, and it is in the group.
  for (const [group, list] of known.byGroup) if (group.startsWith(GROUP_PREFIX)) put(group.slice(GROUP_PREFIX.length), 'default', list)
  return found
})
const GROUP_PREFIX = 'system:serviceaccounts:'

/** Service accounts of a namespace that are one step from the whole cluster. On a live cluster one that does not exist is left out. */
export function powerfulIn(view: RbacView & View<'ServiceAccount'>, namespace: string): readonly PowerfulAccount[] {
  const isKnown = view.source.kind === 'live' && view.unread('ServiceAccount') === undefined
  return (byNamespace(view).get(namespace) ?? []).filter(
    ({ name }) => !isKnown || name === 'default' || view.find('ServiceAccount', namespace, name) !== undefined,
  )
}

/** Accounts of the namespaces in which this is bound that can do more than whoever it is bound to: `ServiceAccount shop/operator can …`. */
export function strongerThan(view: RbacView & View<'ServiceAccount'>, held: readonly Grant[]): readonly string[] {
  const found = held.flatMap(({ namespace, subject }) => {
    if (namespace === undefined) return []
    const own = serviceAccountOf(subject, namespace)
    return powerfulIn(view, namespace)
      .filter(({ name }) => own?.namespace !== namespace || own.name !== name)
      .map(({ name, gains }) => `ServiceAccount ${namespace}/${name} can ${gains}`)
  })
  return [...new Set(found)].sort()
}

/** Is an account of this name powerful in some namespace? */
export const powerfulNamed = (view: RbacView, name: string): boolean =>
  byNamespace(view)
    .values()
    .some((accounts) => accounts.some((account) => account.name === name))

/** What a user or a group, known by its name alone, could do to the whole cluster. */
export function powerOfName(view: RbacView, kind: 'User' | 'Group', name: string): string | undefined {
  if (kind === 'Group' && name === 'system:masters') return 'do everything: no authorizer is asked about it'
  const known = grants(view)
  return powerOf((kind === 'User' ? known.byUser : known.byGroup).get(name) ?? [], undefined)
}

function powerOf(list: readonly Grant[], home: string | undefined): string | undefined {
  const rulesIn = (namespace: string | undefined): readonly PolicyRule[] =>
    list.filter((grant) => grant.namespace === namespace).flatMap(({ rules }) => rules)
  const strong = [...escalationsOf(rulesIn(undefined), true), ...(home === SYSTEM ? [] : escalationsOf(rulesIn(SYSTEM), false))]
  return strong.find(({ id }) => !NEEDS_MORE.has(id))?.gains
}
