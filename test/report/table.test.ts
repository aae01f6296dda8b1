import { expect, test } from 'vitest'
import { FindingKeeper } from '../../src/engine/finding-keeper.ts'
import { together } from '../../src/engine/refusals.ts'
import type { Outcome, RegisteredControl, Severity } from '../../src/model/index.ts'
import { scanReport } from '../../src/report/scan-report.ts'
import { toTable } from '../../src/report/table.ts'
import { snapshotOf } from '../../src/snapshot/snapshot.ts'

const control = (id: string): RegisteredControl => ({
  id,
  practice: 'rbac',
  title: 'T',
  severity: 'medium',
  why: 'W',
  references: [],
  reads: ['ClusterRole'],
  remedy: { byHand: 'B' },
  evaluate: () => [],
})
const snapshot = snapshotOf({
  revision: 1,
  source: { kind: 'live', name: 'x' },
  now: 0,
  synced: true,
  kinds: new Map(),
  facts: new Map(),
  unreads: new Map(),
  locate: () => undefined,
})
function failed(id: string, roles: readonly string[], severity: Severity = 'medium'): Outcome {
  const observations = roles.map((name) => ({
    subject: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name },
    reason: 'is wrong',
    severity,
    evidence: {},
  }))
  return { control: id, status: 'fail', findings: new FindingKeeper(control(id), () => false).findings(observations, snapshot) }
}
function table(outcomes: readonly Outcome[]): readonly string[] {
  const controls = outcomes.map((outcome) => control(outcome.control))
  const byId = new Map(outcomes.map((outcome) => [outcome.control as string, outcome]))
  const remedyOf = () => ({ kind: 'byHand', risk: 'safe', summary: 'B' }) as const
  const report = scanReport({ snapshot, controls, outcomes: byId, problems: [], startedAt: 0, finishedAt: 5, remedyOf })
  return toTable(report, (_style, text) => text).split('\n')
}

test('the object that most checks speak of is where to begin; one that trips a few is not named', () => {
  const lines = table([
    failed('one', ['everything', 'reader']),
    failed('two', ['everything', 'reader']),
    failed('three', ['everything', 'reader', 'writer']),
    failed('four', ['everything']),
  ])
  expect(lines).toContain('Begin with what most checks speak of: ClusterRole everything (4 checks).')
  expect(table([failed('one', ['everything'])]).join()).not.toContain('Begin with')
})

test('a check is as grave as its gravest finding, and practices that were not asked for are not listed', () => {
  const lines = table([failed('one', ['everything'], 'critical')])
  expect(lines).toContain('  FAIL     CRIT one  T')
  expect(lines.filter((line) => line.startsWith('rbac '))).toHaveLength(1)
  expect(lines.filter((line) => line.startsWith('secrets'))).toHaveLength(0)
})

test('who may not read everything is told what would do', () => {
  const unread = [{ what: 'ClusterRole', why: 'forbidden', because: 'refused', answer: 'allow it' }] as const
  const lines = table([{ control: 'one', status: 'unknown', findings: [], unread, because: 'refused', answers: ['allow it'] }])
  expect(lines).toContain('no findings, but 1 check could not be made')
  expect(lines).toContain('You may not read everything here: k8s-harden permissions prints the role that is enough.')
  expect(table([failed('one', ['everything'])]).join()).not.toContain('permissions')
})

test('what was refused alike is said once, and all else as it is', () => {
  const refused = (what: string, where = '') => `the API server refused to list ${what}${where} (403)`
  expect(together([refused('roles'), refused('rolebindings'), refused('roles'), refused('pods', ' in namespace shop')])).toEqual([
    refused('roles, rolebindings'),
    refused('pods', ' in namespace shop'),
  ])
  const narrower = ', or narrow the scan to namespaces you may read with -n NAMESPACE'
  expect(
    together([
      'allow list and watch on clusterroles in API group rbac.authorization.k8s.io',
      `allow list and watch on roles in API group rbac.authorization.k8s.io${narrower}`,
      `allow list and watch on pods${narrower}`,
      'add the file',
      'add the file',
    ]),
  ).toEqual([
    `allow list and watch on clusterroles, roles in API group rbac.authorization.k8s.io${narrower}`,
    `allow list and watch on pods${narrower}`,
    'add the file',
  ])
})
