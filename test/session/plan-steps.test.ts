import { describe, expect, test } from 'vitest'
import type { Step, StepId } from '../../src/model/index.ts'
import { toggledWith } from '../../src/session/actions-plan.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { planRows } from '../../src/session/rows-plan.ts'
import { reduce } from '../../src/session/store-reduce.ts'
import { initialState, type State } from '../../src/session/store-state.ts'

const step = (id: string, ...after: string[]): Step => ({
  id: id as StepId,
  after: after as StepId[],
  title: id,
  practices: [],
  controls: [],
  risk: 'safe',
  mayBreak: [],
  changes: [],
  inverse: [],
  mends: [],
  managedBy: '',
  carriedOut: 'live',
})
const ids = (...all: string[]) => new Set(all as StepId[])

describe('choosing steps', () => {
  const steps = [step('namespace'), step('allow', 'namespace'), step('deny', 'allow'), step('other')]
  test('leaving one out leaves out what builds on it', () => {
    expect(toggledWith(steps, ids(), 'allow' as StepId)).toEqual(ids('allow', 'deny'))
  })
  test('taking one in takes in what it builds on', () => {
    expect(toggledWith(steps, ids('namespace', 'allow', 'deny', 'other'), 'deny' as StepId)).toEqual(ids('other'))
  })
  test('a circle does not hang it', () => {
    expect(toggledWith([step('a', 'b'), step('b', 'a')], ids(), 'a' as StepId)).toEqual(ids('a', 'b'))
  })
})

test('by risk: safe only, then with restarts, then all; a step that needs a riskier one goes with it', () => {
  const steps = [
    { ...step('allow'), risk: 'may-break' as const },
    step('deny', 'allow'),
    step('label'),
    { ...step('roll'), risk: 'restarts-pods' as const },
  ]
  const plan = { digest: '', revision: 1, steps, ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
  let state: State = { ...initialState({ columns: 80, rows: 24 }), planned: { asked: [], off: new Set(), plan } }
  const next = (): unknown => (state = reduce(state, { type: 'take-by-risk' })).planned?.off
  expect(next()).toEqual(ids('allow', 'deny', 'roll'))
  expect(next()).toEqual(ids('allow', 'deny'))
  expect(next()).toEqual(ids())
})

test('one pod first makes the plan anew, and stays chosen when a choice of a fix changes', () => {
  const plan = { digest: '', revision: 1, steps: [], ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
  let state: State = { ...initialState({ columns: 80, rows: 24 }), planned: { asked: [], off: new Set(), plan } }
  state = reduce(state, { type: 'one-first' })
  expect(state.planned).toEqual({ asked: [], off: new Set(), oneFirst: true })
  state = reduce(state, { type: 'choose', control: 'c', option: 'o', value: 1 })
  expect(state.planned).toEqual({ asked: [], off: new Set(), oneFirst: true })
  expect(reduce(state, { type: 'one-first' }).planned?.oneFirst).toBe(false)
})

describe('the trail', () => {
  const start = initialState({ columns: 80, rows: 24 })
  test('going back to a screen on the trail does not lengthen it', () => {
    let state = reduce(start, { type: 'go', to: { at: 'overview' } })
    state = reduce(state, { type: 'go', to: { at: 'practice', practice: 'rbac' } })
    state = reduce(state, { type: 'go', to: { at: 'overview' } })
    expect(state.trail).toEqual([{ at: 'connect' }])
    expect(reduce(reduce(state, { type: 'back' }), { type: 'back' }).route).toEqual({ at: 'connect' })
  })
  test('quitting without a run leaves at once; with one, after the step in flight', () => {
    expect(reduce(start, { type: 'leave', code: 130 }).leaving).toBe(130)
    const running = {
      ...start,
      running: { kind: 'apply' as const, steps: [], states: new Map(), rehearsed: new Map(), told: [], automatic: false, stopping: false },
    }
    const first = reduce(running, { type: 'leave', code: 130 })
    expect(first).toMatchObject({ leaveWith: 130, running: { stopping: true } })
    expect(first.leaving).toBeUndefined()
    expect(reduce(first, { type: 'run-ended' }).leaving).toBe(130)
    expect(reduce(first, { type: 'leave', code: 130, now: true }).leaving).toBe(130)
  })
})

test('what the chosen steps fix is counted apart from what all of them do', () => {
  const steps = [
    step('prepare'),
    { ...step('mend', 'prepare'), mends: ['f1', 'f2'] as never },
    { ...step('other'), mends: ['f3'] as never },
  ]
  const plan = { digest: '', revision: 1, steps, ledger: { fixable: [{}, {}, {}] as never, needsValue: [], byHand: [], refused: [] } }
  const scan = { controls: [], findings: new Map(), snapshot: { fact: () => undefined } } as never
  const shown = (off: ReadonlySet<StepId>) =>
    planRows({ ...initialState({ columns: 80, rows: 24 }), scan, planned: { asked: [], off, plan } }, 76)
      .slice(0, 3)
      .map((row) => lineText(row.line(76, new Set())).trim())
  expect(shown(ids())).toEqual(['3 findings: 3 fixed by 3 steps.', '', 'Steps, in this order'])
  expect(shown(ids('mend'))).toEqual(['3 findings: 3 fixed by 3 steps.', 'The 2 chosen steps fix 1 finding.', ''])
})

test('a step that only makes files says so, and keeps the name of the file where a long kind would give way', () => {
  const file = { ...step('file'), carriedOut: 'file' as const, title: 'kube-apiserver.kubeadm.yaml: set --profiling=false' }
  const kind = { ...step('kind'), title: 'ValidatingAdmissionPolicyBinding guard: warn' }
  const plan = { digest: '', revision: 1, steps: [file, kind], ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
  const scan = { controls: [], findings: new Map(), snapshot: { fact: () => undefined } } as never
  const shown = planRows({ ...initialState({ columns: 80, rows: 24 }), scan, planned: { asked: [], off: ids(), plan } }, 76).map((row) =>
    lineText(row.line(76, new Set())).trim(),
  )
  expect(shown).toContain('1 step only makes files for you to place; the result says where they are.')
  expect(shown.find((line) => line.includes('  1 '))).toContain('files for you: kube-apiserver.kubeadm.yaml:')
  expect(shown.find((line) => line.includes('  2 '))).toMatch(/safe +guard: warn/)
})

test('what nobody has asked for yet comes left out, unless it was marked or is all there is', () => {
  const guard = { ...step('guard'), controls: ['guardrails'] }
  const plan = (steps: readonly Step[]) => ({
    digest: '',
    revision: 1,
    steps,
    ledger: { fixable: [], needsValue: [], byHand: [], refused: [] },
  })
  const controls = [{ id: 'guardrails', deliberate: true }]
  const state = {
    ...initialState({ columns: 80, rows: 24 }),
    scan: { controls },
    planned: { asked: [], off: new Set() },
  } as unknown as State
  const off = (from: State, steps: readonly Step[]) => reduce(from, { type: 'planned', plan: plan(steps) }).planned?.off
  const mend = { ...step('mend'), controls: ['other'] }
  expect(off(state, [mend, guard])).toEqual(ids('guard'))
  expect(off(state, [mend, { ...guard, controls: ['guardrails', 'other'] }])).toEqual(ids())
  expect(off(state, [guard])).toEqual(ids())
  expect(off({ ...state, marked: new Set(['f']) } as unknown as State, [mend, guard])).toEqual(ids())
})
