/** What a watch of one kind is told, and whom it tells. */
import type { Refusal } from './refusal.ts'

export interface Watched<T> {
  /** Of the collection: `/api/v1/pods`. */
  readonly path: string
  readonly fieldSelector?: string
  /** PartialObjectMetadata instead of whole objects. */
  readonly metadataOnly?: boolean
  /** What is kept of an object; undefined where it is no object at all. Items of a list come without apiVersion and kind: `of` has them. */
  reduce(
    wire: unknown,
    of?: { readonly apiVersion: string; readonly kind: string },
  ): { readonly key: string; readonly object: T } | undefined
  /** Equal in all that matters to us: such a change is not reported. */
  same(a: T, b: T): boolean
}
export interface WatchHandlers<T> {
  /** The whole set: the first time, after a re-list, and when contact is back after `lost`. */
  replaced(all: ReadonlyMap<string, T>): void
  upserted(key: string, object: T): void
  removed(key: string): void
  /** Not readable, from now until the next `replaced`. */
  lost(refusal: Refusal): void
}
export interface WatchOptions {
  readonly follow: boolean
  readonly signal: AbortSignal
  /** Who may start first while others wait for their turn. */
  readonly rank?: number
  readonly timing?: Partial<WatchTiming>
  /** Shared by all kinds of one server: what one finds out, the others need not try. */
  readonly streaming: Streaming
}
/** Does this server stream lists (`sendInitialEvents`)? */
export interface Streaming {
  wanted: boolean
}

/** Milliseconds. */
export interface WatchTiming {
  /** Silence in an initial stream before it is given up for pages. */
  readonly initialSilence: number
  /** Silence in a watch before it is opened anew: bookmarks come every minute. */
  readonly silence: number
  /** How long a known kind may be out of contact before it counts as unread. */
  readonly grace: number
  /** How often a kind that may be listed and not watched is listed again. */
  readonly poll: number
  /** How often a refused kind is tried again. */
  readonly refused: number
  readonly backOff: readonly [base: number, cap: number]
  /** A connection that has been open for this long works. */
  readonly settled: number
}
export const TIMING: WatchTiming = {
  initialSilence: 10_000,
  silence: 150_000,
  grace: 10_000,
  poll: 30_000,
  refused: 60_000,
  backOff: [500, 30_000],
  settled: 500,
}
