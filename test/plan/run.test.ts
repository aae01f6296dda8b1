import { describe, expect, test } from 'vitest'
import type { JournalLine, Plan, Snapshot, Step, StepState } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { interrupted, recordedRun, undoable } from '../../src/plan/journal.ts'
import { headerOf, type RunOptions, run, type Verifier } from '../../src/plan/run.ts'
import { forget, keep, undo, whatHappened } from '../../src/plan/undo.ts'
import { WriteConflict, WriteUncertain } from '../../src/plan/writer.ts'
import { grant } from '../../src/session/approve.ts'
import { FakeWriter, type Faults, refusal } from '../helpers/fake-writer.ts'
import { byId, deployment, findingsOf, wants, worldOf } from './plan-fixtures.ts'

const controls = [wants('priv', 'privileged', false)]
const world = () => worldOf(['a', 'b', 'c'].map((name) => deployment(name)))
const proven: Verifier = { verify: async () => ({ ok: true, note: 'seen' }) }

interface Outcome {
  readonly states: Record<string, StepState>
  readonly order: string[]
  readonly lines: JournalLine[]
  readonly writer: FakeWriter
  readonly plan: Plan
}
const NAMES = ['a', 'b', 'c'] as const
const short = (step: Step) => step.title.slice('Deployment shop/'.length, 'Deployment shop/'.length + 1)

async function carryOut(faults: Faults = {}, options: Partial<RunOptions> = {}, from: Snapshot = world()): Promise<Outcome> {
  const plan = compile(findingsOf(controls, from), byId(controls), from, {})
  const writer = new FakeWriter(from, faults)
  const lines: JournalLine[] = []
  const states: Record<string, StepState> = {}
  const order: string[] = []
  const names = new Map(plan.steps.map((step) => [step.id, short(step)]))
  const events = run({
    plan,
    writer,
    verifier: proven,
    signal: new AbortController().signal,
    now: () => '2026-11-23T00:00:00Z',
    approve: async (step) => grant(plan, [step.id], 'test'),
    openJournal: async (approval) => {
      lines.push({
        is: 'run',
        header: headerOf(plan, undefined, {
          run: 'r' as never,
          time: 't',
          tool: 'x',
          source: { kind: 'live', name: 'n', location: null },
          approvedBy: approval.by,
        }),
      })
      return {
        append: async (line) => {
          lines.push(structuredClone(line))
        },
      }
    },
    ...options,
  })
  for await (const { step, state } of events) {
    states[names.get(step)!] = state
    order.push(`${names.get(step)} ${state.is}`)
  }
  return { states, order, lines, writer, plan }
}
const is = (outcome: Outcome) => NAMES.map((name) => outcome.states[name]?.is)
const privileged = (snapshot: Snapshot) =>
  NAMES.map((name) => snapshot.find('Deployment', 'shop', name)?.spec?.template?.spec?.containers[0]?.securityContext?.privileged)

