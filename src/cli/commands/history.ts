/** `k8s-harden history`: the runs of apply, interrupted ones first. */
import stringWidth from 'string-width'
import { asciiControls } from '../../objects/display.ts'
import { interrupted, type RecordedRun, type RecordedStep } from '../../plan/journal.ts'
import { readRuns, stateDirectory } from '../../writers/journal.ts'
import { type Io, terminalIo } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import { line } from './apply-words.ts'

export interface HistoryOptions {
  readonly [option: string]: unknown
  readonly output?: 'table' | 'json'
}

export const historyMain = (options: HistoryOptions): Promise<number> => historyCommand(terminalIo(), stateDirectory(), options)

export async function historyCommand(io: Pick<Io, 'stdout'>, state: string, { output = 'table' }: HistoryOptions): Promise<number> {
  const runs = await readRuns(state)
  const open = runs.filter((run) => interrupted(run).length > 0)
  const ordered = [...open, ...runs.filter((run) => !open.includes(run))]
  io.stdout.write(
    output === 'json'
      ? `${asciiControls(JSON.stringify({ schema: 'k8s-harden/history/v1', runs: ordered.map(toJson) }, null, 2))}\n`
      : toTable(ordered),
  )
  return EXIT.clean
}

const counts = ({ steps }: RecordedRun, ...statuses: readonly RecordedStep['status'][]): number =>
  steps.filter((step) => statuses.includes(step.status)).length

const toJson = (run: RecordedRun) => ({
  run: run.header.run,
  time: run.header.time,
  source: run.header.source,
  approvedBy: run.header.approvedBy,
  closed: run.closed,
  steps: run.steps.map(({ id, title, status, verified, because, time }) => ({
    id,
    title,
    status,
    verified,
    ...(because !== undefined && { because }),
    time,
  })),
})

function toTable(runs: readonly RecordedRun[]): string {
  if (runs.length === 0) return 'no runs yet\n'
  const rows = runs.map((run) => {
    const { header } = run
    return [
      header.run,
      header.time.replace(/\.\d+Z$/, 'Z'),
      line(`${header.source.kind} ${header.source.name}`),
      String(counts(run, 'written')),
      String(counts(run, 'undone')),
      String(counts(run, 'not-written')),
      wordsFor(run),
    ]
  })
  const all = [['RUN', 'TIME', 'SOURCE', 'WRITTEN', 'UNDONE', 'REFUSED', ''], ...rows]
  const widths = all[0]!.map((_head, column) => Math.max(...all.map((row) => stringWidth(row[column]!))))
  return `${all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(widths[column]! - stringWidth(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`
}

function wordsFor(run: RecordedRun): string {
  const open = interrupted(run)
  if (open.length > 0) return `interrupted in "${line(open[0]!.title)}": k8s-harden undo ${run.header.run}`
  return run.closed ? '' : 'ended early'
}
