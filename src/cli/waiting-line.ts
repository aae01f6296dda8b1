/** What is being waited for, told while it goes on: one line that changes in place; where it cannot, a line now and then. */
import { cut } from '../session/text.ts'

export interface WaitingStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

const AGAIN_MS = 15_000
const BACK_AND_CLEAR = '\r\x1b[K'

export class WaitingLine {
  readonly #stream: WaitingStream
  readonly #now: () => number
  readonly #inPlace: boolean
  #shown = ''
  #at = 0

  /** `now`: milliseconds. */
  constructor(stream: WaitingStream, now: () => number = () => performance.now(), terminal = process.env['TERM']) {
    this.#stream = stream
    this.#now = now
    this.#inPlace = stream.isTTY === true && terminal !== 'dumb'
  }

  /** Shows the words; none: there is nothing to wait for any more, and something else is to be written. Says whether there were any. */
  tell(words: string | undefined): boolean {
    if (words === undefined) this.end()
    else this.#show(words)
    return words !== undefined
  }

  /** `words` go on from those before where only numbers differ. */
  #show(words: string): void {
    // A line that wraps cannot be taken back.
    if (this.#inPlace) this.#stream.write(`${BACK_AND_CLEAR}${cut(words, (this.#stream.columns ?? 80) - 1)}`)
    else {
      const goesOn = withoutNumbers(words) === withoutNumbers(this.#shown)
      if (goesOn && this.#now() - this.#at < AGAIN_MS) return
      this.#stream.write(`${words}\n`)
    }
    this.#shown = words
    this.#at = this.#now()
  }

  /** Before anything else is written. */
  end(): void {
    if (this.#inPlace && this.#shown !== '') this.#stream.write(BACK_AND_CLEAR)
    this.#shown = ''
  }
}

const withoutNumbers = (words: string): string => words.replaceAll(/\d+/g, '#')