describe('a run', () => {
  test('takes each step from rehearsal to proof, and journals before it writes', async () => {
    const outcome = await carryOut()
    expect(outcome.order.slice(0, 5)).toEqual(['a rehearsing', 'a rehearsed', 'a writing', 'a waiting', 'a mended'])
    expect(is(outcome)).toEqual(['mended', 'mended', 'mended'])
    expect(outcome.lines.map((line) => line.is)).toEqual([
      'run',
      'intent',
      'written',
      'verified',
      'intent',
      'written',
      'verified',
      'intent',
      'written',
      'verified',
      'closed',
    ])
    expect(privileged(outcome.writer.snapshot)).toEqual([false, false, false])
  })
  test('the intent is in the journal before anything is written', async () => {
    let atCommit: string[] = []
    const lines: JournalLine[] = []
    await carryOut(
      {
        commit: () => {
          atCommit = lines.map((line) => line.is)
          return undefined
        },
      },
      {
        openJournal: async () => ({
          append: async (line) => {
            lines.push(line)
          },
        }),
      },
    )
    expect(atCommit.at(-1)).toBe('intent')
  })
  test('a journal that cannot be written stops everything before the write', async () => {
    const from = world()
    let writer: FakeWriter | undefined
    await expect(
      carryOut(
        {
          after: (it) => {
            writer = it
          },
        },
        {
          openJournal: async () => ({
            append: async () => {
              throw new Error('disk full')
            },
          }),
        },
        from,
      ),
    ).rejects.toThrow('disk full')
    expect(writer).toBeUndefined()
  })
  test('changes nothing when only rehearsing', async () => {
    const outcome = await carryOut({}, { dryRun: true })
    expect(is(outcome)).toEqual(['rehearsed', 'rehearsed', 'rehearsed'])
    expect(outcome.lines).toEqual([])
    expect(outcome.writer.calls.filter((call) => call.startsWith('commit'))).toEqual([])
  })
  test('goes on after a step that was refused while rehearsing', async () => {
    const outcome = await carryOut({ refuse: (step) => (short(step) === 'b' ? 'no' : undefined) })
    expect(is(outcome)).toEqual(['mended', 'refused', 'mended'])
  })
  test('asks for each step; skip and stop do what they say', async () => {
    const answers = ['skip', 'stop'] as const
    let asked = 0
    const outcome = await carryOut({}, { approve: async () => answers[asked++]! })
    expect(outcome.states).toMatchObject({
      a: { is: 'skipped', because: 'you left it out' },
      b: { is: 'skipped', because: 'you stopped the run' },
      c: { is: 'skipped', because: 'you stopped the run' },
    })
    expect([asked, outcome.lines]).toEqual([2, []])
  })
  test('takes no approval of another plan, nor of another step', async () => {
    const other = compile([], new Map(), world(), {})
    await expect(carryOut({}, { approve: async () => grant(other, [], 'test') })).rejects.toThrow('not for step')
    const from = world()
    const plan = compile(findingsOf(controls, from), byId(controls), from, {})
    await expect(carryOut({}, { approve: async () => grant(plan, [plan.steps[2]!.id], 'test') })).rejects.toThrow('not for step')
    expect(() => grant(plan, ['made-up' as never], 'test')).toThrow('not in the plan')
  })
  test('stops at a lost race and leaves the rest alone', async () => {
    const outcome = await carryOut({ commit: (step) => (short(step) === 'b' ? new WriteConflict('b was changed') : undefined) })
    expect(is(outcome)).toEqual(['mended', 'refused', 'skipped'])
    expect(outcome.lines.find((line) => line.is === 'failed')).toMatchObject({ because: 'b was changed' })
    expect(privileged(outcome.writer.snapshot)).toEqual([false, undefined, undefined])
  })
  test('stops at a refused write', async () => {
    expect(is(await carryOut({ commit: (step) => (short(step) === 'a' ? refusal('no') : undefined) }))).toEqual([
      'refused',
      'skipped',
      'skipped',
    ])
  })
  test('an answer that was lost leaves the step open in the journal', async () => {
    const outcome = await carryOut({ commit: (step) => (short(step) === 'a' ? new WriteUncertain('no answer') : undefined) })
    expect(outcome.states['a']).toMatchObject({ is: 'not-mended', because: expect.stringContaining('k8s-harden undo') })
    expect(interrupted(recordedRun(outcome.lines)!)).toHaveLength(1)
  })
  test('a harmful step is taken back at once, and the run stops', async () => {
    const outcome = await carryOut(
      {},
      {
        verifier: {
          verify: async (step) => (short(step) === 'b' ? { ok: false, undo: true, because: 'CrashLoopBackOff' } : { ok: true, note: '' }),
        },
      },
    )
    expect(is(outcome)).toEqual(['mended', 'undone', 'skipped'])
    expect(privileged(outcome.writer.snapshot)).toEqual([false, undefined, undefined])
    expect(outcome.lines.map((line) => line.is).slice(-4)).toEqual(['written', 'undo-intent', 'undone', 'closed'])
  })
  test('a finding that stays stops the run, and what was written stays too', async () => {
    const outcome = await carryOut({}, { verifier: { verify: async () => ({ ok: false, undo: false, because: 'still there' }) } })
    expect(is(outcome)).toEqual(['not-mended', 'skipped', 'skipped'])
    expect(undoable(recordedRun(outcome.lines)!)).toHaveLength(1)
  })
  test('what does not last is told in the end', async () => {
    const outcome = await carryOut(
      {},
      { verifier: { ...proven, reverted: async (steps) => new Map([[steps[1]!.id, 'reverted by an operator']]) } },
    )
    expect(is(outcome)).toEqual(['mended', 'not-mended', 'mended'])
    expect(outcome.lines.map((line) => line.is).slice(-2)).toEqual(['failed', 'closed'])
    expect(undoable(recordedRun(outcome.lines)!)).toHaveLength(3)
  })
  test('an interruption lets the step in flight end, and stops before the next', async () => {
    const abort = new AbortController()
    const outcome = await carryOut({ after: () => abort.abort() }, { signal: abort.signal })
    expect(is(outcome)).toEqual(['mended', 'skipped', 'skipped'])
    expect(outcome.states['b']).toMatchObject({ because: 'the run was interrupted' })
  })
  test('what the watchman forbids is not even rehearsed; what he sees lost is taken back', async () => {
    const forbidden = await carryOut(
      {},
      { watchman: { before: async (step) => (short(step) === 'a' ? 'you would lose access' : undefined), after: async () => undefined } },
    )
    expect(forbidden.states['a']).toEqual({ is: 'refused', by: 'k8s-harden', because: 'you would lose access' })
    expect(forbidden.writer.calls.some((call) => call.includes('shop/a'))).toBe(false)
    const lost = await carryOut({}, { watchman: { before: async () => undefined, after: async () => 'you lost access' } })
    expect(is(lost)).toEqual(['undone', 'skipped', 'skipped'])
  })
  test('the watchman measures once it is approved, before anything is written, and what he proves is kept with the step', async () => {
    const order: string[] = []
    const plan = compile(findingsOf(controls, world()), byId(controls), world(), {})
    const outcome = await carryOut(
      {},
      {
        plan,
        approve: async (step) => {
          order.push(`approve ${short(step)}`)
          return short(step) === 'b' ? 'skip' : grant(plan, [step.id], 'test')
        },
        watchman: {
          before: async () => undefined,
          measure: async (step) => void order.push(`measure ${short(step)}`),
          after: async () => undefined,
          note: (step) => `proved ${short(step)}`,
        },
      },
    )
    expect(order).toEqual(['approve a', 'measure a', 'approve b', 'approve c', 'measure c'])
    expect(outcome.states['a']).toMatchObject({ is: 'mended', note: expect.stringContaining('; proved a') })
    expect(outcome.lines.find((line) => line.is === 'verified')).toMatchObject({ note: expect.stringContaining('; proved a') })
  })
  test('a step is not taken without the one it needs', async () => {
    const from = world()
    const made = compile(findingsOf(controls, from), byId(controls), from, {})
    const plan = { ...made, steps: made.steps.map((step, index) => (index === 2 ? { ...step, after: [made.steps[0]!.id] } : step)) }
    const outcome = await carryOut(
      { refuse: (step) => (short(step) === 'a' ? 'no' : undefined) },
      { plan, approve: async (step) => grant(plan, [step.id], 'test') },
      from,
    )
    expect(is(outcome)).toEqual(['refused', 'mended', 'skipped'])
  })
})

