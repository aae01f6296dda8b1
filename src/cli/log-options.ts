/** What the operator's own records say: `--audit-log` who did what, `--flows` who talks to whom. */
import type { ClusterSource, ObservedFlows, ObservedRequests } from '../model/index.ts'
import { UsageError } from './errors.ts'

/** `--audit-log FILE`, as often as it was given, around a source. */
export async function withAuditLogsOf(source: ClusterSource, paths: readonly string[]): Promise<ClusterSource> {
  const { withFact } = await import('../sources/with-fact.ts')
  return withFact(source, 'ObservedRequests', await auditLogsOf(paths))
}
export const auditLogsOf = once('the audit log', async (paths): Promise<ObservedRequests> => {
  const { readAuditLogs } = await import('../sources/audit-log-read.ts')
  return readAuditLogs(paths)
})

/** `--flows FILE`, as often as it was given, around a source. */
export async function withFlowsOf(source: ClusterSource, paths: readonly string[]): Promise<ClusterSource> {
  const { withFact } = await import('../sources/with-fact.ts')
  return withFact(source, 'ObservedFlows', await flowsOf(paths))
}
export const flowsOf = once('the record of flows', async (paths): Promise<ObservedFlows> => {
  const { readFlows } = await import('../sources/flows-read.ts')
  return readFlows(paths)
})

/** Read once: the wizard may open more than one source, and standard input can be read but once. Nothing readable in it is an error of usage. */
function once<T>(what: string, read: (paths: readonly string[]) => Promise<T>): (paths: readonly string[]) => Promise<T> {
  const known = new Map<string, Promise<T>>()
  return (paths) => {
    const key = paths.join('\0')
    if (!known.has(key)) known.set(key, learn(what, read, paths))
    return known.get(key)!
  }
}

async function learn<T>(what: string, read: (paths: readonly string[]) => Promise<T>, paths: readonly string[]): Promise<T> {
  const { LogProblem } = await import('../sources/log-lines.ts')
  // A large one takes a while, and a terminal as standard input waits for the operator.
  if (process.stderr.isTTY)
    process.stderr.write(`k8s-harden: reading ${what} (${paths.map((path) => (path === '-' ? 'standard input' : path)).join(', ')}) ...\n`)
  try {
    return await read(paths)
  } catch (error) {
    throw error instanceof LogProblem ? new UsageError(`${what} ${error.message}`, error.tryNext) : error
  }
}
