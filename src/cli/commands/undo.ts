/** `k8s-harden undo [RUN] [--step S]`: takes a run back, last step first, and only what nobody changed since. */

import type { StepState } from '../../model/index.ts'
import { type RecordedRun, type RecordedStep, undoable } from '../../plan/journal.ts'
import { undo } from '../../plan/undo.ts'
import { FileJournal, readRuns, stateDirectory } from '../../writers/journal.ts'
import { lockTarget } from '../../writers/journal-lock.ts'
import { Interrupted, type Io, terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { openSource, optionsOfLocation } from '../open-source.ts'
import { filesDirectory, openWriters, targetOf, type Writers, writerOf } from '../open-writer.ts'
import type { SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { WaitingLine } from '../waiting-line.ts'
import { line, stateText } from './apply-words.ts'

export interface UndoOptions extends SourceOptions {
  readonly step?: string
  readonly yes?: boolean
}

export async function undoMain(runId: string | undefined, options: UndoOptions): Promise<number> {
  const io = terminalIo()
  const state = stateDirectory()
  const recorded = await chooseRun(state, runId)
  const opened = await openSource(locationOf(recorded, options))
  const target = targetOf(opened)
  if (recorded.header.source.server !== target)
    throw new UsageError(`run ${recorded.header.run} changed ${line(recorded.header.source.server ?? '?')}, and this is ${line(target)}`, [
      'name the cluster of that run with --context',
    ])
  const { signal } = interruptible((words) => io.stderr.write(words))
  try {
    const { run } = recorded.header
    const writers = await openWriters(opened, { out: filesDirectory(undefined, state, run), run, signal })
    return await undoCommand(io, { recorded, writers, stateDirectory: state, target, signal }, options)
  } finally {
    await closeHosts(opened)
  }
}

export interface UndoContext {
  readonly recorded: RecordedRun
  readonly writers: Writers
  readonly stateDirectory: string
  readonly target: string
  readonly signal: AbortSignal
}

export async function undoCommand(
  io: Io,
  { recorded, writers, stateDirectory: state, target, signal }: UndoContext,
  options: UndoOptions,
): Promise<number> {
  const steps = chooseSteps(recorded, options.step)
  if (steps.length === 0) {
    io.stdout.write(`run ${recorded.header.run} has nothing left to take back\n`)
    return EXIT.clean
  }
  for (const step of steps.toReversed())
    io.stdout.write(`  ${step.id}  ${line(step.title)}${step.status === 'written' ? '' : ' (interrupted)'}\n`)
  if (!options.yes && !(await confirmed(io, steps.length))) return EXIT.clean
  const release = await lockTarget(state, target)
  const journal = await FileJournal.resume(state, recorded.header.run)
  const states: StepState[] = []
  const waiting = new WaitingLine(io.stdout)
  try {
    const titles = new Map(steps.map((step) => [step.id, step.title]))
    for await (const { step, state: now } of undo({
      steps,
      writer: writerOf(writers),
      journal,
      signal,
      now: () => new Date().toISOString(),
    })) {
      states.push(now)
      if (waiting.tell(now.is === 'waiting' ? `  ${stateText(now)}` : undefined)) continue
      if (now.is !== 'undoing') io.stdout.write(`${line(titles.get(step) ?? step)}\n  ${stateText(now)}\n`)
    }
  } finally {
    waiting.end()
    await journal.close()
    await release()
  }
  if (signal.aborted) return EXIT.interrupted
  return states.some((one) => one.is === 'undo-failed' || one.is === 'skipped') ? EXIT.changeFailed : EXIT.clean
}

async function chooseRun(state: string, id: string | undefined): Promise<RecordedRun> {
  const runs = await readRuns(state)
  if (id === undefined) {
    const last = runs.find((run) => undoable(run).length > 0)
    if (last === undefined) throw new UsageError('there is no run to take back', ['k8s-harden history lists all runs'])
    return last
  }
  const found = runs.find((run) => run.header.run === id)
  if (found === undefined) throw new UsageError(`there is no run "${id}"`, ['k8s-harden history lists all runs'])
  return found
}

function chooseSteps(run: RecordedRun, id: string | undefined): readonly RecordedStep[] {
  if (id === undefined) return undoable(run)
  const step = run.steps.find((one) => one.id === id)
  if (step === undefined)
    throw new UsageError(
      `run ${run.header.run} has no step "${id}"`,
      run.steps.slice(0, 10).map((one) => `${one.id}  ${one.title}`),
    )
  return undoable(run).filter((one) => one === step)
}

/** Where the run was made, unless the operator names a source of his own; its nodes are reached as they were then, unless he says how. */
function locationOf({ header: { source } }: RecordedRun, options: UndoOptions): SourceOptions {
  const { host, ...then } = optionsOfLocation(source.location)
  if (options.manifests !== undefined || options.sample) return options
  const hosts = options.host ?? host
  const reached = hosts === undefined ? {} : { host: hosts }
  return options.context !== undefined || options.kubeconfig !== undefined ? { ...options, ...reached } : { ...then, ...reached }
}

async function confirmed(io: Io, count: number): Promise<boolean> {
  if (!io.isTTY)
    throw new UsageError('undo asks before it changes anything, and here is nobody to answer: nothing was changed', [
      '--yes takes it back without asking',
    ])
  try {
    return (
      (await io.prompts.choose(`Take back ${count === 1 ? 'this step' : `these ${count} steps`}?`, [
        { value: 'no', label: 'no, leave it' },
        { value: 'yes', label: 'yes, take it back' },
      ])) === 'yes'
    )
  } catch (error) {
    if (error instanceof Interrupted) return false
    throw error
  }
}
