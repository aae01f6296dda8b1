import { describe, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
import { exitCode } from '../../src/cli/commands/scan.ts'
import { Attestations } from '../../src/engine/attestations.ts'
import { judge } from '../../src/engine/judge.ts'
import { summarise } from '../../src/engine/score.ts'
import type { Observation, RegisteredControl, Remark } from '../../src/model/index.ts'
import { toJson } from '../../src/report/json.ts'
import { scanReport } from '../../src/report/scan-report.ts'
import { toTable } from '../../src/report/table.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { overviewRows } from '../../src/session/rows-overview.ts'
import { practiceRows } from '../../src/session/rows-practice.ts'
import { initialState, type Scan, type State } from '../../src/session/store-state.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'

const NOW = Date.parse('2026-11-26T10:00:00Z')
const ANSWER = { answer: 'the key is in KMS', by: 'sre', on: '2026-11-01', until: '2027-05-01' }
const UNSEEN: Remark = { unknown: 'the flags cannot be seen', answer: 'look at them' }
const control = (...says: (Observation | Remark)[]): RegisteredControl => ({
  id: 'a-control',
  practice: 'secrets',
  title: 'T',
  severity: 'high',
  why: 'W',
  references: [],
  reads: [],
  consults: ['ConfigMap'],
  remedy: { byHand: 'B' },
  evaluate: () => says,
})
const seen = (verdict: 'fail' | 'review'): Observation => ({
  subject: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' },
  reason: 'is wrong',
  evidence: {},
  verdict,
})
const snapshotAt = (now: number, name = 'prod') => new SnapshotStore({ kind: 'live', name }).publish(now).snapshot
const answers = (over: object = {}, now = NOW) => new Attestations([{ control: 'a-control', ...ANSWER, ...over }], now)
const judged = (one: RegisteredControl, { attestedBy } = answers(), snapshot = snapshotAt(NOW)) =>
  judge(one, snapshot, undefined, undefined, attestedBy)

describe('an operator vouches for', () => {
  test('what cannot be seen: it is told who, when, until when, and that nobody saw it', () => {
    const rules = answers()
    expect(judged(control(UNSEEN), rules)).toMatchObject({
      status: 'attested',
      because: 'sre says (2026-11-01, until 2027-05-01): the key is in KMS; not seen here: the flags cannot be seen',
      answers: ['look at them'],
      attestation: ANSWER,
    })
    expect(rules.unused).toEqual([])
  })

  test('never what was seen: a failure stays one, and what a human must judge is still to be judged', () => {
    expect(judged(control(seen('fail'), UNSEEN)).status).toBe('fail')
    expect(judged(control(seen('review'), UNSEEN)).status).toBe('review')
    const rules = answers()
    expect(judged(control(), rules).status).toBe('pass')
    expect(rules.unused).toMatchObject([{ control: 'a-control' }])
  })

  test('nothing beyond its time, its control or its cluster', () => {
    const status = (over: object, snapshot = snapshotAt(NOW)) => judged(control(UNSEEN), answers(over), snapshot).status
    expect(status({ until: '2026-11-26' })).toBe('unknown')
    expect(status({ control: 'another' })).toBe('unknown')
    expect([status({ source: 'prod-*' }), status({ source: 'pro*' })]).toEqual(['unknown', 'attested'])
    // A scan that goes on past that day.
    expect(status({}, snapshotAt(Date.parse('2027-05-01')))).toBe('unknown')
    expect(answers({ until: '2026-11-26' }).expired).toHaveLength(1)
  })

  test('nothing that counts: neither in the score nor among the passes', () => {
    const one = control(UNSEEN)
    const outcomes = new Map([[one.id, judged(one)]])
    expect(summarise([one], outcomes).secrets).toMatchObject({ attested: 1, pass: 0, unknown: 0, score: null })
    expect(exitCode(outcomes, 'high', true)).toBe(0)
  })
})

describe('what an operator vouches for is shown apart from what passed', () => {
  const said = control(UNSEEN)
  const controls = [said, { ...control(), id: 'b-control' }]
  const outcomes = new Map(controls.map((one) => [one.id, judged(one)]))
  const remedyOf = () => ({ kind: 'byHand', risk: 'safe', summary: 'B' }) as const
  const report = scanReport({ snapshot: snapshotAt(NOW), controls, outcomes, problems: [], startedAt: NOW, finishedAt: NOW, remedyOf })
  const WORDS = 'sre says (2026-11-01, until 2027-05-01): the key is in KMS; not seen here: the flags cannot be seen'

  test('in the table: a column of its own, and who says it, with what would show it', () => {
    const lines = toTable(report, (_style, text) => text).split('\n')
    expect(lines.find((line) => line.startsWith('practice'))?.split(/ +/)).toEqual(
      'practice score fail review ? pass attested n/a'.split(' '),
    )
    expect(lines.find((line) => line.startsWith('secrets '))?.split(/ +/)).toEqual('secrets 100 0 0 0 1 1 0'.split(' '))
    const at = lines.indexOf('  attested HIGH a-control  T')
    expect(lines.slice(at + 1, at + 3).map((line) => line.trim())).toEqual([WORDS, 'to find out: look at them'])
  })

  test('in the JSON: a status of its own with who said it, as the schema has it', () => {
    const parsed = SCAN.parse(JSON.parse([...toJson(report, '1.0.0')].join('')))
    const [first, second] = parsed.results
    expect(first).toMatchObject({ status: 'attested', because: WORDS, answers: ['look at them'], attestation: ANSWER })
    expect(second).toMatchObject({ status: 'pass' })
    expect(second).not.toHaveProperty('attestation')
    expect(parsed.summary.secrets).toMatchObject({ pass: 1, attested: 1, unknown: 0 })
  })

  test('in the wizard: neither among those that are ok, nor folded away', () => {
    const state = (of: typeof outcomes): State => {
      const summary = summarise(controls, of)
      const scan = { snapshot: snapshotAt(NOW), controls, outcomes: of, findings: new Map(), gone: new Map(), problems: [], summary }
      return { ...initialState({ columns: 80, rows: 24 }), scan: { ...scan, fresh: new Map(), synced: true } as Scan }
    }
    const text = (rows: ReturnType<typeof overviewRows>) => rows.map((row) => lineText(row.line(78, new Set())).trim())
    const overview = text(overviewRows(state(outcomes), 78))
    expect(overview[0]).toMatch(/ fail review +\? +ok said$/)
    expect(overview.find((line) => line.startsWith('2 Secrets'))).toMatch(/ 0 +0 +0 +1 +1$/)
    expect(overview).toContain('said: vouched for by the provider or by you, not seen; in no score.')
    expect(text(practiceRows(state(outcomes), 'secrets', 78))).toEqual([
      expect.stringMatching(/^said +HIGH T +sre says/),
      expect.stringMatching(/^> ok +Passed, or nothing to check +1 check$/),
    ])
    // Nothing is vouched for: nothing is said of it.
    expect(text(overviewRows(state(new Map([['b-control', judged(controls[1]!)]])), 78))[0]).toMatch(/ ok$/)
  })

  test('and to scripts: it is no finding for --fail-on, nor unknown for --fail-on-unknown until its time is over', () => {
    expect(exitCode(outcomes, 'info', true)).toBe(0)
    expect(exitCode(new Map([[said.id, judged(said, answers({ until: '2026-11-26' }))]]), 'info', true)).toBe(5)
    const failing = control(seen('fail'), UNSEEN)
    expect(exitCode(new Map([[failing.id, judged(failing)]]), 'high', false)).toBe(1)
  })
})
