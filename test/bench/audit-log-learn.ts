/** Reads audit logs as `--audit-log` does, alone. Usage: audit-log-learn.ts FILE… Prints one JSON line: events, subjects, requests, milliseconds. */
import { sizeNursery } from '../../src/cli/nursery.ts'
import { readAuditLogs } from '../../src/sources/audit-log-read.ts'

// As the program does before it opens a source.
sizeNursery()
const started = performance.now()
const { events, subjects, doubts } = await readAuditLogs(process.argv.slice(2))
const requests = subjects.reduce((sum, one) => sum + one.requests.length, 0)
process.stdout.write(`${JSON.stringify({ events, subjects: subjects.length, requests, doubts, ms: performance.now() - started })}\n`)
