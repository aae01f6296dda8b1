import { describe, expect, test } from 'vitest'
import { describeExposure, exposures, shortList, unseenRoles } from '../../src/objects/rbac-exposure.ts'
import { overlap } from '../../src/objects/rbac-rules.ts'
import { worldOf } from '../helpers/world.ts'

const SECRETS = { verbs: ['get', 'list'], groups: [''], resources: ['secrets'] }
const seen = (yaml: string) => exposures(worldOf(yaml).snapshot, (rule) => overlap(rule, SECRETS) !== undefined)
const binding = (name: string, role: string, subject: string, namespace = '') => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding'}
metadata: {name: ${name}${namespace === '' ? '' : `, namespace: ${namespace}`}}
roleRef: {kind: ClusterRole, name: ${role}}
subjects: [{kind: User, name: ${subject}}]
---`
const role = (name: string, labels = '{}', rules = '[{apiGroups: [""], resources: [secrets], verbs: [get]}]') => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${name}, labels: ${labels}}
rules: ${rules}
---`

describe('where a right is to be taken away', () => {
  test("a role of somebody's own: in the rule, whoever holds it", () => {
    const [one, ...more] = seen(role('reader') + binding('a', 'reader', 'jane', 'shop') + binding('b', 'reader', 'joe', 'pay'))
    expect(more).toEqual([])
    expect(one).toMatchObject({
      on: 'rule',
      standing: 'own',
      at: ['rules', 0],
      clusterWide: false,
      ref: { kind: 'ClusterRole', name: 'reader' },
    })
    expect(describeExposure(one!)).toBe('get on secrets, in pay, shop: User jane, User joe')
  })
  test('a role of Kubernetes held by others: in the binding', () => {
    const found = seen(
      role('edit', '{}', '[{apiGroups: [""], resources: [secrets, pods/exec], verbs: [get, list, watch]}]') +
        binding('a', 'edit', 'jane', 'shop'),
    )
    expect(found).toMatchObject([{ on: 'binding', ref: { kind: 'RoleBinding', name: 'a' }, clusterWide: false }])
  })
  test('a rule somebody added to a role of Kubernetes: in that rule', () => {
    const added = role('view', '{kubernetes.io/bootstrapping: rbac-defaults}') + binding('a', 'view', 'jane', 'shop')
    expect(seen(added)).toMatchObject([{ on: 'rule', standing: 'own', ref: { name: 'view' } }])
    // Another version may have made it so: a label is a hint where we cannot know better.
    expect(seen(`apiVersion: k8s-harden.test/v1\nkind: World\nkubernetes: v1.40.1\n---${added}`)).toMatchObject([
      { on: 'rule', standing: 'labelled' },
    ])
    expect(seen(`apiVersion: k8s-harden.test/v1\nkind: World\nkubernetes: v1.40.1\n---${added.replaceAll('view', 'mine')}`)).toMatchObject([
      { on: 'rule', standing: 'own' },
    ])
  })
  test('a part of an aggregated role: in the part, with the holders of the whole', () => {
    const whole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: whole}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: whole}}]}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---`
    const found = seen(role('part', '{to: whole}') + whole + binding('a', 'whole', 'jane'))
    expect(found.map(({ ref, grants, clusterWide }) => [ref.name, grants.length, clusterWide])).toEqual([['part', 1, true]])
  })
  test("Kubernetes' own role held by its own subjects is set apart", () => {
    const name = 'system:kube-controller-manager'
    const builtIn = role(`"${name}"`, '{}', '[{apiGroups: [""], resources: [secrets], verbs: [get]}]')
    expect(seen(builtIn + binding(`"${name}"`, `"${name}"`, `"${name}"`))).toMatchObject([{ on: 'rule', standing: 'default' }])
    // The same rights given to somebody else are the binding's fault.
    expect(seen(builtIn + binding('mine', `"${name}"`, 'jane'))).toMatchObject([{ on: 'binding', ref: { name: 'mine' } }])
  })
  test('a role that nobody is bound to is held by nobody', () =>
    expect(seen(role('reader'))).toMatchObject([{ grants: [], clusterWide: false }]))
})

test('bindings to roles that no file holds are named, defaults of Kubernetes are not', () => {
  const files = (yaml: string) => worldOf(`apiVersion: k8s-harden.test/v1\nkind: World\nsource: manifests\n---${yaml}`).snapshot
  expect(unseenRoles(files(binding('a', 'view', 'jane') + binding('b', 'elsewhere', 'jane')))).toMatchObject([
    { unknown: expect.stringContaining('ClusterRole elsewhere') },
  ])
  expect(unseenRoles(files(binding('a', 'view', 'jane')))).toEqual([])
})

test('long lists end in how many more there are', () => {
  expect(shortList(Array.from({ length: 23 }, (_, n) => String(n))).at(-1)).toBe('and 3 more')
})
