import type { ClusterSource, ObservedRequests } from '../model/index.ts'
import { UsageError } from './errors.ts'

/** `--audit-log FILE`, as often as it was given, around a source. */
export async function withAuditLogsOf(source: ClusterSource, paths: readonly string[]): Promise<ClusterSource> {
  const { withObserved } = await import('../sources/audit-log.ts')
  return withObserved(source, await auditLogsOf(paths))
}

const read = new Map<string, Promise<ObservedRequests>>()
/** Read once: the wizard may open more than one source, and standard input can be read but once. Nothing readable in it is an error of usage. */
export function auditLogsOf(paths: readonly string[]): Promise<ObservedRequests> {
  const key = paths.join('\0')
  if (!read.has(key)) read.set(key, learn(paths))
  return read.get(key)!
}

async function learn(paths: readonly string[]): Promise<ObservedRequests> {
  const [{ readAuditLogs }, { LogProblem }] = [await import('../sources/audit-log-read.ts'), await import('../sources/log-lines.ts')]
  // A large one takes a while, and a terminal as standard input waits for the operator.
  if (process.stderr.isTTY)
    process.stderr.write(
      `k8s-harden: reading the audit log (${paths.map((path) => (path === '-' ? 'standard input' : path)).join(', ')}) ...\n`,
    )
  try {
    return await readAuditLogs(paths)
  } catch (error) {
    throw error instanceof LogProblem ? new UsageError(`the audit log ${error.message}`, error.tryNext) : error
  }
}
