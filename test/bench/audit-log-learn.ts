/** Reads audit logs as `--audit-log` does, alone. Usage: audit-log-learn.ts FILE… Prints one JSON line: events, subjects, requests, milliseconds. */
import { readAuditLogs } from '../../src/sources/audit-log-read.ts'

const started = performance.now()
const { events, subjects, doubts } = await readAuditLogs(process.argv.slice(2))
const requests = subjects.reduce((sum, one) => sum + one.requests.length, 0)
process.stdout.write(`${JSON.stringify({ events, subjects: subjects.length, requests, doubts, ms: performance.now() - started })}\n`)
