/**
 * One kind, kept up to date: its whole set first, then every change, through cut connections, expired versions and servers that
 * do not stream lists. An object is never lost nor doubled: what is known is keyed, and only the server's own versions say
 * where to go on.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { BackOff } from './back-off.ts'
import type { ApiClient } from './client.ts'
import { Contact } from './contact.ts'
import { METADATA_LIST } from './metadata-only.ts'
import type { Refusal } from './refusal.ts'
import { TIMING, type Watched, type WatchHandlers, type WatchOptions, type WatchTiming } from './watch-options.ts'
import { BROKEN, type StreamEnd, streamWatch, type WireEvent } from './watch-stream.ts'

export type { Streaming, Watched, WatchHandlers, WatchOptions, WatchTiming } from './watch-options.ts'

/** Ends when aborted, or, where `follow` is false, after the first set or the first `lost`. Never throws. */
export async function watchKind<T>(
  client: ApiClient,
  watched: Watched<T>,
  handlers: WatchHandlers<T>,
  options: WatchOptions,
): Promise<void> {
  const watch = new KindWatch(client, watched, handlers, options)
  try {
    await watch.run()
  } catch (error) {
    if (!options.signal.aborted) handlers.lost({ kind: 'server', message: `reading ${watched.path} failed: ${(error as Error).message}` })
  } finally {
    watch.close()
  }
}

/** How a round ended: go on at once, wait for the next poll, or it was refused. */
type Round = 'again' | 'listed' | { readonly refusal: Refusal }

class KindWatch<T> {
  readonly #client: ApiClient
  readonly #watched: Watched<T>
  readonly #handlers: WatchHandlers<T>
  readonly #options: WatchOptions
  readonly #timing: WatchTiming
  readonly #backOff: BackOff
  readonly #contact: Contact
  #known: ReadonlyMap<string, T> & Map<string, T> = new Map()
  /** Where to go on watching; undefined: everything must be read again. */
  #version: string | undefined
  #complete = false
  #brokenInARow = 0

  constructor(client: ApiClient, watched: Watched<T>, handlers: WatchHandlers<T>, options: WatchOptions) {
    this.#client = client
    this.#watched = watched
    this.#handlers = handlers
    this.#options = options
    this.#timing = { ...TIMING, ...options.timing }
    this.#backOff = new BackOff(...this.#timing.backOff)
    this.#contact = new Contact(this.#timing.grace, (refusal) => handlers.lost(refusal))
  }

  close(): void {
    this.#contact.close()
  }

  async run(): Promise<void> {
    const { follow, signal } = this.#options
    while (!signal.aborted) {
      const round = await (this.#version === undefined ? this.#readAll() : this.#resume())
      if (!follow && this.#complete) return
      if (round === 'again') continue
      if (round === 'listed') {
        await this.#pause(this.#timing.poll)
        continue
      }
      const { refusal } = round
      if (isFinal(refusal)) this.#contact.lose(refusal)
      else this.#contact.missed(refusal)
      if (!follow && this.#contact.lost) return
      await this.#pause(isFinal(refusal) ? this.#timing.refused : this.#backOff.next())
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#options.signal }).catch(() => undefined)
  }

  // ── the whole set ────────────────────────────────────────────────────────────────────────────

  async #readAll(): Promise<Round> {
    const { signal, rank, streaming } = this.#options
    const leave = await this.#client.lists.enter(signal, rank)
    try {
      if (streaming.wanted) {
        const round = await this.#streamAll(leave)
        if (round !== 'not-streamed') return round
      }
      return await this.#pageAll()
    } finally {
      leave()
    }
  }

  #take(all: Map<string, T>, version: string): void {
    // What did not change keeps its identity, so that nothing is judged twice.
    for (const [key, object] of all) {
      const before = this.#known.get(key)
      if (before !== undefined && this.#watched.same(before, object)) all.set(key, before)
    }
    this.#known = all
    this.#version = version
    this.#complete = true
    this.#backOff.reset()
    this.#brokenInARow = 0
    this.#contact.made()
    this.#handlers.replaced(all)
  }

  async #streamAll(leave: () => void): Promise<Round | 'not-streamed'> {
    const all = new Map<string, T>()
    let taken = false
    const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
    const end = await this.#stream({
      query,
      silence: this.#timing.initialSilence,
      settled: () => this.#contact.answered(),
      take: (event) => {
        if (taken) return this.#apply(event)
        const version = event.object?.metadata?.resourceVersion
        if (event.type === 'BOOKMARK') {
          if (event.object?.metadata?.annotations?.['k8s.io/initial-events-end'] !== 'true' || version === undefined) return undefined
          taken = true
          this.#take(all, version)
          leave()
          return this.#options.follow ? 'patient' : 'stop'
        }
        const reduced = this.#watched.reduce(event.object)
        if (reduced === undefined) return 'broken'
        if (event.type === 'DELETED') all.delete(reduced.key)
        else all.set(reduced.key, reduced.object)
        return undefined
      },
    })
    if (taken) return end === 'ended' || end === 'silent' ? 'again' : this.#afterWatch(end)
    if (end === 'ended') return { refusal: { ...BROKEN, message: 'the API server ended its list before it was complete' } }
    // A server that knows nothing of streamed lists refuses them, or watches from now on and says nothing.
    if (end === 'silent' || end.refusal.kind === 'invalid') {
      this.#options.streaming.wanted = false
      return 'not-streamed'
    }
    // Streaming is the verb watch: the right to list may be there all the same.
    return end.refusal.kind === 'forbidden' ? 'not-streamed' : end
  }

