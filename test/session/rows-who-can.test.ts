import { describe, expect, test } from 'vitest'
import type { Unread } from '../../src/model/index.ts'
import { enter } from '../../src/session/actions-enter.ts'
import type { Route } from '../../src/session/route.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { holderOf, holderRows, whoCanNumbers, whoCanRows } from '../../src/session/rows-who-can.ts'
import { reduce } from '../../src/session/store-reduce.ts'
import { type Asked, initialState, type Scan, type State } from '../../src/session/store-state.ts'
import { bindingFor } from '../../views/keys.ts'
import { worldOf } from '../helpers/world.ts'

const role = (name: string, rules: string, namespace?: string) =>
  `---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ${namespace ? 'Role' : 'ClusterRole'}\nmetadata: {name: ${name}${namespace ? `, namespace: ${namespace}` : ''}}\nrules: ${rules}\n`
const binding = (name: string, ref: string, subjects: string, namespace?: string) =>
  `---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ${namespace ? 'RoleBinding' : 'ClusterRoleBinding'}\nmetadata: {name: ${name}${namespace ? `, namespace: ${namespace}` : ''}}\nroleRef: {kind: ${ref.split('/')[0]}, name: ${ref.split('/')[1]}}\nsubjects: [${subjects}]\n`
const WORLD =
  role('reader', '[{verbs: [get, list], apiGroups: [""], resources: [secrets, nodes]}, {verbs: [get], nonResourceURLs: [/metrics]}]') +
  role('vault', '[{verbs: [get], apiGroups: [""], resources: [secrets], resourceNames: [key]}]', 'shop') +
  binding('readers', 'ClusterRole/reader', '{kind: User, name: "oidc:jane"}, {kind: ServiceAccount, name: robot, namespace: ci}') +
  binding('robots', 'ClusterRole/reader', '{kind: ServiceAccount, name: robot, namespace: ci}') +
  binding('team', 'ClusterRole/reader', '{kind: Group, name: team}', 'shop') +
  binding('safe', 'Role/vault', '{kind: User, name: joe}', 'shop') +
  binding('all', 'Role/gone', '{kind: Group, name: "system:serviceaccounts:ci"}', 'shop')

const SOURCE = (unread: readonly Unread[] = []) =>
  `---\napiVersion: k8s-harden.test/v1\nkind: World\nsource: live\nunread: ${JSON.stringify(unread)}\n`
function stateOf(asked: Partial<Asked> = {}, more = SOURCE(), route: Route = { at: 'who-can' }): State {
  const { snapshot } = worldOf(WORLD + more)
  const start = initialState({ columns: 80, rows: 24 })
  return { ...start, asked: { ...start.asked, ...asked }, route, scan: { snapshot, findings: new Map(), problems: [] } as unknown as Scan }
}
const shown = (state: State): string[] => whoCanRows(state, 78).map((row) => lineText(row.line(78, new Set())).trimEnd())

describe('who can', () => {
  test('the question, who may everywhere, and who in single namespaces', () => {
    const lines = shown(stateOf())
    expect(lines.slice(0, 4)).toEqual([
      'verb       get                                                   enter changes',
      'resource   secrets                                               enter changes',
      'namespace  (all at once)                                         enter changes',
      'name       (any)                                                 enter changes',
    ])
    expect(lines.slice(5, -3)).toEqual([
      'Can get secrets in all namespaces',
      'ServiceAccount ci/robot           ClusterRoleBinding/readers: reader and 1 mo~',
      'User oidc:jane                    ClusterRoleBinding/readers: reader',
      '',
      'Only in namespace shop',
      'Group team                        RoleBinding/shop/team: reader',
    ])
    expect(whoCanNumbers(stateOf())).toBe('2 subjects')
  })

  test('a namespace and a name narrow it; what has no namespace is not asked about in one', () => {
    expect(shown(stateOf({ namespace: 'shop', name: 'key' })).join('\n')).toContain('User joe ')
    expect(shown(stateOf({ namespace: 'shop' })).join('\n')).not.toContain('User joe ')
    const nodes = shown(stateOf({ resource: 'no', namespace: 'shop' }))
    expect(nodes).toContain('a request to get nodes has no namespace: shop is left out.')
    expect(nodes).toContain('Can get nodes')
    expect(nodes.join('\n')).not.toContain('team')
    expect(shown(stateOf({ resource: '/metrics' }))).toContain('Can get /metrics')
  })

  test('what could not be read is said before anybody is missed', () => {
    const unread: Unread = {
      what: 'RoleBinding',
      why: 'forbidden',
      because: 'the API server refused to list rolebindings (403)',
      answer: 'ask',
    }
    const lines = shown(stateOf({ verb: 'delete' }, SOURCE([unread])))
    expect(lines.join(' ')).toContain('Not all could be seen: the API server refused to list rolebindings (403).')
    expect(lines).toContain('Nobody, as far as can be seen.')
    expect(shown(stateOf({ verb: 'delete' }))).toContain('Nobody that a binding names.')
  })

  test('enter changes a part of the question, or opens a subject; an empty verb changes nothing', () => {
    const typed = (state: State, text: string) =>
      [{ type: 'cleared' } as const, { type: 'typed', text } as const, { type: 'accept' } as const].reduce(
        reduce,
        reduce(state, enter(state)!),
      )
    const verb = typed(stateOf(), 'list')
    expect([verb.asked.verb, verb.overlay]).toEqual(['list', undefined])
    expect(typed(stateOf(), ' ').asked.verb).toBe('get')
    const down = [1, 1, 1, 1, 1].reduce((state) => reduce(state, { type: 'move', by: 1 }), stateOf())
    expect(enter(down)).toEqual({ type: 'go', to: { at: 'holder', kind: 'User', namespace: '', name: 'oidc:jane' } })
    expect(holderOf('holder@shop:Group::team')).toEqual({ kind: 'Group', namespace: '', name: 'team' })
    expect(holderOf('finding:x')).toBeUndefined()
  })

  test('W opens it from the access practice only', () => {
    const key = bindingFor('practice', 'W')!
    expect(key.off!(stateOf({}, SOURCE(), { at: 'practice', practice: 'rbac' }))).toBeUndefined()
    expect(key.off!(stateOf({}, SOURCE(), { at: 'practice', practice: 'images' }))).toBe('it belongs to role-based access control')
  })
})

test('one subject with all it is granted, its groups apart', () => {
  const rows = holderRows(stateOf(), { kind: 'ServiceAccount', namespace: 'ci', name: 'robot' }, 78)
  expect(rows.map((row) => lineText(row.line(78, new Set())).trimEnd())).toEqual([
    'ClusterRoleBinding/readers grants ClusterRole/reader, everywhere',
    '  - get, list on secrets, nodes',
    '  - get on /metrics',
    'ClusterRoleBinding/robots grants ClusterRole/reader, everywhere',
    '  - get, list on secrets, nodes',
    '  - get on /metrics',
    '',
    'By its groups',
    'Group system:serviceaccounts:ci: RoleBinding/shop/all grants Role/shop/gone,',
    'in namespace shop',
    '    This role is not there: nothing is granted.',
  ])
})
