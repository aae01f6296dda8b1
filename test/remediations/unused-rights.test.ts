import { describe, expect, test } from 'vitest'
import control from '../../src/controls/rbac/rbac-unused-rights.ts'
import type { BindingObject, Change, KubeObject, ObservedRequests, RoleObject } from '../../src/model/index.ts'
import { proposals } from './proposals.ts'

const REQUEST = { group: '', count: 1, last: '2026-11-22T00:00:00Z', was: 'allowed' }
const CART = { user: 'system:serviceaccount:shop:cart', groups: ['system:serviceaccounts'] }
const world = (requests: readonly object[], rest: string, log: Partial<ObservedRequests> = {}) => `
kind: World
facts:
  ObservedRequests: ${JSON.stringify({
    ...{ from: ['audit.log'], events: 9, since: '2026-10-01T00:00:00Z', until: '2026-11-22T00:00:00Z', blind: [], doubts: [] },
    subjects: [{ ...CART, requests: requests.map((one) => ({ ...REQUEST, ...one })) }],
    ...log,
  })}
---
${rest}`
const namespaces = (...names: string[]) =>
  names.map((name) => `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`).join('\n---\n')
const role = (rules: string) => `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: cart}, rules: ${rules}}`
const binding = (subjects = '[{kind: ServiceAccount, name: cart, namespace: shop}]', kind = 'ClusterRoleBinding', name = 'cart') => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: {name: ${name}${kind === 'RoleBinding' ? ', namespace: shop' : ''}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cart}
subjects: ${subjects}`
const EVERYTHING = role("[{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]")
const documents = (...parts: string[]) => parts.join('\n---\n')
const proposal = (text: string, options = {}) => proposals('rbac-unused-rights', control, text, options)[0]!.proposal
const changesOf = (text: string): readonly Change[] => {
  const proposed = proposal(text)
  if (!('changes' in proposed)) throw new Error(JSON.stringify(proposed))
  return proposed.changes
}
const created = (changes: readonly Change[]) =>
  changes.flatMap((one) => (one.type === 'create' ? [one.object as KubeObject & RoleObject & BindingObject] : []))
const names = (changes: readonly Change[]) =>
  created(changes).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'} ${metadata.name}`)

describe('what is created', () => {
  test('each namespace has a role of what is used there', () => {
    const requests = ['shop', 'pay'].map((namespace) => ({ verb: 'list', resource: 'pods', namespace }))
    const changes = changesOf(
      world(
        [...requests, { verb: 'create', resource: 'jobs', group: 'batch', namespace: 'ci' }],
        documents(namespaces('shop', 'pay', 'ci'), EVERYTHING, binding()),
      ),
    )
    expect(names(changes)).toEqual([
      'Role ci shop-cart-used',
      'RoleBinding ci shop-cart-used',
      'Role pay shop-cart-used',
      'RoleBinding pay shop-cart-used',
      'Role shop shop-cart-used',
      'RoleBinding shop shop-cart-used',
    ])
    expect(changes.at(-1)).toMatchObject({ type: 'delete', target: { kind: 'ClusterRoleBinding', name: 'cart' } })
  })
  test('whoever worked in a namespace that is gone works in others tomorrow', () => {
    const requests = ['shop', 'gone'].map((namespace) => ({ verb: 'list', resource: 'pods', namespace }))
    expect(names(changesOf(world(requests, documents(namespaces('shop'), EVERYTHING, binding()))))).toEqual([
      'ClusterRole - shop-cart-used',
      'ClusterRoleBinding - shop-cart-used',
    ])
  })
  test('very many namespaces come to one binding for the cluster', () => {
    const many = Array.from({ length: 60 }, (_, n) => `n${n}`)
    const requests = many.map((namespace) => ({ verb: 'list', resource: 'pods', namespace }))
    const changes = changesOf(world(requests, documents(namespaces(...many), EVERYTHING, binding())))
    expect(names(changes)).toEqual(['ClusterRole - shop-cart-used', 'ClusterRoleBinding - shop-cart-used'])
    expect(created(changes)[0]?.rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }])
  })
  test('a RoleBinding is followed by a role in its namespace only, whatever else was asked for', () => {
    const requests = [
      { verb: 'list', resource: 'pods', namespace: 'shop' },
      { verb: 'list', resource: 'pods', namespace: 'pay' },
      { verb: 'get', resource: 'namespaces', namespace: 'shop', name: 'shop' },
    ]
    const changes = changesOf(world(requests, documents(namespaces('shop', 'pay'), EVERYTHING, binding(undefined, 'RoleBinding'))))
    expect(names(changes)).toEqual(['Role shop shop-cart-used', 'RoleBinding shop shop-cart-used'])
    expect(created(changes)[0]?.rules).toEqual([
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['shop'], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ])
  })
  test('bind stays where bindings are written, and goes where none are', () => {
    const bind = { verb: 'bind', group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: 'shop', anyName: true, derived: true }
    const write = { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'rolebindings', namespace: 'shop' }
    const rulesWith = (...requests: object[]) =>
      created(changesOf(world(requests, documents(namespaces('shop'), EVERYTHING, binding())))).flatMap(({ rules }) => rules ?? [])
    expect(rulesWith(write, bind).some(({ verbs }) => verbs.includes('bind'))).toBe(true)
    expect(rulesWith(write).some(({ verbs }) => verbs.includes('bind'))).toBe(false)
  })
})

