/** Reads records of network flows of any size, with no more in memory than the distinct ones. */
import type { Readable } from 'node:stream'
import type { ObservedFlows } from '../model/index.ts'
import { FlowTally } from './flows-tally.ts'
import { LogProblem, logFiles, readLines } from './log-lines.ts'

const RECORDS = /\.(log|json|jsonl|txt|gz)$/

/**
 * `paths`: files, directories (their records), `-` for `input`. What could not be read is among the doubts; a path without a single flow
 * throws. `now`: epoch milliseconds, what comes much later is no time. `most`: distinct flows to keep.
 */
export async function readFlows(
  paths: readonly string[],
  { input = process.stdin, now = Date.now(), most }: { readonly input?: Readable; readonly now?: number; readonly most?: number } = {},
): Promise<ObservedFlows> {
  const tally = new FlowTally(now, most)
  for (const path of paths) {
    const files = await logFiles(path, RECORDS)
    if (files.length === 0) throw new LogProblem(`${path} holds no *.log, *.json, *.jsonl, *.txt or *.gz`, ['name the files themselves'])
    const before = tally.state
    for (const file of files) {
      tally.start(file)
      await readLines(file, input, tally)
      tally.end()
    }
    if (tally.state.usable === before.usable) throw tally.whyNothing(path, before)
  }
  return tally.collector.result(paths, tally.doubts())
}
