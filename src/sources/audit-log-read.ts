/** Reads audit logs of any size, with no more in memory than what was learned. */
import type { Readable } from 'node:stream'
import type { ObservedRequests } from '../model/index.ts'
import { AuditLearner } from '../objects/audit-learn.ts'
import { AuditLogTally } from './audit-log-tally.ts'
import { LogProblem, logFiles, readLines } from './log-lines.ts'

const LOGS = /\.(log|json|jsonl|gz)$/

/** `paths`: files, directories (their logs), `-` for `input`. What could not be read is among the doubts; nothing readable at all throws. */
export async function readAuditLogs(paths: readonly string[], input: Readable = process.stdin): Promise<ObservedRequests> {
  const learner = new AuditLearner()
  const tally = new AuditLogTally(learner)
  const files = (await Promise.all(paths.map((path) => logFiles(path, LOGS)))).flat()
  if (files.length === 0) throw new LogProblem(`${paths.join(', ')} holds no *.log, *.json, *.jsonl or *.gz`, ['name the files themselves'])
  for (const file of files) {
    tally.start(file)
    await readLines(file, input, tally)
    tally.end()
  }
  if (tally.events === 0) throw tally.whyNothing(paths)
  return learner.result(paths, tally.doubts())
}
