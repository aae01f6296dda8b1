/** The roles that rights let somebody bind or rewrite, as the API server checks it (pkg/registry/rbac: policybased storage, escalation_check.go). */
import type { BindingObject, RoleObject } from '../model/index.ts'
import { type Grant, type RbacView, rulesOf } from './rbac-grants.ts'
import { type PartName, type Powers, powersOf } from './rbac-graph-parts.ts'
import type { Step } from './rbac-graph-subjects.ts'
import { EVERY_NAMESPACE, type Power, type Powered, STAR_ROLE } from './rbac-graph-subjects.ts'

/** A role that it could give itself, and one way to do so; a cut of the first right used stops that way. */
export interface Growth {
  readonly role: RoleObject
  readonly powers: Powers
  /** As of a grant. */
  readonly namespace: string | undefined
  readonly step: Step
}

export const allows = ({ names }: Power, name: string): boolean => names?.includes(name) ?? true
export const isIn = ({ namespace }: Power, scope: string | undefined): boolean =>
  namespace === undefined || (scope !== undefined && (namespace === EVERY_NAMESPACE || namespace === scope))
export const inText = (namespace: string | undefined): string =>
  namespace === undefined ? '' : namespace === EVERY_NAMESPACE ? ' in every namespace' : ` in ${namespace}`

const MAKERS: readonly PartName[] = ['makeClusterRoleBinding', 'changeClusterRoleBinding', 'makeRoleBinding', 'changeRoleBinding']
const CHANGERS: readonly PartName[] = ['changeClusterRole', 'changeRole', 'makeClusterRole', 'makeRole']

/** `own`: what the holder is bound to; `isRewriting`: only what it would be to rewrite that. */
export function growthOf(view: RbacView, powers: Powered, own: readonly Grant[], isRewriting = false): readonly Growth[] {
  const held = (part: PartName): readonly Power[] => powers.parts.get(part) ?? []
  const isHeld = (...parts: readonly PartName[]) => parts.some((part) => held(part).length > 0)
  const found: Growth[] = []
  const gain = (id: string, role: RoleObject, namespace: string | undefined, can: string, uses: readonly Power[]): void => {
    const its = powersOf(role === STAR_ROLE ? STAR_ROLE.rules! : rulesOf(view, role))
    if (its.held.length > 0 || its.everything.length > 0) found.push({ role, powers: its, namespace, step: { id, can, uses } })
  }

  /** Each right to go beyond what one holds, with a right to write the role. */
  const rewriting = (
    kind: 'ClusterRole' | 'Role',
    name: string,
    scope: string | undefined,
    isThere: boolean,
  ): readonly (readonly Power[])[] => {
    const where = kind === 'ClusterRole' ? undefined : scope
    const fits = (power: Power) => allows(power, name) && isIn(power, where)
    // A role that is made carries no name as far as the check goes.
    const anew = (part: PartName) => held(part).filter((power) => power.names === undefined && isIn(power, where))
    const [change, make, remove] = [held(`change${kind}`).find(fits), anew(`make${kind}`)[0], held(`delete${kind}`).find(fits)]
    const made = make === undefined ? undefined : isThere ? (remove === undefined ? undefined : [make, remove]) : [make]
    return [
      ...(change !== undefined && isThere
        ? held(`escalate${kind}`)
            .filter(fits)
            .map((escalate) => [escalate, change])
        : []),
      ...(made !== undefined ? anew(`escalate${kind}`).map((escalate) => [escalate, ...made]) : []),
    ]
  }
  const canRewrite = isHeld('escalateClusterRole', 'escalateRole') && isHeld(...CHANGERS)
  if (canRewrite)
    for (const { role, namespace, binding } of own) {
      if (role === STAR_ROLE) continue
      const { kind, name } = role === undefined ? binding.roleRef : { kind: role.kind, name: role.metadata.name }
      if (kind !== 'ClusterRole' && kind !== 'Role') continue
      for (const uses of rewriting(kind, name, role?.metadata.namespace ?? namespace, role !== undefined))
        gain('E02', STAR_ROLE, namespace, `escalate ${kind} ${name}`, uses)
    }
  if (isRewriting || !isHeld('bindClusterRole', 'bindRole') || !isHeld(...MAKERS)) return found

  const bound = (kind: 'ClusterRole' | 'Role', name: string, namespace: string | undefined, uses: readonly Power[]): void => {
    const role =
      kind === 'Role'
        ? view.find('Role', namespace, name)
        : name === 'cluster-admin'
          ? STAR_ROLE
          : view.find('ClusterRole', undefined, name)
    const rewrites = canRewrite && role !== STAR_ROLE ? rewriting(kind, name, namespace, role !== undefined) : []
    if (rewrites.length > 0) gain('E03', STAR_ROLE, namespace, `rewrite and bind ${name}${inText(namespace)}`, [...uses, ...rewrites[0]!])
    if (role !== undefined) gain('E03', role, namespace, `bind ${name}${inText(namespace)}`, uses)
  }
  for (const bind of held('bindClusterRole')) {
    const named = bind.names ?? ['cluster-admin']
    for (const make of bind.namespace === undefined ? held('makeClusterRoleBinding').slice(0, 1) : [])
      for (const name of named) bound('ClusterRole', name, undefined, [bind, make])
    for (const make of held('makeRoleBinding')) {
      const scope = narrower(bind, make)
      for (const name of scope === undefined ? [] : named) bound('ClusterRole', name, scope, [bind, make])
    }
  }
  // Whoever may not make a binding can still join one that is there; the role that it names stays.
  for (const binding of isHeld('changeClusterRoleBinding', 'changeRoleBinding') ? bindingsOf(view) : []) {
    const { kind, name } = binding.roleRef
    if (kind !== 'ClusterRole' && kind !== 'Role') continue
    const namespace = binding.kind === 'ClusterRoleBinding' ? undefined : (binding.metadata.namespace ?? 'default')
    const fits = (power: Power) => allows(power, binding.metadata.name) && isIn(power, namespace)
    const change = held(binding.kind === 'ClusterRoleBinding' ? 'changeClusterRoleBinding' : 'changeRoleBinding').find(fits)
    for (const bind of change === undefined ? [] : held(`bind${kind}`))
      if (allows(bind, name) && isIn(bind, namespace)) bound(kind, name, namespace, [bind, change!])
  }
  for (const bind of held('bindRole'))
    for (const make of held('makeRoleBinding'))
      for (const { metadata } of view.all('Role')) {
        const namespace = metadata.namespace ?? 'default'
        if (allows(bind, metadata.name) && isIn(bind, namespace) && isIn(make, namespace))
          bound('Role', metadata.name, namespace, [bind, make])
      }
  return found
}

/** Where both are good: a namespace, or all of them; undefined where nowhere. */
function narrower(one: Power, other: Power): string | undefined {
  const [a, b] = [one.namespace ?? EVERY_NAMESPACE, other.namespace ?? EVERY_NAMESPACE]
  if (a === EVERY_NAMESPACE) return b
  return b === EVERY_NAMESPACE || a === b ? a : undefined
}

/** Every binding once. The server always has a ClusterRoleBinding of cluster-admin, files mostly not. */
function bindingsOf(view: RbacView): readonly BindingObject[] {
  const all = [...view.all('ClusterRoleBinding'), ...view.all('RoleBinding')]
  return view.source.kind === 'live' ? all : [...all, BUILT_IN]
}
const BUILT_IN: BindingObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'cluster-admin' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
}
