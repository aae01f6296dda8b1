/** What a holder could add to its own rights: by binding a stronger role (E03), or by rewriting a role that it is bound to (E02). */
import type { BindingObject, RoleObject } from '../model/index.ts'
import { type Grant, grants, type RbacView, rulesOf } from './rbac-grants.ts'
import { ADMIN } from './rbac-graph-edges.ts'
import type { PartName, Powers } from './rbac-graph-parts.ts'
import { powersOf } from './rbac-graph-parts.ts'
import { EVERY_NAMESPACE, type Power, type Powered, poweredBy, STAR_ROLE } from './rbac-graph-subjects.ts'

export interface Growth {
  /** Unique for one holder: the role and where; or `cluster-admin`. */
  readonly what: string
  readonly id: 'E02' | 'E03'
  readonly can: string
  readonly uses: readonly Power[]
  /** With what was gained; undefined for cluster-admin. */
  readonly powers: Powered | undefined
  readonly grant: Grant | undefined
}
type Gain = { readonly role: RoleObject; readonly powers: Powers; readonly namespace: string | undefined; readonly can: string }

const allows = ({ names }: Power, name: string): boolean => names?.includes(name) ?? true
const isIn = ({ namespace }: Power, scope: string | undefined): boolean =>
  namespace === undefined || (scope !== undefined && (namespace === EVERY_NAMESPACE || namespace === scope))
const inText = (namespace: string | undefined): string =>
  namespace === undefined ? '' : namespace === EVERY_NAMESPACE ? ' in every namespace' : ` in ${namespace}`

/** Of rights together; `own`: what the holder is bound to. */
export function growthOf(view: RbacView, powers: Powered, own: readonly Grant[]): readonly Growth[] {
  const held = (part: PartName): readonly Power[] => powers.parts.get(part) ?? []
  const found = new Map<string, Growth>()
  const gain = (id: Growth['id'], { role, powers: more, namespace, can }: Gain, uses: readonly Power[]): void => {
    const isAdmin = namespace === undefined && (role === STAR_ROLE || more.everything.length > 0)
    const what = isAdmin ? ADMIN : `${role === STAR_ROLE ? 'everything' : `${role.kind}/${role.metadata.name}`}@${namespace ?? ''}`
    const key = `${what}\0${uses.map(({ grant, index }) => `${grant.binding.kind}${grant.binding.metadata.namespace}${grant.binding.metadata.name}${grant.index}.${index}`).join()}`
    if (found.has(key) || (more.held.length === 0 && more.everything.length === 0)) return
    const grant = { ...uses[0]!.grant, role, namespace, rules: role.rules ?? [] }
    found.set(key, {
      what,
      id,
      can,
      uses,
      ...(isAdmin ? { powers: undefined, grant: undefined } : { powers: poweredBy(own, { grant, powers: more, namespace }), grant }),
    })
  }
  const star = (namespace: string | undefined, can: string): Gain => ({
    role: STAR_ROLE,
    powers: powersOf(STAR_ROLE, STAR_ROLE.rules!),
    namespace,
    can,
  })

  const rewriting = (role: RoleObject): readonly Power[] | undefined => {
    const isCluster = role.kind === 'ClusterRole'
    const scope = role.metadata.namespace
    const fits = (power: Power) => allows(power, role.metadata.name) && isIn(power, isCluster ? undefined : scope)
    const escalate = held(isCluster ? 'escalateClusterRole' : 'escalateRole').find(fits)
    const change = held(isCluster ? 'changeClusterRole' : 'changeRole').find(fits)
    return escalate === undefined || change === undefined ? undefined : [escalate, change]
  }
  if (held('escalateClusterRole').length > 0 || held('escalateRole').length > 0)
    for (const { role, namespace } of own) {
      const uses = role === undefined || role === STAR_ROLE ? undefined : rewriting(role)
      if (uses !== undefined) gain('E02', star(namespace, `escalate ${role!.kind} ${role!.metadata.name}`), uses)
    }

  const bound = (role: RoleObject | undefined, namespace: string | undefined, uses: readonly Power[]): void => {
    if (role === undefined) return
    const can = `bind ${role.metadata.name}${inText(namespace)}`
    const rewrite = rewriting(role)
    if (rewrite !== undefined)
      gain('E03', star(namespace, `rewrite and bind ${role.metadata.name}${inText(namespace)}`), [...uses, ...rewrite])
    else if (isClusterAdmin(role)) gain('E03', star(namespace, can), uses)
    else gain('E03', { role, powers: powersOf(role, rulesOf(view, role)), namespace, can }, uses)
  }
  const clusterRole = (name: string) => (name === 'cluster-admin' ? STAR_ROLE : view.find('ClusterRole', undefined, name))
  for (const bind of held('bindClusterRole')) {
    const named = bind.names ?? ['cluster-admin']
    for (const make of bind.namespace === undefined ? held('makeClusterRoleBinding') : [])
      for (const name of named) bound(clusterRole(name), undefined, [bind, make])
    for (const change of bind.namespace === undefined ? held('changeClusterRoleBinding') : [])
      for (const binding of bindingsOf(view, 'ClusterRoleBinding'))
        if (allows(change, binding.metadata.name) && allows(bind, binding.roleRef.name))
          bound(clusterRole(binding.roleRef.name), undefined, [bind, change])
    for (const make of held('makeRoleBinding')) {
      const scope = narrower(bind, make)
      for (const name of scope === undefined ? [] : named) bound(clusterRole(name), scope, [bind, make])
    }
  }
  for (const [part, kind] of [
    ['bindClusterRole', 'ClusterRole'],
    ['bindRole', 'Role'],
  ] as const)
    for (const bind of held(part))
      for (const change of held('changeRoleBinding'))
        for (const binding of bindingsOf(view, 'RoleBinding')) {
          const namespace = binding.metadata.namespace ?? 'default'
          if (binding.roleRef.kind !== kind || !allows(change, binding.metadata.name) || !allows(bind, binding.roleRef.name)) continue
          if (isIn(bind, namespace) && isIn(change, namespace))
            bound(kind === 'Role' ? view.find('Role', namespace, binding.roleRef.name) : clusterRole(binding.roleRef.name), namespace, [
              bind,
              change,
            ])
        }
  for (const bind of held('bindRole'))
    for (const make of held('makeRoleBinding'))
      for (const role of view.all('Role')) {
        const namespace = role.metadata.namespace ?? 'default'
        if (allows(bind, role.metadata.name) && isIn(bind, namespace) && isIn(make, namespace)) bound(role, namespace, [bind, make])
      }
  return [...found.values()]
}

/** Where both are good: a namespace, or all of them; undefined where nowhere. */
function narrower(one: Power, other: Power): string | undefined {
  const [a, b] = [one.namespace ?? EVERY_NAMESPACE, other.namespace ?? EVERY_NAMESPACE]
  if (a === EVERY_NAMESPACE) return b
  return b === EVERY_NAMESPACE || a === b ? a : undefined
}

const isClusterAdmin = (role: RoleObject): boolean => role === STAR_ROLE

/** Every binding once. The server always has a ClusterRoleBinding of cluster-admin, files mostly not. */
function bindingsOf(view: RbacView, kind: 'ClusterRoleBinding' | 'RoleBinding'): readonly BindingObject[] {
  const all = [...new Set(grants(view).all.map(({ binding }) => binding))].filter((binding) => binding.kind === kind)
  return kind === 'RoleBinding' || view.source.kind === 'live' ? all : [...all, BUILT_IN]
}
const BUILT_IN: BindingObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'cluster-admin' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
}
