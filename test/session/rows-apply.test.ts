/** What is said of a run while nobody is asked. */
import { expect, test } from 'vitest'
import type { StepId, StepState } from '../../src/model/index.ts'
import { askingLines, changeRows, workingText } from '../../src/session/rows-apply.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { initialState, type Running } from '../../src/session/store-state.ts'

const STEPS = ['one', 'two'].map((id) => ({ id: id as StepId, title: id, risk: 'safe' as const, mayBreak: [], mends: 1, word: 'word' }))

const ASKING = { since: 0, focus: 'skip' as const, typed: '', wrong: false }

function running(states: Readonly<Record<string, StepState>>, more: Partial<Running> = {}): Running {
  const known = new Map(Object.entries(states) as [StepId, StepState][])
  return { kind: 'apply', steps: STEPS, states: known, rehearsed: new Map(), told: [], automatic: false, stopping: false, ...more }
}

test('a step says what it waits for and for how long, without the seconds of the writer', () => {
  const worked = { since: 1_000, now: 15_400 }
  const waiting: StepState = { is: 'waiting', for: 'kube-apiserver on cp-1 to come back (11 s)' }
  const done: StepState = { is: 'mended', note: '' }
  expect(workingText(running({ one: done, two: waiting }, { worked }))).toBe(
    'Step 2, 14 s: waiting for kube-apiserver on cp-1 to come back',
  )
  expect(workingText(running({ one: waiting }, { worked, stopping: true }))).toBe(
    'Step 1, 14 s, then it stops: waiting for kube-apiserver on cp-1 to come back',
  )
  expect(workingText(running({ one: { is: 'writing' } }, { worked: { since: 1_000, now: 1_900 } }))).toBe('Step 1: writing ...')
})

test('what became of a run before is waited for in words, and told with the first step', () => {
  const settling = 'waiting for kube-apiserver on cp-1 to come back (3 s)'
  expect(workingText(running({}, { settling }))).toBe(`Settling the run before: ${settling}`)
  const told = ['run 1 was interrupted in "set a": it was written', 'nobody saw whether all works after it: look yourself']
  const shown = (states: Readonly<Record<string, StepState>>, asked?: string) =>
    changeRows(running(states, { told, ...(asked !== undefined && { asking: { ...ASKING, step: asked as StepId } }) }), 80)
      .map((row) => lineText(row.line(80, new Set())).trimEnd())
      .join('\n')
  expect(shown({}, 'one')).toContain('A run before this one was cut off')
  expect(shown({}, 'one')).toContain('From before:\n  - run 1 was interrupted in "set a": it was written\n  - nobody saw')
  expect(shown({ one: { is: 'writing' } })).not.toContain('From before')
  expect(shown({ one: { is: 'mended', note: '' } }, 'two')).not.toContain('From before')
})

test('files are asked about as files', () => {
  const asked = (step: object): string => {
    const asking = { ...ASKING, step: 'one' as StepId }
    const run = running({}, { steps: [{ ...STEPS[0]!, ...step }], asking })
    const state = initialState({ columns: 80, rows: 24 })
    return lineText(askingLines(state, run, asking, 80)[0]!).trim()
  }
  expect(asked({})).toBe('Write this change? It goes to the source.')
  expect(asked({ files: true })).toBe('Make these files? You put them in place; nothing else is written.')
  expect(asked({ files: true, risk: 'may-break' })).toBe('May break something once in place. For the files type word, then enter:')
  expect(asked({ risk: 'may-break' })).toBe('May break something. To apply it type word, then enter:')
})

test('before the first step and between two there is no step to speak of', () => {
  expect(workingText(running({}))).toBe('Working; nothing is written without your answer.')
  expect(workingText(running({}, { kind: 'undo' }))).toBe('Taking back, last step first ...')
  expect(workingText(running({ one: { is: 'skipped', because: '' } }, { worked: { since: 0, now: 0 }, stopping: true }))).toBe(
    'Stopping ...',
  )
})
