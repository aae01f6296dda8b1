/** Who becomes cluster-admin, in rows: who is listed where, what is said of what is not known, and where enter leads. */
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { FindingId, KubeObject, Unread } from '../../src/model/index.ts'
import { rbacGraph } from '../../src/objects/rbac-graph.ts'
import { bestCuts } from '../../src/objects/rbac-graph-cuts.ts'
import { enter, findingsHere } from '../../src/session/actions-enter.ts'
import type { Route } from '../../src/session/route.ts'
import { escalationRows } from '../../src/session/rows-escalation.ts'
import { escalationNumbers, escalationsRows, wayFindings } from '../../src/session/rows-escalations.ts'
import { findingRows } from '../../src/session/rows-finding.ts'
import { lineText, type Row } from '../../src/session/rows-line.ts'
import { reduce } from '../../src/session/store-reduce.ts'
import { initialState, type Scan, type State } from '../../src/session/store-state.ts'
import { bindingFor } from '../../views/keys.ts'
import type { World } from '../helpers/world.ts'
import { account, binding, holds, namespace, node, pod, role, viewOf } from '../objects/rbac-graph-worlds.ts'

const JUDGES = controls.filter(({ id }) => ['rbac-admin-equivalent-role', 'rbac-cluster-admin-bindings', 'rbac-token-create'].includes(id))
function stateOf(objects: readonly KubeObject[], route: Route = { at: 'escalations' }, world: World = { source: 'live' }): State {
  const snapshot = viewOf(objects, world)
  const found = JUDGES.flatMap((control) => judge(control, snapshot).findings)
  const findings = new Map(found.map((finding) => [finding.id, finding] as const))
  const scan = { snapshot, findings, gone: new Map(), controls: JUDGES, outcomes: new Map(), problems: [], synced: true }
  return { ...initialState({ columns: 80, rows: 24 }), route, scan: scan as unknown as Scan }
}
const shown = (rows: readonly Row[]): string[] => rows.map((one) => lineText(one.line(78, new Set())).trimEnd())
const list = (state: State): string[] => shown(escalationsRows(state, 78))
const path = (state: State, subject: string): string => shown(escalationRows(state, subject, 78)).join('\n')

const WORLD: readonly KubeObject[] = [
  namespace('ci', 'restricted'),
  namespace('shop', 'restricted'),
  namespace('kube-system', 'privileged'),
  node('node-1', true),
  node('node-2'),
  node('node-3'),
  account('ci', 'maker'),
  account('ci', 'robot'),
  account('kube-system', 'agent'),
  role('cluster-admin', ['* */*']),
  ...holds('ServiceAccount:ci/maker', ['create serviceaccounts/token'], 'ci'),
  ...holds('ServiceAccount:ci/maker', ['get pods'], 'shop'),
  binding('robot', 'ClusterRole', 'cluster-admin', ['ServiceAccount:ci/robot']),
  ...holds('User:joe', ['create pods/exec'], 'shop'),
  binding('cluster-admin', 'ClusterRole', 'cluster-admin', ['Group:system:masters']),
  pod('ci', 'maker-1', 'maker', { nodeName: 'node-2' }),
  pod('ci', 'maker-2', 'maker', { nodeName: 'node-2' }),
  pod('shop', 'vault', 'default', { nodeName: 'node-3' }, true),
]