  async #pageAll(): Promise<Round> {
    const { path, fieldSelector, metadataOnly, reduce } = this.#watched
    for (let tries = 1; ; tries++) {
      const all = new Map<string, T>()
      const pages = this.#client.pages(path, {
        query: { fieldSelector },
        signal: this.#options.signal,
        ...(metadataOnly && { accept: METADATA_LIST }),
      })
      for (;;) {
        const step = await pages.next()
        if (!step.done) {
          this.#contact.answered()
          const { items, apiVersion, kind } = step.value
          for (const item of items) {
            const reduced = reduce(item, { apiVersion, kind: kind.replace(/List$/, '') })
            if (reduced === undefined)
              return { refusal: { ...BROKEN, message: 'the API server sent a list with something in it that is no object' } }
            all.set(reduced.key, reduced.object)
          }
          continue
        }
        if (step.value.ok) {
          this.#take(all, step.value.resourceVersion)
          return 'again'
        }
        // A continue token expires while pages are read: begin again, so that the set is of one moment.
        if (step.value.refusal.kind === 'gone' && tries < 5) break
        return { refusal: step.value.refusal }
      }
    }
  }

  // ── changes ──────────────────────────────────────────────────────────────────────────────────

  async #resume(): Promise<Round> {
    const end = await this.#stream({
      query: { resourceVersion: this.#version },
      silence: this.#timing.silence,
      settled: () => {
        if (this.#contact.made()) this.#handlers.replaced(this.#known)
      },
      take: (event) => this.#apply(event),
    })
    return end === 'ended' || end === 'silent' ? 'again' : this.#afterWatch(end)
  }

  #afterWatch({ refusal }: { readonly refusal: Refusal }): Round {
    if (refusal.kind === 'gone') {
      this.#version = undefined
      return 'again'
    }
    if (refusal.message === BROKEN.message && ++this.#brokenInARow >= 3) this.#version = undefined
    if (refusal.kind === 'forbidden' || refusal.kind === 'not-found' || refusal.kind === 'invalid') {
      // Listing decides: it may be allowed where watching is not.
      this.#version = undefined
      return refusal.status === undefined ? { refusal } : 'listed'
    }
    return { refusal }
  }

  async #stream(
    how: Pick<Parameters<typeof streamWatch>[1], 'query' | 'silence' | 'settled' | 'take'>,
  ): Promise<Exclude<StreamEnd, 'ended at once'>> {
    const { path, fieldSelector, metadataOnly = false } = this.#watched
    const { silence, settled } = this.#timing
    const query = { ...how.query, fieldSelector }
    const end = await streamWatch(this.#client, {
      ...how,
      path,
      query,
      metadataOnly,
      signal: this.#options.signal,
      later: silence,
      settlesAfter: settled,
    })
    // A server that closes at once must not be asked at once again.
    if (end === 'ended at once') await this.#pause(Math.min(settled, this.#timing.backOff[0]))
    return end === 'ended at once' ? 'ended' : end
  }

  #apply(event: WireEvent): 'broken' | undefined {
    const version = event.object?.metadata?.resourceVersion
    if (version === undefined || version === '') return 'broken'
    if (event.type !== 'BOOKMARK') {
      const reduced = this.#watched.reduce(event.object)
      if (reduced === undefined) return 'broken'
      if (event.type === 'DELETED') {
        if (this.#known.delete(reduced.key)) this.#handlers.removed(reduced.key)
      } else if (event.type === 'ADDED' || event.type === 'MODIFIED') {
        const before = this.#known.get(reduced.key)
        if (before === undefined || !this.#watched.same(before, reduced.object)) {
          this.#known.set(reduced.key, reduced.object)
          this.#handlers.upserted(reduced.key, reduced.object)
        }
      } else return 'broken'
    }
    this.#version = version
    this.#brokenInARow = 0
    this.#backOff.reset()
    return undefined
  }
}

/** These do not get better by asking again soon. */
const isFinal = ({ kind }: Refusal): boolean => kind === 'forbidden' || kind === 'not-found' || kind === 'invalid'
