/** Decorrelated jitter: each pause is drawn between the base and three times the last one, up to a cap, so that clients do not come back together. */
export class BackOff {
  readonly #baseMs: number
  readonly #capMs: number
  #lastMs: number

  constructor(baseMs: number, capMs: number) {
    this.#baseMs = baseMs
    this.#capMs = capMs
    this.#lastMs = baseMs
  }

  reset(): void {
    this.#lastMs = this.#baseMs
  }

  /** How long to wait now, in milliseconds. */
  next(): number {
    this.#lastMs = Math.min(this.#capMs, this.#baseMs + Math.random() * (this.#lastMs * 3 - this.#baseMs))
    return this.#lastMs
  }
}
