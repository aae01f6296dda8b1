/** Past runs for the wizard, and taking them back. */
import type { RunId, StepId } from '../model/index.ts'
import { interrupted, type RecordedRun, type RecordedStep, undoable } from '../plan/journal.ts'
import { undo } from '../plan/undo.ts'
import type { PastStepState, RunEvent, RunSummary } from '../session/ports.ts'
import { FileJournal, readRuns } from '../writers/journal.ts'
import { lockTarget } from '../writers/journal-lock.ts'
import { closeHosts } from './hosts-option.ts'
import { openSource, optionsOfLocation } from './open-source.ts'
import { filesDirectory, openWriters, targetOf, writerOf } from './open-writer.ts'

/** Latest first. */
export const pastRuns = async (state: string): Promise<readonly RunSummary[]> => (await readRuns(state)).map(summaryOf)

function summaryOf(run: RecordedRun): RunSummary {
  const { header, steps } = run
  const made = new Set(steps.map((step) => step.id))
  const risks = new Map(header.steps.map((step) => [step.id, step.risk]))
  return {
    id: header.run,
    time: header.time,
    source: `${header.source.kind} ${header.source.name}`,
    approvedBy: header.approvedBy,
    interrupted: interrupted(run).length > 0,
    steps: [
      ...steps.map((step) => ({
        id: step.id,
        title: step.title,
        risk: risks.get(step.id) ?? ('safe' as const),
        state: stateOf(step),
        // A step that stands, though taking it back was begun, is not there because somebody asked for that.
        ...(step.because !== undefined && !(step.status === 'written' && step.verified) && { note: step.because }),
      })),
      ...header.steps.filter((step) => !made.has(step.id)).map((step) => ({ ...step, state: 'not-started' as const })),
    ],
  }
}

function stateOf(step: RecordedStep): PastStepState {
  switch (step.status) {
    case 'written':
      return step.verified ? 'verified' : 'written'
    default:
      return step.status
  }
}

/** Takes back what the run wrote, where it wrote it. */
export async function* undoRun(
  state: string,
  id: RunId,
  steps: readonly StepId[] | undefined,
  signal: AbortSignal,
): AsyncIterable<RunEvent> {
  const recorded = (await readRuns(state)).find((run) => run.header.run === id)
  if (recorded === undefined) throw new Error(`the journal has no run ${id}`)
  const opened = await openSource(optionsOfLocation(recorded.header.source.location))
  const target = targetOf(opened)
  if (recorded.header.source.server !== target)
    throw new Error(
      `the run changed ${recorded.header.source.server ?? 'something else'}, and its name now leads to ${target}: nothing was taken back`,
    )
  const writers = await openWriters(opened, { out: filesDirectory(undefined, state, id), run: id, signal })
  const release = await lockTarget(state, target)
  const journal = await FileJournal.resume(state, id)
  try {
    const taken = undoable(recorded).filter((step) => steps?.includes(step.id) ?? true)
    const events = undo({ steps: taken, writer: writerOf(writers), journal, signal, now: () => new Date().toISOString() })
    for await (const event of events) yield { is: 'step', ...event }
  } finally {
    await journal.close()
    await release()
    await closeHosts(opened)
  }
}
