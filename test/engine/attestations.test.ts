import { describe, expect, test } from 'vitest'
import { exitCode } from '../../src/cli/commands/scan.ts'
import { Attestations } from '../../src/engine/attestations.ts'
import { judge } from '../../src/engine/judge.ts'
import { summarise } from '../../src/engine/score.ts'
import type { Observation, RegisteredControl, Remark } from '../../src/model/index.ts'
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
