import { expect, test } from 'vitest'
import { subjectReport, toSubjectText } from '../../src/report/subject-report.ts'
import { account, binding, holds, namespace, pod, role, viewOf } from '../objects/rbac-graph-worlds.ts'

const CHAIN = [
  namespace('vault', 'baseline'),
  account('vault', 'boss'),
  role('rewriter', ['escalate,update rbac.authorization.k8s.io/clusterroles']),
  binding('rewriter', 'ClusterRole', 'rewriter', ['ServiceAccount:vault/boss']),
  ...['ann', 'bob', 'cat'].flatMap((name) => holds(`User:${name}`, ['create pods'], 'vault')),
  ...holds('User:dan', ['impersonate users,groups']),
  pod('vault', 'boss-0', 'boss', { nodeName: 'n1' }),
]

test('the best cut is the one that everybody comes through, counted after it was made', () => {
  const { cuts, sentence, reaches } = subjectReport(viewOf(CHAIN), { kind: 'User', name: 'ann' })
  expect(reaches).toBe('cluster-admin')
  expect(sentence).toBe('ann can create pods in vault → run as vault/boss → escalate ClusterRole rewriter → cluster-admin')
  // Ann, Bob, Cat and the account itself; Dan has a way of his own.
  expect(cuts[0]).toMatchObject({ stops: 4, of: 5, stopsSubject: true })
  expect(cuts[0]!.what).toMatch(/rewriter/)
  const own = cuts.find(({ what }) => what.includes('User ann'))
  expect(own).toMatchObject({ stops: 1, stopsSubject: true })
  expect(cuts.find(({ what }) => what.includes('User bob'))).toMatchObject({ stops: 1, stopsSubject: false })
})

test('the pods that hold its token are told with their nodes', () => {
  expect(subjectReport(viewOf(CHAIN), { kind: 'ServiceAccount', namespace: 'vault', name: 'boss' }).pods).toEqual(['vault/boss-0 on n1'])
})

test('who holds nothing gets nowhere, and that is said', () => {
  const report = subjectReport(viewOf(CHAIN), { kind: 'User', name: 'eve' })
  expect(report).toMatchObject({ reaches: 'nothing', bindings: [], path: [], cuts: [] })
  expect(toSubjectText(report)).toMatch(/Holds nothing that is seen[\s\S]*Neither cluster-admin nor a node is within its reach/)
})

test('what could not be read makes it unknown, never nothing', () => {
  const because = 'the API server refused to list clusterrolebindings (403)'
  const view = viewOf(CHAIN, { unread: [{ what: 'ClusterRoleBinding', why: 'forbidden', because, answer: 'allow it' }] })
  const report = subjectReport(view, { kind: 'User', name: 'eve' })
  expect(report).toMatchObject({ reaches: 'unknown', unread: [because] })
  expect(toSubjectText(report)).not.toMatch(/Neither/)
  expect(toSubjectText(report)).toContain(because)
})

test('what is no step to anybody is told beside', () => {
  const view = viewOf([
    ...CHAIN,
    ...holds('User:eve', ['create pods/portforward', 'get pods/log'], 'vault'),
    ...holds('User:eve', ['create nodes']),
  ])
  const report = subjectReport(view, { kind: 'User', name: 'eve' })
  expect(report).toMatchObject({ reaches: 'nothing', escalations: [] })
  expect(report.alsoCan.map(({ id }) => id).sort()).toEqual(['E15', 'E19', 'E34'])
  expect(toSubjectText(report)).toMatch(/It also can:[\s\S]*E15 {2}reach ports/)
  // A node is in no namespace.
  const inside = viewOf([...CHAIN, ...holds('User:eve', ['create nodes'], 'vault')])
  expect(subjectReport(inside, { kind: 'User', name: 'eve' }).alsoCan).toEqual([])
  expect(subjectReport(view, { kind: 'ServiceAccount', namespace: 'vault', name: 'boss' }).alsoCan).toEqual([])
})
