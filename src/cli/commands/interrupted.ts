/** What a crash left open is settled before anything else is changed (safety law 5). */

import { PACE_SECONDS } from '../../plan/canary.ts'
import type { Journal, RecordedRun, RecordedStep } from '../../plan/journal.ts'
import { halfDone, interrupted, unproven } from '../../plan/journal.ts'
import { forget, keep, undo, whatHappened } from '../../plan/undo.ts'
import type { Writer } from '../../plan/writer.ts'
import { isYetUnread } from '../../writers/host-component-record.ts'
import { FileJournal, readRuns } from '../../writers/journal.ts'
import type { Io } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import type { Opened } from '../open-source.ts'
import { targetOf, type Writers, writerOf } from '../open-writer.ts'
import { WaitingLine } from '../waiting-line.ts'
import { line, stateText } from './apply-words.ts'

interface Context {
  readonly opened: Opened
  readonly writers: Writers
  readonly stateDirectory: string
  readonly signal: AbortSignal
  /** Nothing is written, to settle it neither. */
  readonly dryRun?: boolean
}

/** Steps of runs on this target that were in the middle of being written when the process died. */
const openSteps = async (context: Context): Promise<readonly { readonly run: RecordedRun; readonly step: RecordedStep }[]> =>
  (await runsHere(context)).flatMap((run) => interrupted(run).map((step) => ({ run, step })))

async function runsHere({ opened, stateDirectory }: Context): Promise<readonly RecordedRun[]> {
  const runs = await readRuns(stateDirectory)
  return runs.filter((run) => run.header.source.server === targetOf(opened))
}

/** Before a scan: what was being written on nodes may be what keeps the API server down, and then no scan comes through. */
export async function settleOnNodes(io: Io, context: Context, unattended: boolean): Promise<number | undefined> {
  const isOnNode = ({ undo: way }: RecordedStep['writes'][number]) =>
    way !== null && typeof way === 'object' && 'is' in way && way.is === 'host'
  const open = await openSteps(context)
  return open.some(({ step }) => step.writes.some(isOnNode)) ? settleInterrupted(io, context, unattended) : undefined
}

/** Undefined when the way is free; otherwise the exit code. */
export async function settleInterrupted(io: Io, context: Context, unattended: boolean): Promise<number | undefined> {
  for (const run of await runsHere(context)) {
    for (const { title } of halfDone(run))
      io.stderr.write(
        `k8s-harden: run ${run.header.run} ended after "${line(title)}": its other pods follow one every ${PACE_SECONDS} s; to take it back: k8s-harden undo ${run.header.run}\n`,
      )
    for (const { title } of unproven(run))
      io.stderr.write(
        `k8s-harden: run ${run.header.run} died before it was seen whether all works after "${line(title)}": ${lookOrUndo(run)}\n`,
      )
  }
  // Whatever was never begun shows as a finding again, also what kubeadm was to be told.
  for (const { run, step } of await openSteps(context)) {
    const writer = writerOf(context.writers)(step)
    const happened = await whatHappened(step, writer).catch((error: unknown) => error as Error)
    if (happened instanceof Error) {
      io.stderr.write(
        `k8s-harden: run ${run.header.run} was interrupted in "${line(step.title)}", and what became of it is not known: ${line(happened.message)}; mend that and run this again, or settle it alone: k8s-harden undo ${run.header.run} --step ${step.id}\n`,
      )
      return EXIT.changeFailed
    }
    io.stderr.write(`k8s-harden: run ${run.header.run} was interrupted in "${line(step.title)}": ${HAPPENED[happened]}\n`)
    const journal = await FileJournal.resume(context.stateDirectory, run.header.run)
    try {
      if (!(await settle(io, step, happened, writer, journal, unattended, context))) {
        io.stderr.write(`k8s-harden: settle it first: k8s-harden undo ${run.header.run} --step ${step.id}\n`)
        return EXIT.changeFailed
      }
      if (happened === 'written' && (unattended || !io.isTTY))
        io.stderr.write(`k8s-harden: nobody saw whether all works after it: ${lookOrUndo(run)}\n`)
    } finally {
      await journal.close()
    }
  }
  return undefined
}

const lookOrUndo = ({ header }: RecordedRun): string => `look yourself, or take the run back: k8s-harden undo ${header.run}`

type Happened = Awaited<ReturnType<typeof whatHappened>>
const HAPPENED: Readonly<Record<Happened, string>> = {
  nothing: 'nothing was written',
  written: 'it was written',
  partly: 'a part of it was written',
  changed: 'what is there now is neither as before nor as written',
}

/** What stands in a file may not be loaded yet, or keep a component down. */
async function whyNotInEffect(io: Io, { writes }: RecordedStep, writer: Writer): Promise<string | undefined> {
  try {
    await writer.prove?.(writes, (words) => io.stderr.write(`k8s-harden: ${line(words)}\n`))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

async function settle(
  io: Io,
  step: RecordedStep,
  happened: Happened,
  writer: Writer,
  journal: Journal,
  unattended: boolean,
  { signal, dryRun = false }: Context,
): Promise<boolean> {
  const now = () => new Date().toISOString()
  if (happened === 'written') {
    const because = await whyNotInEffect(io, step, writer)
    if (because !== undefined) {
      io.stderr.write(`k8s-harden: ${line(because)}\n`)
      happened = 'partly'
    }
  }
  if (happened === 'nothing') {
    await forget(step, { journal, now, writer })
    return true
  }
  if (unattended || !io.isTTY) {
    if (happened === 'partly' && unattended && !dryRun && (await isUnread(step, writer))) {
      io.stderr.write('k8s-harden: nothing reads that part yet: it is taken back, and what is left to do is planned anew\n')
      return takeBack(io, step, writer, journal, signal)
    }
    if (happened !== 'written') return false
    await keep(step, { journal, now })
    return true
  }
  const finish = happened === 'written' ? [{ value: 'keep' as const, label: 'keep it as written' }] : []
  const answer = await io.prompts.choose('What shall become of it?', [
    { value: 'stop' as const, label: 'stop, and decide later' },
    { value: 'undo' as const, label: 'take it back, and go on with what is to be done then' },
    ...finish,
  ])
  if (answer === 'stop') return false
  if (answer === 'keep') {
    await keep(step, { journal, now })
    return true
  }
  return takeBack(io, step, writer, journal, signal)
}

const isUnread = async ({ writes }: RecordedStep, writer: Writer): Promise<boolean> =>
  isYetUnread(writes, await Promise.all(writes.map((written) => writer.state(written))))

async function takeBack(io: Io, step: RecordedStep, writer: Writer, journal: Journal, signal: AbortSignal): Promise<boolean> {
  const now = () => new Date().toISOString()
  let taken = false
  const waiting = new WaitingLine(io.stdout)
  for await (const { state } of undo({ steps: [step], writer: () => writer, journal, signal, now, because: 'it was interrupted' })) {
    if (waiting.tell(state.is === 'waiting' ? `  ${stateText(state)}` : undefined)) continue
    io.stdout.write(stateText(state) === '' ? '' : `  ${stateText(state)}\n`)
    taken = state.is === 'undone'
  }
  return taken
}