test('other subjects of the binding stay in it', () => {
  const subjects = '[{kind: ServiceAccount, name: cart, namespace: shop}, {kind: ServiceAccount, name: agent, namespace: kube-system}]'
  const changes = changesOf(world([{ verb: 'list', resource: 'nodes' }], documents(namespaces('shop'), EVERYTHING, binding(subjects))))
  expect(created(changes).at(-1)?.subjects).toEqual([{ kind: 'ServiceAccount', name: 'cart', namespace: 'shop' }])
  expect(changes.at(-1)).toMatchObject({
    type: 'edit',
    edits: [{ to: [{ kind: 'ServiceAccount', name: 'agent', namespace: 'kube-system' }] }],
  })
})

test('what the log cannot prove is said, and what was used may have been an attacker', () => {
  const log = { since: '2026-11-20T00:00:00Z', blind: ['watch'], doubts: ['1 of 3 lines are no JSON and were left out'] }
  const proposed = proposal(world([{ verb: 'list', resource: 'secrets' }], documents(EVERYTHING, binding()), log))
  expect(proposed).toMatchObject({ risk: 'may-break' })
  const said = 'mayBreak' in proposed ? (proposed.mayBreak ?? []).join('\n') : ''
  expect(said).toContain('the audit log covers 2 days')
  expect(said).toContain('nobody is seen to watch')
  expect(said).toContain('no JSON')
  expect(said).toContain('confirm that this was no attacker: what was used is enough to read Secrets (E07)')
})

test('a role of that name is not written over, and two subjects of one name have roles of their own', () => {
  const there = EVERYTHING.replace('name: cart', 'name: shop-cart-used')
  const used = [{ verb: 'list', resource: 'nodes' }]
  expect(names(changesOf(world(used, documents(EVERYTHING, there, binding()))))).toEqual([
    'ClusterRole - shop-cart-used-2',
    'ClusterRoleBinding - shop-cart-used-2',
  ])
  const both = '[{kind: ServiceAccount, name: cart, namespace: shop}, {kind: User, name: shop-cart}]'
  const user = { user: 'shop-cart', groups: [], requests: [{ ...REQUEST, verb: 'list', resource: 'pods' }] }
  const account = { ...CART, requests: [{ ...REQUEST, verb: 'list', resource: 'nodes' }] }
  const made = created(changesOf(world([], documents(EVERYTHING, binding(both)), { subjects: [account, user] as never })))
  expect(made.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining([expect.stringMatching(/^shop-cart-used-[0-9a-f]{6}$/)]))
  // Each subject has what it used itself, and nothing of the other's.
  const rights = Object.fromEntries(
    made.flatMap(({ subjects, metadata }) =>
      !subjects
        ? []
        : [[subjects[0]!.kind, made.find((one) => one.rules !== undefined && one.metadata.name === metadata.name)!.rules![0]!.resources]],
    ),
  )
  expect(rights).toEqual({ ServiceAccount: ['nodes'], User: ['pods'] })
})

test('people who hold a built-in role are for a human to judge, unless an option says what they get', () => {
  const jane = [{ user: 'jane', groups: [], requests: [{ ...REQUEST, verb: 'list', resource: 'pods', namespace: 'shop' }] }] as never
  const edit = binding('[{kind: User, name: jane}]', 'RoleBinding').replace('ClusterRole, name: cart', 'ClusterRole, name: edit')
  const rules =
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit}, rules: [{apiGroups: [''], resources: [pods], verbs: [list, delete]}]}"
  const view = rules.replace('name: edit', 'name: view').replace(', delete', '')
  const text = world([], documents(rules, view, edit), { subjects: jane })
  expect(proposal(text)).toMatchObject({ byHand: expect.stringContaining('--set rbac-unused-rights.role=view') })
  expect(proposal(text, { role: 'view' })).toMatchObject({ changes: [{ type: 'create' }, { type: 'delete' }] })
})