describe('everybody who gets there', () => {
  test('gravest first with steps and pods; Kubernetes itself apart and closed', () => {
    const lines = list(stateOf(WORLD))
    const [title, ...rest] = lines.slice(lines.findIndex((line) => line.startsWith('Can become')))
    expect(title).toBe('Can become cluster-admin: 2 subjects')
    expect(rest).toEqual([
      '[ ] ServiceAccount ci/robot            1      0 do everything → cluster-admin',
      '[ ] ServiceAccount ci/maker            2      2 ask for tokens of service acc~',
      'Can take over a node: 1 subject',
      '[ ] User joe                           1      - run commands in pods in shop ~',
      '',
      '> Kubernetes itself, as it is shipped                                1 subject',
    ])
    expect(escalationNumbers(stateOf(WORLD))).toBe('2 to cluster-admin, 1 to a node')
    const opened = reduce(stateOf(WORLD), { type: 'turn', group: 'ways-shipped' })
    expect(list(opened).at(-1)).toContain('Group system:masters')
  })

  test('members of a group that is listed itself, and accepted risks, are apart', () => {
    const grouped = [
      ...WORLD,
      binding('all', 'ClusterRole', 'cluster-admin', ['Group:system:serviceaccounts:shop']),
      ...holds('ServiceAccount:shop/calm', ['get configmaps'], 'shop'),
    ]
    const lines = list(stateOf(grouped))
    expect(lines.join('\n')).toMatch(/Group system:serviceaccounts:sh~ +1 +- do everything/)
    expect(lines.join('\n')).not.toMatch(/shop\/calm/)
    const { scan } = stateOf(WORLD)
    const findings = new Map(scan!.findings.values().map((one) => [one.id, { ...one, excepted: one.subject.name === 'robot' }] as const))
    const accepted = { ...stateOf(WORLD), scan: { ...scan!, findings } }
    expect(list(accepted)).toContain('> Accepted risks, from the exceptions file                           1 subject')
    expect(escalationNumbers(accepted)).toBe('1 to cluster-admin, 1 to a node')
    expect(wayFindings(accepted.scan, 'ServiceAccount:ci/robot')).toEqual([])
    const open = reduce(stateOf(grouped), { type: 'turn', group: 'ways-members' })
    expect(list(open).join('\n')).toMatch(/v Only by a group[^\n]+\n {4}ServiceAccount shop\/calm/)
  })

  test('what could not be read comes first, and nobody is never said of half a picture', () => {
    const unread: Unread = { what: 'RoleBinding', why: 'forbidden', because: 'listing rolebindings was refused (403)', answer: 'ask' }
    expect(list(stateOf(WORLD, undefined, { source: 'live', unread: [unread] }))[0]).toBe(
      'Not all could be seen: listing rolebindings was refused (403).',
    )
    expect(list(stateOf([], undefined, { source: 'live', unread: [unread] }))).toContain('Nobody, as far as can be seen.')
    expect(list(stateOf([]))).toContain('Nobody of your own reaches cluster-admin or a node.')
    const unseen = stateOf(holds('ServiceAccount:ci/maker', ['create pods'], 'ci'), undefined, { source: 'manifests' })
    expect(list(unseen).join('\n')).toContain('Not known whether they can take over a node: 1 subject')
    expect(escalationNumbers(unseen)).toBe('0 to cluster-admin, 0 to a node, 1 not known')
    expect(path(unseen, 'ServiceAccount:ci/maker')).toContain('Whether it gets there is not known: add the Namespace objects')
  })

  test('removals: being tried, found, none better than another, no longer current', () => {
    const state = stateOf(WORLD)
    const graph = rbacGraph(state.scan!.snapshot)
    const trying = reduce(state, { type: 'trying', graph, of: '' })
    expect(list(reduce(trying, { type: 'tried', number: 4 }))[1]).toBe('  trying them out one by one (4 so far) ...')
    const cuts = bestCuts(state.scan!.snapshot, graph)
    const found = reduce(trying, { type: 'tried', number: 9, cuts })
    expect(list(found)[1]).toBe('  stops 2 of 3: take ServiceAccount ci/robot out of ClusterRoleBinding robot')
    const again = list(reduce(found, { type: 'trying', graph, of: '' }))
    expect(again[1]).toContain('stops 2 of 3')
    expect(again.join('\n')).toContain('something has changed: trying them out again ...')
    const single = cuts.map((cut) => ({ ...cut, stops: 1 }))
    expect(list(reduce(trying, { type: 'tried', number: 9, cuts: single }))[1]).toContain('None of those tried stops more than one')
    expect(list(reduce(trying, { type: 'tried', number: 2, problem: 'odd' }))[1]).toBe('  They could not be tried out: odd')
  })
})

