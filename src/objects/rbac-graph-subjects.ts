/** Who the escalation graph starts from, and the powers each holds, scope by scope. */
import type { PolicyRule, RbacSubject, RoleObject } from '../model/index.ts'
import { lasting } from './derived.ts'
import { isDefaultRule } from './rbac-bootstrap.ts'
import { type Grant, grants, RBAC_KINDS, type RbacView, serviceAccountGroups, serviceAccountOf } from './rbac-grants.ts'
import { type Held, PARTS, type PartName, type Powers, powersOf } from './rbac-graph-parts.ts'

export interface Step {
  /** Of the primitive. */
  readonly id: string
  /** Completes "can …". */
  readonly can: string
  /** Held or gained before; the one to take away first. */
  readonly uses: readonly Power[]
  /** Who does it, and what comes of it, where that is not the one whose way it is. */
  readonly by?: string
  readonly gains?: string
  readonly how?: string
}
export interface Way {
  /** In order. */
  readonly steps: readonly Step[]
  /** Rights that are held from the start; without the first one the way is shut. */
  readonly roots: readonly Power[]
}
/** One way for each right of its own that could be taken away first: the shortest. Grows while ways are looked for. */
export interface Gained {
  readonly ways: Way[]
}

/** A power and where it comes from. */
export interface Power extends Omit<Held, 'part'> {
  /** Absent: everything. */
  readonly part?: PartName
  readonly grant: Grant
  /** Undefined: the whole cluster; `EVERY_NAMESPACE`: all of them, but nothing that is cluster-scoped. */
  readonly namespace: string | undefined
  /** Absent: held from the start. */
  readonly gained?: Gained
}
export const EVERY_NAMESPACE = '*'

/** The namespace in which a power is good, or '' for all of them. */
export const scopeOf = ({ namespace }: Pick<Power, 'namespace'>): string =>
  namespace === undefined || namespace === EVERY_NAMESPACE ? '' : namespace
export const inText = (scope: string): string => (scope === '' ? ' in every namespace' : ` in ${scope}`)

export interface Holder {
  /** `ServiceAccount:shop/cart`, `User:jane`, `Group:dev`. */
  readonly key: string
  readonly kind: 'ServiceAccount' | 'User' | 'Group'
  readonly name: string
  /** Of service accounts. */
  readonly namespace?: string
  /** All that applies, through groups as well. */
  readonly grants: readonly Grant[]
  readonly powers: Powered
}
export interface Powered {
  readonly parts: ReadonlyMap<PartName, readonly Power[]>
  /** Rules that allow everything in the whole cluster. */
  readonly everything: readonly Power[]
}

export interface Identity {
  readonly kind: Holder['kind']
  readonly name: string
  readonly namespace?: string
}
export const keyOfIdentity = ({ kind, name, namespace }: Identity): string =>
  kind === 'ServiceAccount' ? `ServiceAccount:${namespace}/${name}` : `${kind}:${name}`

/** A service account also where it is written as a user. */
export function identityOf(subject: RbacSubject, bindingNamespace: string | undefined): Identity | undefined {
  const account = serviceAccountOf(subject, bindingNamespace)
  if (account !== undefined) return { kind: 'ServiceAccount', ...account }
  return subject.kind === 'User' || subject.kind === 'Group' ? { kind: subject.kind, name: subject.name } : undefined
}

/** Groups that somebody of this identity is in for certain. */
export function groupsOf({ kind, name, namespace }: Identity): readonly string[] {
  if (kind === 'ServiceAccount') return serviceAccountGroups(namespace!)
  if (kind === 'User') return name === 'system:anonymous' ? ['system:unauthenticated'] : ['system:authenticated']
  if (name === 'system:unauthenticated' || name === 'system:authenticated') return [name]
  return /^system:serviceaccounts:./.test(name) ? [name, 'system:serviceaccounts', 'system:authenticated'] : [name, 'system:authenticated']
}

export interface Holders {
  readonly byKey: ReadonlyMap<string, Holder>
  /** Service accounts with a binding of their own, by namespace. */
  readonly accountsIn: ReadonlyMap<string, readonly Holder[]>
  readonly of: (identity: Identity) => Holder
}

