/**
 * Whether audit events are written, tried out (evidence E2): a ConfigMap with a marked name and content is made by somebody else; here its
 * event is looked for in the log of each node that is reached, and in the API server's own counters.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { linesWith } from '../hosts/commands.ts'
import { type Host, HostRefused, HostUnreachable } from '../hosts/host.ts'
import { type AuditCounts, auditCounts } from '../objects/audit-metrics.ts'
import { apiServerMetrics } from '../sources/facts/api-server-metrics.ts'
import { apiServerOn } from './host-api-server.ts'

export interface AuditTrialOptions {
  readonly hosts: readonly Host[]
  readonly name: string
  /** What stands in it and must not stand in the log. */
  readonly content: string
  readonly signal: AbortSignal
  /** For the event to be written, and for a webhook to fail: it gets its events in batches, at most 30 s apart. */
  readonly patienceMs?: number
  readonly say: (what: string) => void
}
export type AuditTrialResult =
  /** Seen in the log of a node, without its content. */
  | { readonly is: 'logged'; readonly because: string }
  /** In no log although all were read, with content, or lost. */
  | { readonly is: 'not-logged' | 'leaks' | 'lost'; readonly because: string }
  /** Only counters were seen, or nothing. */
  | { readonly is: 'unclear'; readonly because: string }

interface Log {
  readonly host: Host
  readonly path: string
}

/** To be called before the marker is made: what is counted until then is not of it. */
export async function beginAuditTrial(client: ApiClient, options: AuditTrialOptions): Promise<() => Promise<AuditTrialResult>> {
  const before = await countsOf(client, options.signal)
  const { logs, problems } = await findLogs(options.hosts)
  for (const problem of problems) options.say(problem)
  return () => look(client, options, before, logs, problems.length === 0)
}

async function look(
  client: ApiClient,
  options: AuditTrialOptions,
  before: AuditCounts | undefined,
  logs: readonly Log[],
  sawAll: boolean,
): Promise<AuditTrialResult> {
  const { name, content, signal, say } = options
  const until = Date.now() + (options.patienceMs ?? 35_000)
  const pending = new Set(logs)
  const found: { readonly log: Log; readonly lines: readonly string[] }[] = []
  let unread = !sawAll
  let after: AuditCounts | undefined
  for (;;) {
    for (const log of found.length === 0 ? pending : []) {
      const lines = await linesOf(log, name).catch((error: Error) => {
        say(`the log of ${log.host.node} cannot be read: ${error.message}`)
        pending.delete(log)
        unread = true
        return []
      })
      if (lines.length > 0) found.push({ log, lines })
    }
    after = await countsOf(client, signal)
    if (found.length > 0 || signal.aborted || Date.now() >= until) break
    await sleep(1000, undefined, { signal }).catch(() => {})
  }
  for (const { log, lines } of found)
    say(`${lines.length === 1 ? 'one event' : `${lines.length} events`} in ${log.path} on ${log.host.node}`)
  const lost = before === undefined || after === undefined ? 0 : after.lost + after.refused - before.lost - before.refused
  const leaking = found.find(({ lines }) => lines.some((line) => line.includes(content)))
  if (leaking !== undefined)
    return { is: 'leaks', because: `${leaking.log.path} on ${leaking.log.host.node} holds what stands in the ConfigMap` }
  if (lost > 0) return { is: 'lost', because: `the API server could not hand over ${lost} events since this began: look into its own log` }
  if (found.length > 0)
    return { is: 'logged', because: `the log of ${found[0]!.log.host.node} has the event, without the content of the ConfigMap` }
  if (logs.length > 0 && !unread)
    return {
      is: 'not-logged',
      because: `it is in no log of the nodes that were looked at: ${logs.map(({ host }) => host.node).join(', ')}`,
    }
  return { is: 'unclear', because: countWords(before, after) }
}

function countWords(before: AuditCounts | undefined, after: AuditCounts | undefined): string {
  if (before === undefined || after === undefined) return 'no log was looked at, and the metrics of the API server could not be read'
  const more = (after.events ?? 0) - (before.events ?? 0)
  if (more <= 0) return 'the API server that answered counted no audit event meanwhile'
  return `the API server that answered counted ${more} audit events and no error meanwhile; whether this one is among them only the log tells`
}

async function countsOf(client: ApiClient, signal: AbortSignal): Promise<AuditCounts | undefined> {
  const answer = await apiServerMetrics({ client, signal } as Parameters<typeof apiServerMetrics>[0])
  return 'value' in answer ? auditCounts(answer.value.samples) : undefined
}

/** Where the API servers of the nodes that are reached write their logs, as their manifests say. */
async function findLogs(hosts: readonly Host[]): Promise<{ readonly logs: readonly Log[]; readonly problems: readonly string[] }> {
  const logs: Log[] = []
  const problems: string[] = []
  for (const host of hosts) {
    try {
      const own = await apiServerOn(host)
      if (typeof own === 'string') continue
      const path = own.pathOf('audit-log-path')
      if (path?.startsWith('/') === true) logs.push({ host, path })
      else problems.push(`the API server of ${host.node} writes no audit log to a file`)
    } catch (error) {
      if (!(error instanceof HostRefused || error instanceof HostUnreachable)) throw error
      problems.push(`${host.node} cannot be looked at: ${error.message}`)
    }
  }
  return { logs, problems }
}

async function linesOf({ host, path }: Log, name: string): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await host.run(linesWith(name, path))
  // 1: no such line; what else it says is a problem.
  if (exitCode > 1) throw new HostRefused(stderr.trim().split('\n').at(-1) ?? 'grep failed')
  return stdout.split('\n').filter((line) => line !== '')
}
