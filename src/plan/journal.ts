/** What a journal says of each step, whatever line it ends with. Reading and writing the file is writers/journal. */
import type { ControlId, FindingId, JournalHeader, JournalLine, StepId, Written } from '../model/index.ts'

/** Resolves once the line cannot be lost any more. */
export interface Journal {
  append(line: JournalLine): Promise<void>
}

export interface RecordedStep {
  readonly id: StepId
  readonly title: string
  readonly mends: readonly { readonly control: ControlId; readonly finding: FindingId }[]
  readonly writes: readonly Written[]
  /**
   * `interrupted`: it may have been written or not. `written`: it was, and was not taken back. `not-written`: the cluster refused it.
   * `undo-interrupted`: taking it back may have happened or not.
   */
  readonly status: 'interrupted' | 'written' | 'not-written' | 'undo-interrupted' | 'undone'
  readonly verified: boolean
  /** Why it failed or was taken back, where it was. */
  readonly because?: string
  readonly time: string
}
export interface RecordedRun {
  readonly header: JournalHeader
  readonly steps: readonly RecordedStep[]
  readonly closed: boolean
}

/** Undefined where not even the header is whole. A step that was written again after an undo is the later one. */
export function recordedRun(lines: readonly JournalLine[]): RecordedRun | undefined {
  const [first] = lines
  if (first?.is !== 'run') return undefined
  const steps = new Map<StepId, RecordedStep>()
  let closed = false
  for (const line of lines) {
    if (line.is === 'run') continue
    // Whatever comes after the end, such as an undo, opens nothing again.
    if (line.is === 'closed') closed = true
    else if (line.is === 'intent') {
      steps.delete(line.step)
      steps.set(line.step, {
        id: line.step,
        title: line.title,
        mends: line.mends,
        writes: line.writes,
        status: 'interrupted',
        verified: false,
        time: line.time,
      })
    } else {
      const step = steps.get(line.step)
      if (step !== undefined) steps.set(line.step, after(step, line))
    }
  }
  return { header: first.header, steps: [...steps.values()], closed }
}

type StepLine = Exclude<JournalLine, { is: 'run' | 'intent' | 'closed' }>

function after(step: RecordedStep, line: StepLine): RecordedStep {
  switch (line.is) {
    case 'written':
      return { ...step, status: 'written' }
    case 'verified':
      return { ...step, status: 'written', verified: true }
    // Before `written` it means that nothing was written; after it, that the change did not help.
    case 'failed':
      return { ...step, status: step.status === 'interrupted' ? 'not-written' : step.status, because: line.because }
    case 'undo-intent':
      return { ...step, status: 'undo-interrupted', because: line.because }
    case 'undone':
      return { ...step, status: 'undone' }
    case 'undo-failed':
      return { ...step, status: 'written', because: line.because }
  }
}

/** Steps of which a crash left open whether they happened. */
export const interrupted = (run: RecordedRun): readonly RecordedStep[] =>
  run.steps.filter((step) => step.status === 'interrupted' || step.status === 'undo-interrupted')
/** Steps that may still be taken back, in the order they were made. A command that was only handed over wrote nothing. */
export const undoable = (run: RecordedRun): readonly RecordedStep[] =>
  run.steps.filter((step) => step.status !== 'undone' && step.status !== 'not-written' && step.writes.length > 0)

/** Changes that stand in a single pod, because the run died before the step that lets the others follow. */
export function halfDone({ header, steps, closed }: RecordedRun): readonly RecordedStep[] {
  if (closed) return []
  const recorded = new Map(steps.map((step) => [step.id, step]))
  return header.steps.flatMap(({ id, canary }, index) => {
    const [first, rest] = [recorded.get(id), recorded.get(header.steps[index + 1]?.id as StepId)]
    return canary === 'first' && first?.status === 'written' && rest === undefined ? [first] : []
  })
}

/** Changes that were written, and the run died before it was seen whether what runs still works. Files for somebody else have nothing to show. */
export const unproven = ({ steps, closed }: RecordedRun): readonly RecordedStep[] =>
  closed
    ? []
    : steps.filter(
        ({ status, verified, because, writes }) => status === 'written' && !verified && because === undefined && !writes.every(isPlaced),
      )
const isPlaced = ({ undo }: Written): boolean => undo !== null && typeof undo === 'object' && 'is' in undo && undo.is === 'placed'

/** Steps planned that did not come to their end, begun or not, because the run died, of one that left something behind. One taken back is settled. */
export function unfinished(run: RecordedRun): JournalHeader['steps'] {
  const { closed, header, steps } = run
  if (closed || undoable(run).length === 0) return []
  const recorded = new Map(steps.map((step) => [step.id, step]))
  return header.steps.filter(({ id }) => {
    const step = recorded.get(id)
    return step === undefined || (!step.verified && step.status !== 'undone')
  })
}
