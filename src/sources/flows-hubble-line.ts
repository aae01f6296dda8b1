/** A line of Hubble is mostly labels, and those of a pod are the same in every line: each text of an end is parsed once. */
import { isWire, type Wire } from './wire.ts'

/** Texts that are kept; then they are begun anew. */
const MOST_KEPT = 10_000
const BEGINNING = 40
const SOURCE = ',"source":{'
const DESTINATION = ',"destination":{'
/** What comes after the ends (the fields are written in the order of flow.proto). */
const AFTER = ',"Type":'

export class HubbleLines {
  #known = new Map<string, { readonly text: string; readonly end: Wire }>()
  /** A number that no line has. */
  readonly #mark = Math.random()

  /** As JSON.parse would read the line; undefined where it is not of this form, and is to be read as a whole. */
  parse(text: string): Wire | undefined {
    const source = text.indexOf(SOURCE)
    const destination = source < 0 ? -1 : text.indexOf(DESTINATION, source)
    const after = destination < 0 ? -1 : text.indexOf(AFTER, destination)
    if (after < 0) return undefined
    try {
      const wire: unknown = JSON.parse(`${text.slice(0, source)},"source":${this.#mark}${text.slice(after)}`)
      const flow = isWire(wire) && isWire(wire['flow']) ? wire['flow'] : wire
      // Cut at the ends of the flow itself, and not at those of something in it: the mark stands in their place, and there are no others.
      if (!isWire(wire) || !isWire(flow) || flow['source'] !== this.#mark || 'destination' in flow) return undefined
      flow['source'] = this.#end(text.slice(source + SOURCE.length - 1, destination))
      flow['destination'] = this.#end(text.slice(destination + DESTINATION.length - 1, after))
      return wire
    } catch {
      return undefined
    }
  }

  /** Found by its beginning, where the number of the pod stands, for to compare a text is quicker than to hash it. */
  #end(text: string): Wire {
    const beginning = text.slice(0, BEGINNING)
    const known = this.#known.get(beginning)
    if (known !== undefined && known.text === text) return known.end
    const end = JSON.parse(text) as Wire
    if (this.#known.size >= MOST_KEPT) this.#known = new Map()
    this.#known.set(beginning, { text, end })
    return end
  }
}