describe('one path', () => {
  const subject = 'ServiceAccount:ci/maker'
  const state = stateOf(WORLD, { at: 'escalation', subject })

  test('one hop after the other with its right, the pods, the fix, and what else it is bound to', () => {
    const text = path(state, subject)
    expect(text).toContain('Can become cluster-admin in 2 steps.')
    expect(text).toMatch(/1\. ci\/maker can ask for tokens of service accounts in ci +enter: its finding\n/)
    expect(text).toMatch(
      /by rule 1 \(create on serviceaccounts\/token\) of ClusterRole\n? +serviceaccount-ci-maker-ci, bound by RoleBinding/,
    )
    expect(text).toContain('=> run as ci/robot')
    expect(text).toMatch(/2\. ci\/robot can do everything +enter: its finding\n/)
    expect(text).toContain('- ci/maker-1 on node-2\n  - ci/maker-2 on node-2')
    expect(text).toContain('[ ] CRIT ClusterRole serviceaccount-ci-~ lets its subject become cluster-admin')
    expect(text).toMatch(/What else it is bound to\n {2}- ClusterRole\/serviceaccount-ci-maker-shop in shop/)
  })

  test('enter opens the finding of the hop that is selected; a plans what begins the path, whatever is marked', () => {
    const open = (at: State) => {
      const action = enter(at)
      return action?.type === 'go' && action.to.at === 'finding' ? state.scan!.findings.get(action.to.id) : undefined
    }
    expect(open(state)).toMatchObject({ control: 'rbac-admin-equivalent-role', subject: { name: 'serviceaccount-ci-maker-ci' } })
    expect(open(reduce(state, { type: 'move', by: 1 }))).toMatchObject({
      control: 'rbac-cluster-admin-bindings',
      subject: { name: 'robot' },
    })
    const mine = wayFindings(state.scan, subject)
    expect(mine).toHaveLength(1)
    expect(findingsHere(state)).toEqual(mine)
    const marked = { ...state, marked: new Set(['another' as FindingId]) }
    expect(bindingFor('escalation', 'a')!.does(marked, 0, 'a')).toEqual({ type: 'plan', findings: mine })
  })

  test('who gets nowhere, and who is in no binding', () => {
    expect(path(state, 'User:nobody')).toContain('Neither cluster-admin nor a node is within its reach.')
    const all = stateOf([...WORLD, binding('all', 'ClusterRole', 'cluster-admin', ['Group:system:serviceaccounts:shop'])])
    expect(path(all, 'ServiceAccount:shop/unbound')).toContain('it is in a group that has one')
  })

  test('E leads from the practice to the list, from a finding and from a holder to the path', () => {
    const key = (at: Route) => {
      const here = { ...state, route: at }
      const found = bindingFor(here.route.at, 'E')!
      return found.off!(here) ?? found.does(here, 0, 'E')
    }
    expect(key({ at: 'practice', practice: 'rbac' })).toEqual({ type: 'go', to: { at: 'escalations' } })
    expect(key({ at: 'practice', practice: 'images' })).toMatch(/^it belongs to/)
    const [id] = wayFindings(state.scan, subject)
    expect(key({ at: 'finding', id: id! })).toEqual({ type: 'go', to: { at: 'escalation', subject } })
    expect(key({ at: 'holder', kind: 'ServiceAccount', namespace: 'ci', name: 'maker' })).toEqual({
      type: 'go',
      to: { at: 'escalation', subject },
    })
    expect(key({ at: 'holder', kind: 'User', namespace: '', name: 'joe' })).toEqual({
      type: 'go',
      to: { at: 'escalation', subject: 'User:joe' },
    })
    expect(shown(findingRows(state, id!, 78)).join('\n')).toMatch(/The way there \(E shows what would stop it\)\n {2}1\. ci\/maker can ask/)
  })
})
