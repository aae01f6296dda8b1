/** Service accounts: what they may do, by themselves or as one of all, and whether their token is handed to pods. */
import type { ServiceAccountObject, View } from '../model/index.ts'
import { lasting } from './derived.ts'
import { isDefaultRule } from './rbac-bootstrap.ts'
import { type Grant, grants, RBAC_KINDS, type RbacView, serviceAccountGrants } from './rbac-grants.ts'
import type { Workload } from './workloads.ts'

/** What the account itself is bound to, whoever made the binding: CoreDNS and kube-proxy use the rights that they are shipped with. */
export const ownGrants = (view: RbacView, namespace: string, name: string): readonly Grant[] => accountGrants(view, namespace, name).own

/** What somebody bound to a group that every account is in, beyond the defaults: it says nothing about who uses a token. */
export const sharedGrants = (view: RbacView, namespace: string, name: string): readonly Grant[] =>
  accountGrants(view, namespace, name).shared

interface AccountGrants {
  readonly own: readonly Grant[]
  readonly shared: readonly Grant[]
}
const accounts: (view: RbacView) => Map<string, AccountGrants> = lasting(RBAC_KINDS, () => new Map())

/** Many workloads share an account: looked up once for as long as nothing about roles and bindings changes. */
function accountGrants(view: RbacView, namespace: string, name: string): AccountGrants {
  const known = accounts(view)
  const key = `${namespace}/${name}`
  let found = known.get(key)
  if (found === undefined) {
    const all = serviceAccountGrants(grants(view), namespace, name).filter((grant) => mayGrant(view, grant))
    found = { own: all.filter((grant) => !isByGroup(grant)), shared: all.filter((grant) => isByGroup(grant) && !isAsShipped(grant)) }
    known.set(key, found)
  }
  return found
}

/** A service account is in no group but those which all accounts, or all of its namespace, are in. */
const isByGroup = ({ subject }: Grant): boolean => subject.kind === 'Group'
const mayGrant = (view: RbacView, grant: Grant): boolean => grant.rules.length > 0 || isElsewhere(view, grant)

/** In files the role may be in none of them; nobody can say then that it grants nothing. */
const isElsewhere = (view: RbacView, grant: Grant): boolean => view.source.kind !== 'live' && grant.role === undefined

/** A default subject of a default binding, to a role that grants no more than the default does. */
export const isAsShipped = ({ isDefault, role, rules }: Grant): boolean =>
  isDefault && (role === undefined || rules.every((rule) => isDefaultRule(role, rule)))

/**
 * Does this workload get the token of its service account mounted? The pod's word beats the account's, and both unset mean yes
 * (ServiceAccount admission plugin). `unseen`: the pod is silent and the account is not here.
 */
export function mountsToken({ spec, namespace, serviceAccount }: Workload, view: View<'ServiceAccount'>): 'yes' | 'no' | 'unseen' {
  if (spec.automountServiceAccountToken !== undefined && spec.automountServiceAccountToken !== null)
    return spec.automountServiceAccountToken ? 'yes' : 'no'
  const account: ServiceAccountObject | undefined = view.find('ServiceAccount', namespace, serviceAccount)
  if (account === undefined) return 'unseen'
  return account.automountServiceAccountToken === false ? 'no' : 'yes'
}

/** A pod that was made before the token was turned off keeps it. */
export const keepsOldToken = ({ pods }: Workload): boolean =>
  pods.some((pod) => pod.spec.volumes?.some(({ name, projected }) => name.startsWith('kube-api-access-') && projected !== undefined))
