/** One watch connection, from its opening to its end. What the events mean is the caller's business. */

import type { ApiClient } from './client.ts'
import { METADATA_ONLY } from './metadata-only.ts'
import { type Refusal, refusalOfStatus } from './refusal.ts'

export interface WireEvent {
  readonly type?: string
  readonly object?: {
    readonly apiVersion?: string
    readonly kind?: string
    readonly metadata?: { readonly resourceVersion?: string; readonly annotations?: Readonly<Record<string, string>> }
  }
}

export interface WatchStream {
  readonly path: string
  readonly query: Readonly<Record<string, string | boolean | undefined>>
  readonly metadataOnly: boolean
  readonly signal: AbortSignal
  /** Longest silence, in milliseconds; once `take` has said `patient`, `later` holds. */
  readonly silence: number
  readonly later: number
  /** Called once, when the connection has proved to work: with the first event, or after `settlesAfter` milliseconds. */
  readonly settled?: () => void
  readonly settlesAfter: number
  take(event: WireEvent): 'broken' | 'stop' | 'patient' | undefined
}
/** `silent`: it was open, and then nothing came for too long. */
export type StreamEnd = 'ended' | 'ended at once' | 'silent' | { readonly refusal: Refusal }

const OPENING_MS = 30_000
export const BROKEN: Refusal = { kind: 'server', message: 'the API server sent something that is no watch event' }

/** Throws only where `signal` is aborted. */
export async function streamWatch(
  client: ApiClient,
  { path, query, metadataOnly, signal, silence, later, settled, settlesAfter, take }: WatchStream,
): Promise<StreamEnd> {
  // Before it opens a busy server may need longer than it may be silent afterwards.
  const patience = new Patience(Math.max(silence, OPENING_MS), signal)
  let settling: NodeJS.Timeout | undefined
  let refusal: Refusal | undefined
  let opened = 0
  let tellSettled = settled
  const works = () => {
    tellSettled?.()
    tellSettled = undefined
  }
  const onLine = (line: string): boolean => {
    patience.renew()
    const event = parse(line)
    if (event?.type === 'ERROR') refusal = refusalOfStatus(event.object, { verb: 'watch', resource: path })
    else {
      const verdict = event === undefined ? 'broken' : take(event)
      if (verdict === 'stop') return false
      if (verdict === 'broken') refusal = BROKEN
      else if (verdict === 'patient') patience.allow(later)
    }
    if (refusal === undefined) works()
    return refusal === undefined
  }
  const onOpen = () => {
    opened = Date.now()
    patience.allow(silence)
    settling = setTimeout(works, settlesAfter)
  }
  try {
    const answer = await client.stream(
      path,
      {
        // The server ends a watch after some minutes; not all of ours at the same moment.
        query: { watch: 1, allowWatchBookmarks: true, timeoutSeconds: Math.round(300 + Math.random() * 300), ...query },
        signal: patience.signal,
        idleMs: later * 2,
        // Whoever compresses a watch on the way holds its events back.
        compressed: false,
        ...(metadataOnly && { accept: METADATA_ONLY }),
      },
      onLine,
      onOpen,
    )
    if (refusal !== undefined) return { refusal }
    if (!answer.ok) return { refusal: answer.refusal }
    return Date.now() - opened < settlesAfter ? 'ended at once' : 'ended'
  } catch (error) {
    if (signal.aborted || !patience.signal.aborted) throw error
    return opened > 0
      ? 'silent'
      : { refusal: { kind: 'timeout', message: `the API server did not answer in time (${Math.max(silence, OPENING_MS) / 1000} s)` } }
  } finally {
    clearTimeout(settling)
    patience.end()
  }
}

function parse(line: string): WireEvent | undefined {
  try {
    const event = JSON.parse(line) as WireEvent | null
    return event !== null && typeof event === 'object' && typeof event.type === 'string' ? event : undefined
  } catch {
    return undefined
  }
}

/** Aborts after a silence, or with its parent. */
class Patience {
  readonly #own = new AbortController()
  readonly #parent: AbortSignal
  readonly #abort = () => this.#own.abort(this.#parent.reason)
  #timer: NodeJS.Timeout

  constructor(milliseconds: number, parent: AbortSignal) {
    this.#parent = parent
    this.#timer = this.#start(milliseconds)
    parent.addEventListener('abort', this.#abort, { once: true })
    if (parent.aborted) this.#abort()
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }
  renew(): void {
    this.#timer.refresh()
  }
  allow(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = this.#start(milliseconds)
  }
  end(): void {
    clearTimeout(this.#timer)
    this.#parent.removeEventListener('abort', this.#abort)
  }
  #start(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#own.abort(new Error('silence')), milliseconds)
  }
}
