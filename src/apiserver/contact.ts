import type { Refusal } from './refusal.ts'

/** Whether something that was read can still be read: a short absence is nobody's business, a long one must be told. */
export class Contact {
  readonly #graceMs: number
  readonly #tell: (refusal: Refusal) => void
  #lost = false
  #missedSince = 0
  #timer: NodeJS.Timeout | undefined

  /** `tell` is called once for each loss. */
  constructor(graceMs: number, tell: (refusal: Refusal) => void) {
    this.#graceMs = graceMs
    this.#tell = tell
  }

  get lost(): boolean {
    return this.#lost
  }

  /** It answers. True where it had been given up: what is known of it must be told again. */
  made(): boolean {
    this.close()
    this.#missedSince = 0
    const back = this.#lost
    this.#lost = false
    return back
  }

  /** Something comes, though not all of it yet: the time of grace stands still. */
  answered(): void {
    this.close()
  }

  /** It did not answer; when that goes on for the time of grace, it is lost. */
  missed(refusal: Refusal): void {
    this.#missedSince ||= Date.now()
    this.close()
    const left = this.#missedSince + this.#graceMs - Date.now()
    if (left <= 0) this.lose(refusal)
    else this.#timer = setTimeout(() => this.lose(refusal), left)
  }

  /** No grace: it was refused. */
  lose(refusal: Refusal): void {
    this.close()
    if (this.#lost) return
    this.#lost = true
    this.#tell(refusal)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
