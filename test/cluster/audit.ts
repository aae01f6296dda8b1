import { open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'

/** Logs every request once, when it has been answered, without bodies. */
export const metadataPolicy = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
})

/** The fields of an audit event that tests look at. */
export interface AuditEvent {
  readonly level: 'Metadata' | 'Request' | 'RequestResponse'
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly requestURI: string
  readonly verb: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: { readonly username: string; readonly groups?: readonly string[] }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
  }
  readonly responseStatus?: { readonly code?: number; readonly reason?: string; readonly message?: string }
  readonly requestObject?: unknown
  readonly responseObject?: unknown
  readonly annotations?: Readonly<Record<string, string>>
}

/** A place in the audit log. */
export interface AuditMark {
  readonly offset: number
}

/** Reads the audit log of a running API server. */
export interface AuditLog {
  mark(): Promise<AuditMark>
  since(mark: AuditMark): Promise<AuditEvent[]>
}

const flushed = '/version?k8s-harden-audit-mark='

/** Opens the log in `path`; `api` is used to find out that all earlier events have been written. */
export function openAuditLog(path: string, api: ApiClient): AuditLog {
  let marks = 0

  /** An event is written just after its answer was sent: ask once more and wait until that shows up. */
  async function settle(): Promise<void> {
    const { size: from } = await sizeOf(path)
    const marker = `${flushed}${++marks}-${Date.now()}`
    await api.request('GET', marker)
    // A policy of the test's own may not log the marker at all; then a moment has to do.
    for (let tries = 0; tries < 20; tries++) {
      if ((await readFrom(path, from)).includes(marker)) return
      await sleep(25)
    }
  }

  return {
    async mark() {
      await settle()
      return { offset: (await sizeOf(path)).size }
    },
    async since({ offset }) {
      await settle()
      const lines = (await readFrom(path, offset)).split('\n').filter(Boolean)
      const events = lines.map((line) => JSON.parse(line) as AuditEvent)
      return events.filter(({ requestURI }) => !requestURI.startsWith(flushed))
    },
  }
}

async function readFrom(path: string, offset: number): Promise<string> {
  const { size } = await sizeOf(path)
  if (size <= offset) return ''
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset)
    const text = buffer.toString('utf8', 0, bytesRead)
    // The last line may still be in the middle of being written.
    return text.slice(0, text.lastIndexOf('\n') + 1)
  } finally {
    await file.close()
  }
}

async function sizeOf(path: string): Promise<{ size: number }> {
  return stat(path).catch(() => ({ size: 0 }))
}