describe('undo', () => {
  const takeBack = async (outcome: Outcome, lines = outcome.lines) => {
    const more: JournalLine[] = [...lines]
    const states: StepState[] = []
    for await (const event of undo({
      steps: undoable(recordedRun(lines)!),
      writer: () => outcome.writer,
      journal: {
        append: async (line) => {
          more.push(line)
        },
      },
      signal: new AbortController().signal,
      now: () => 't',
    }))
      states.push(event.state)
    return { states: states.filter((state) => state.is !== 'undoing'), lines: more }
  }
  test('takes a run back, last step first, and has nothing left to take back', async () => {
    const outcome = await carryOut()
    const back = await takeBack(outcome)
    expect(back.states.map((state) => state.is)).toEqual(['undone', 'undone', 'undone'])
    expect(outcome.writer.calls.filter((call) => call.startsWith('undo'))).toEqual(['undo c', 'undo b', 'undo a'])
    expect(privileged(outcome.writer.snapshot)).toEqual([undefined, undefined, undefined])
    expect(undoable(recordedRun(back.lines)!)).toEqual([])
  })
  test('stops where somebody changed what we wrote, and leaves what came before', async () => {
    const outcome = await carryOut()
    outcome.writer.force({
      type: 'edit',
      target: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'b' },
      edits: [{ set: ['spec', 'replicas'], to: 9 }],
    })
    const back = await takeBack(outcome)
    expect(back.states.map((state) => state.is)).toEqual(['undone', 'undo-failed', 'skipped'])
    expect(privileged(outcome.writer.snapshot)).toEqual([false, false, undefined])
  })
  test('after a crash between any two lines of the journal, the world ends as it was', async () => {
    const whole = await carryOut()
    for (let kept = 1; kept <= whole.lines.length; kept++) {
      // The world as it was when the crash came: an intent may or may not have been carried out.
      for (const carriedOut of whole.lines[kept - 1]?.is === 'intent' ? [true, false] : [true]) {
        const lines = whole.lines.slice(0, kept)
        const writes = lines.filter((line) => line.is === 'intent').length - (carriedOut ? 0 : 1)
        const from = world()
        const again = await carryOut({}, {}, from)
        const writer = new FakeWriter(from)
        for (const step of again.plan.steps.slice(0, writes)) for (const change of step.changes) writer.force(change)
        const record = recordedRun(lines)!
        const open = interrupted(record)
        expect(open).toHaveLength(lines.at(-1)?.is === 'intent' ? 1 : 0)
        for (const step of open) expect(await whatHappened(step, writer)).toBe(carriedOut ? 'written' : 'nothing')
        await takeBack({ ...again, writer }, lines)
        expect(privileged(writer.snapshot)).toEqual([undefined, undefined, undefined])
      }
    }
  })
  test('an interrupted step can be kept or forgotten', async () => {
    const outcome = await carryOut()
    const lines = outcome.lines.slice(0, 2)
    const [open] = interrupted(recordedRun(lines)!)
    const append = {
      append: async (line: JournalLine) => {
        lines.push(line)
      },
    }
    await keep(open!, { journal: append, now: () => 't' })
    expect(recordedRun(lines)!.steps[0]?.status).toBe('written')
    lines.pop()
    await forget(open!, { journal: append, now: () => 't', writer: outcome.writer })
    expect(recordedRun(lines)!.steps[0]?.status).toBe('not-written')
  })
})
