import type { SourceEvent } from '../model/index.ts'

/** Events from many readers, handed on in batches: what came in one go is one array. */
export class EventQueue {
  #events: SourceEvent[] = []
  #closed = false
  #wake: (() => void) | undefined

  push(event: SourceEvent): void {
    if (this.#closed) return
    this.#events.push(event)
    this.#wake?.()
  }

  /** What is queued still comes out. */
  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly SourceEvent[], void> {
    for (;;) {
      if (this.#events.length > 0) {
        const batch = this.#events
        this.#events = []
        yield batch
      } else if (this.#closed) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
