/** Takes back what a journal says was written, last first; and answers for steps that a crash left open. */
import type { StepState } from '../model/index.ts'
import type { Journal, RecordedStep } from './journal.ts'
import type { StepEvent } from './run.ts'
import { waitingWords } from './told.ts'
import { type Writer, WriteUncertain } from './writer.ts'

export interface UndoOptions {
  /** In the order they were made; they are taken back from the last to the first. */
  readonly steps: readonly RecordedStep[]
  readonly writer: (step: RecordedStep) => Writer
  readonly journal: Journal
  readonly signal: AbortSignal
  readonly now: () => string
  readonly dryRun?: boolean
  readonly because?: string
}

/** A step that cannot be taken back stops the undo: what was made before it may stand on it. */
export async function* undo(options: UndoOptions): AsyncGenerator<StepEvent, void> {
  let stopped: string | undefined
  for (const step of options.steps.toReversed()) {
    if (stopped !== undefined || options.signal.aborted) {
      yield { step: step.id, state: { is: 'skipped', because: stopped ?? 'the undo was interrupted' } }
      continue
    }
    for await (const state of undoStep(step, options)) {
      if (state.is === 'undo-failed') stopped = `stopped, because ${step.title} could not be taken back`
      yield { step: step.id, state }
    }
  }
}

async function* undoStep(step: RecordedStep, options: UndoOptions): AsyncGenerator<StepState> {
  const { journal, now, dryRun = false, because = 'you asked for it' } = options
  const writer = options.writer(step)
  try {
    if (step.status === 'interrupted' && (await whatHappened(step, writer)) === 'nothing') {
      if (!dryRun) await tidied(step, writer)
      if (!dryRun) await journal.append({ is: 'failed', time: now(), step: step.id, because: 'interrupted before anything was written' })
      return yield { is: 'undone', because: 'it was interrupted before anything was written' }
    }
    yield { is: 'undoing', because }
    if (!dryRun) await journal.append({ is: 'undo-intent', time: now(), step: step.id, because })
    yield* waitingWords((tell) => writer.undo(step.writes, dryRun, tell))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (!dryRun && !(error instanceof WriteUncertain)) await journal.append({ is: 'undo-failed', time: now(), step: step.id, because: why })
    return yield { is: 'undo-failed', because: why }
  }
  if (!dryRun) await journal.append({ is: 'undone', time: now(), step: step.id })
  yield { is: 'undone', because }
}

/**
 * What became of a step that the journal leaves open: `nothing`, all `written`, only `partly`, or `changed` by somebody else since,
 * so that it cannot be told.
 */
export async function whatHappened(step: RecordedStep, writer: Writer): Promise<'nothing' | 'written' | 'partly' | 'changed'> {
  const states = await Promise.all(step.writes.map((written) => writer.state(written)))
  if (states.every((state) => state === 'before')) return 'nothing'
  if (states.every((state) => state === 'after')) return 'written'
  return states.every((state) => state === 'before' || state === 'after') ? 'partly' : 'changed'
}

/** What is left over does no harm: a step is settled also where it cannot be taken away. */
async function tidied({ writes }: RecordedStep, writer: Writer): Promise<void> {
  await writer.tidy?.(writes).catch(() => {})
}

/** Settles an interrupted step that turns out to have been written: from now on it counts as made. */
export async function keep(step: RecordedStep, { journal, now }: Pick<UndoOptions, 'journal' | 'now'>): Promise<void> {
  await journal.append({ is: 'written', time: now(), step: step.id })
}

/** Settles an interrupted step that turns out never to have been written. */
export async function forget(
  step: RecordedStep,
  { journal, now, writer }: Pick<UndoOptions, 'journal' | 'now'> & { readonly writer: Writer },
): Promise<void> {
  await tidied(step, writer)
  const is = step.status === 'undo-interrupted' ? 'undone' : 'failed'
  await journal.append(
    is === 'undone'
      ? { is, time: now(), step: step.id }
      : { is, time: now(), step: step.id, because: 'interrupted before anything was written' },
  )
}
