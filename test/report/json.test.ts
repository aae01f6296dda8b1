import { expect, test } from 'vitest'
import { FindingKeeper } from '../../src/engine/finding-keeper.ts'
import type { Finding, FindingRemedy, Observation, Outcome, RegisteredControl } from '../../src/model/index.ts'
import { toJson, toJsonLines } from '../../src/report/json.ts'
import { scanReport } from '../../src/report/scan-report.ts'
import { toTable } from '../../src/report/table.ts'
import { snapshotOf } from '../../src/snapshot/snapshot.ts'

const control = (id: string): RegisteredControl => ({
  id,
  practice: 'rbac',
  title: 'T',
  severity: 'high',
  why: 'W',
  references: [{ standard: 'CIS', section: '1' }],
  reads: ['ConfigMap'],
  remedy: { byHand: 'B' },
  evaluate: () => [],
})
const MANY = 1000
const controls = [control('none'), control('many')]
const REMEDY: FindingRemedy = { kind: 'byHand', risk: 'safe', summary: 'B' }

function reportOf() {
  const asked = { places: 0, remedies: 0 }
  const locate = () => {
    asked.places++
    return { file: 'a.yaml', line: 7 }
  }
  const snapshot = snapshotOf({
    revision: 1,
    source: { kind: 'manifests', name: 'x' },
    now: 0,
    synced: true,
    kinds: new Map(),
    facts: new Map(),
    unreads: new Map(),
    locate,
  })
  const observations = Array.from(
    { length: MANY },
    (_, index): Observation => ({
      subject: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: `m${index}`, file: 'a.yaml' },
      at: ['data'],
      reason: 'is wrong',
      detail: 'two\nlines "quoted"'.repeat(5),
      evidence: { index },
    }),
  )
  const findings = new FindingKeeper(controls[1]!, () => false).findings(observations, snapshot)
  const outcomes = new Map<string, Outcome>([
    ['none', { control: 'none', status: 'pass', findings: [] }],
    ['many', { control: 'many', status: 'fail', findings, because: 'b' }],
  ])
  const remedyOf = (_finding: Finding): FindingRemedy => {
    asked.remedies++
    return REMEDY
  }
  return { asked, findings, report: scanReport({ snapshot, controls, outcomes, problems: [], startedAt: 0, finishedAt: 5, remedyOf }) }
}

test('the pieces make one JSON object, a finding a line, none of them large', () => {
  const { report, findings } = reportOf()
  const pieces = [...toJson(report, '1')]
  const text = pieces.join('')
  const parsed = JSON.parse(text)
  expect(parsed.results.map((result: { control: string; findings: unknown[] }) => [result.control, result.findings.length])).toEqual([
    ['none', 0],
    ['many', MANY],
  ])
  expect(parsed.results[1].findings.map((finding: { id: string }) => finding.id)).toEqual(findings.map((finding) => finding.id))
  expect(parsed.results[1].findings[3].subject).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: 'shop',
    name: 'm3',
    file: 'a.yaml',
    line: 7,
  })
  expect(text.split('\n').filter((line) => line.includes('"id":'))).toHaveLength(MANY)
  expect(pieces.length).toBeGreaterThan(3)
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(100_000)
  expect([...toJsonLines(report)].join('').trimEnd().split('\n')).toHaveLength(MANY + 1)
})

test('a place is looked up only where it is shown', () => {
  const { report, asked } = reportOf()
  expect(asked).toEqual({ places: 0, remedies: 0 })
  toTable(report, (_style, text) => text)
  expect(asked).toEqual({ places: 20, remedies: MANY })
})
