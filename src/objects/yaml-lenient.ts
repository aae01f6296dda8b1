/**
 * Inside brackets and quotes go-yaml does not look at indentation: a closing `}` may stand in the column of its key. Our parser
 * does look, as YAML 1.2 says. Such lines are indented further in a copy, and what is read from it is placed in the text again.
 */
import { type Event, YAMLException } from 'js-yaml'

const TOO_SHALLOW = 'deficient indentation'
/** Each costs a parse: of a large text few are tried. */
const MAX_LINES = 200
const MAX_CHARACTERS = 20_000_000
const DEEPER = ' '.repeat(256)
const OFFSETS = ['start', 'valueStart', 'valueEnd', 'anchorStart', 'anchorEnd', 'tagStart', 'tagEnd'] as const

/** What `parse` says of a text, with offsets of that text. Throws what `parse` throws. */
export function parseLenient(text: string, parse: (text: string) => Event[]): Event[] {
  /** Starts of the lines that were indented, in order. */
  const indented: number[] = []
  for (;;) {
    const copy = indented.toReversed().reduce((copy, at) => copy.slice(0, at) + DEEPER + copy.slice(at), text)
    try {
      const events = parse(copy)
      return indented.length === 0 ? events : events.map((event) => placedBack(event, indented))
    } catch (error) {
      if (!(error instanceof YAMLException) || error.mark === undefined) throw error
      const at = original(error.mark.position, indented)
      const line = text.lastIndexOf('\n', at - 1) + 1
      if (error.reason !== TOO_SHALLOW || indented.includes(line) || indented.length >= Math.min(MAX_LINES, MAX_CHARACTERS / text.length)) {
        error.mark.position = at
        throw error
      }
      indented.push(line)
      indented.sort((a, b) => a - b)
    }
  }
}

function original(offset: number, indented: readonly number[]): number {
  let moved = 0
  for (const line of indented) {
    if (line + moved >= offset) break
    // Inside what was put in, the line's own start.
    moved += Math.min(DEEPER.length, offset - line - moved)
  }
  return offset - moved
}

function placedBack(event: Event, indented: readonly number[]): Event {
  const placed: Record<string, unknown> = { ...event }
  for (const key of OFFSETS) {
    const offset = placed[key]
    if (typeof offset === 'number' && offset >= 0) placed[key] = original(offset, indented)
  }
  return placed as unknown as Event
}