/** Everybody who stands in a binding; whoever else is asked about is made up from the groups. */
export const holders: (view: RbacView) => Holders = lasting(RBAC_KINDS, (view) => collect(view))

function collect(view: RbacView): Holders {
  const known = grants(view)
  const own = new Map<string, { readonly identity: Identity; readonly grants: Grant[] }>()
  for (const grant of known.all) {
    const identity = identityOf(grant.subject, grant.namespace)
    if (identity === undefined) continue
    const key = keyOfIdentity(identity)
    const entry = own.get(key)
    if (entry === undefined) own.set(key, { identity, grants: [grant] })
    else entry.grants.push(grant)
  }
  // Nearly everybody is in the same few groups, and those mostly hold nothing.
  const ofGroups = new Map<string, { readonly grants: readonly Grant[] }>()
  const shared = (names: readonly string[]) => {
    const key = names.join('\0')
    let found = ofGroups.get(key)
    if (found === undefined) ofGroups.set(key, (found = { grants: names.flatMap((name) => known.byGroup.get(name) ?? []) }))
    return found.grants
  }
  const make = (identity: Identity, theirs: readonly Grant[]): Holder => {
    const groups = groupsOf(identity)
    const all = [...theirs, ...shared(identity.kind === 'Group' ? groups.filter((name) => name !== identity.name) : groups)]
    return { ...identity, key: keyOfIdentity(identity), grants: all, powers: poweredBy(all) }
  }
  const byKey = new Map([...own].map(([key, entry]) => [key, make(entry.identity, entry.grants)]))
  const accountsIn = new Map<string, Holder[]>()
  for (const holder of byKey.values()) {
    if (holder.kind !== 'ServiceAccount') continue
    const list = accountsIn.get(holder.namespace!)
    if (list === undefined) accountsIn.set(holder.namespace!, [holder])
    else list.push(holder)
  }
  return { byKey, accountsIn, of: (identity) => byKey.get(keyOfIdentity(identity)) ?? make(identity, []) }
}

/** The powers of several grants together. */
export function poweredBy(list: readonly Grant[]): Powered {
  const [parts, everything] = [new Map<PartName, Power[]>(), [] as Power[]]
  for (const grant of list)
    if (grant.role !== undefined && grant.rules.length > 0)
      add(parts, everything, { grant, powers: powersOf(grant.rules), namespace: grant.namespace })
  return { parts, everything }
}

/** With those of roles that somebody could give himself. */
export function withGains({ parts, everything }: Powered, more: readonly Gain[]): Powered {
  const all = { parts: new Map([...parts].map(([part, list]) => [part, [...list]])), everything: [...everything] }
  for (const one of more) add(all.parts, all.everything, one)
  return all
}
export type Gain = Added & { readonly gained: Gained }

interface Added {
  readonly grant: Grant
  readonly powers: Powers
  readonly namespace: string | undefined
  readonly gained?: Gained
}
function add(parts: Map<PartName, Power[]>, everything: Power[], { grant, powers, namespace, gained }: Added): void {
  const from = { grant, namespace, ...(gained !== undefined && { gained }) }
  for (const held of powers.held) {
    if (namespace !== undefined && 'cluster' in PARTS[held.part]) continue
    const power: Power = { ...held, ...from }
    const others = parts.get(held.part)
    if (others === undefined) parts.set(held.part, [power])
    else others.push(power)
  }
  if (namespace !== undefined) return
  for (const { rule, index } of powers.everything)
    everything.push({ rule, index, names: undefined, verbs: ['*'], resources: ['*'], ...from })
}

/** Kubernetes' own: one of its subjects, in its binding, by a rule that its role is shipped with. */
export const isShipped = ({ grant, rule }: Pick<Power, 'grant' | 'rule'>): boolean =>
  grant.isDefault && grant.role !== undefined && isDefaultRule(grant.role, rule)

/** What binding cluster-admin in a namespace amounts to. */
const STAR: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
export const STAR_ROLE: RoleObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'cluster-admin' },
  rules: [STAR],
}
