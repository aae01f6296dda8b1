/** At most so many at a time; those who wait go in order of rank, then of arrival. */
export class Gate {
  #free: number
  readonly #waiting: { readonly rank: number; readonly enter: () => void }[] = []

  constructor(width: number) {
    this.#free = width
  }

  /** Resolves to a function that leaves again (idempotent); rejects when aborted while waiting. A lower rank goes first. */
  enter(signal?: AbortSignal, rank = 0): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(this.#leaver())
    }
    return new Promise((resolve, reject) => {
      const entry = {
        rank,
        enter: () => {
          signal?.removeEventListener('abort', abort)
          resolve(this.#leaver())
        },
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', abort, { once: true })
      const after = this.#waiting.findIndex((other) => other.rank > rank)
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, entry)
    })
  }

  #leaver(): () => void {
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next.enter()
    }
  }
}
