import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BindingObject, PolicyRule, RoleObject } from '../../src/model/index.ts'
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_MINORS, BOOTSTRAP_ROLES } from '../../src/objects/rbac-bootstrap.gen.ts'
import { bootstrapBinding, defaultRules } from '../../src/objects/rbac-bootstrap.ts'
import { bindingDrift, gathered, intersection, roleDrift, shippedPart } from '../../src/objects/rbac-drift.ts'
import { covers, ruleAllows } from '../../src/objects/rbac-rules.ts'
import { worldOf } from '../helpers/world.ts'

const view = worldOf('apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n').snapshot
const MINORS = Array.from({ length: BOOTSTRAP_MINORS[1] - BOOTSTRAP_MINORS[0] + 1 }, (_, at) => BOOTSTRAP_MINORS[0] + at)
const role = (key: string, rules: readonly PolicyRule[]): RoleObject => {
  const [name, namespace] = key.split('/').reverse() as [string, string?]
  const kind = namespace === undefined ? 'ClusterRole' : 'Role'
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name, ...(namespace && { namespace }) }, rules }
}
const defaultsOf = (minor: number) =>
  Object.keys(BOOTSTRAP_ROLES).flatMap((key) => {
    const [name, namespace] = key.split('/').reverse() as [string, string?]
    const rules = defaultRules(namespace, name, minor, false)
    return rules === undefined ? [] : [{ key, rules }]
  })

const some = (...items: string[]) => fc.subarray(items, { minLength: 1 })
const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    verbs: some('get', 'list', '*'),
    apiGroups: some('', 'apps', '*'),
    resources: some('pods', 'pods/exec', '*/exec', 'deployments', '*'),
    resourceNames: fc.oneof(fc.constant<string[]>([]), some('one', 'two')),
  }),
  fc.record({ verbs: some('get', '*'), nonResourceURLs: some('/healthz', '/healthz/*', '*') }),
)
const REQUESTS = [
  ...['get', 'list'].flatMap((verb) =>
    ['', 'apps'].flatMap((group) =>
      ['pods', 'deployments'].flatMap((resource) =>
        ['', 'exec'].flatMap((subresource) => ['', 'one', 'two'].map((name) => ({ verb, group, resource, subresource, name }))),
      ),
    ),
  ),
  ...['/healthz', '/healthz/etcd', '/metrics'].map((path) => ({ verb: 'get', path })),
]

describe('drift', () => {
  test('an intersection allows what both rules allow, and nothing else', () =>
    fc.assert(
      fc.property(rule, rule, (a, b) => {
        const both = intersection(a, b)
        for (const request of REQUESTS)
          expect(both !== undefined && ruleAllows(both, request)).toBe(ruleAllows(a, request) && ruleAllows(b, request))
      }),
    ))
  test.each(MINORS)('no default of 1.%i drifts from itself', (minor) => {
    for (const { key, rules } of defaultsOf(minor))
      expect(roleDrift(view, role(key, rules), minor), key).toEqual({ added: [], missing: [] })
    for (const key of Object.keys(BOOTSTRAP_BINDINGS)) {
      const shipped = bootstrapBinding(key, minor)
      if (shipped === undefined) continue
      const [name, namespace] = key.split('/').reverse() as [string, string?]
      const [kind, to] = shipped.role.split(' ') as [string, string]
      const subjects = shipped.subjects.map((text) => {
        const [subjectKind, who] = text.split(' ') as ['User' | 'Group' | 'ServiceAccount', string]
        const [account, of] = who.split('/').reverse() as [string, string?]
        return subjectKind === 'ServiceAccount' ? { kind: subjectKind, name: account, namespace: of! } : { kind: subjectKind, name: who }
      })
      const binding: BindingObject = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
        metadata: { name, ...(namespace && { namespace }) },
        roleRef: { kind, name: to },
        subjects,
      }
      expect(bindingDrift(binding, minor), key).toEqual({ otherRole: undefined, added: [], elsewhere: [], missing: [] })
    }
  })
  test.each([28, 33, 37])('of 1.%i, every role that is given everything keeps what it is shipped with', (minor) => {
    for (const { key, rules } of defaultsOf(minor).filter(({ rules }) =>
      rules.every(({ nonResourceURLs }) => nonResourceURLs === undefined),
    )) {
      const everything: PolicyRule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
      const { added } = roleDrift(view, role(key, [everything]), minor)!
      if (covers(rules, everything)) continue
      const keep = added.flatMap((one) => one.keep)
      expect([keep.filter((one) => !covers(rules, one)), rules.filter((one) => !covers(keep, one))], key).toEqual([[], []])
      expect(shippedPart(role(key, []), [everything], minor), key).toEqual(keep)
    }
  })
  test('a rule of another minor is no right that somebody added', () => {
    const old: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] }
    const key = 'kube-system/system::leader-locking-kube-controller-manager'
    expect(roleDrift(view, role(key, [old]), 30)!.added).toEqual([])
    expect(roleDrift(view, role(key, [old]), 37)!.added).toMatchObject([{ index: 0, elsewhere: true }])
    expect(roleDrift(view, role(key, [{ ...old, verbs: ['delete'] }]), 37)!.added).toMatchObject([{ elsewhere: false, keep: [] }])
  })
  test('what is gathered counts by what the default did not have', () => {
    const part = (label: string, ...rules: PolicyRule[]): RoleObject => ({
      ...role('mine', rules),
      metadata: { name: 'mine', labels: { [`rbac.authorization.k8s.io/aggregate-to-${label}`]: 'true' } },
    })
    const secrets: PolicyRule = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }
    const users: PolicyRule = { apiGroups: [''], resources: ['users', 'serviceaccounts'], verbs: ['impersonate'] }
    expect(gathered(part('view', secrets), 37)).toMatchObject({ into: ['view'], gains: [{ id: 'E07' }] })
    expect(gathered(part('edit', secrets), 37)).toBeUndefined()
    expect(gathered(part('edit', users), 37)).toMatchObject({ into: ['edit'], gains: [{ id: 'E05' }] })
    expect(gathered(part('admin', { ...users, resources: ['serviceaccounts'] }), 37)).toBeUndefined()
    expect(gathered(part('nobody', secrets), 37)).toBeUndefined()
    expect(gathered({ ...part('view', secrets), metadata: { name: 'mine' } }, 37)).toBeUndefined()
  })
})
