/** The lines of records of flows, each in the format that it is in: what was kept of them, and what could not be. */
import { printable } from '../objects/display.ts'
import { FlowCollector } from './flows-collect.ts'
import { conntrackFlows, isSummary } from './flows-conntrack.ts'
import { hubbleFlow, isNoFlow, lostEvents } from './flows-hubble.ts'
import { ownFlow } from './flows-own.ts'
import { type Parsed, SKIPPED, type Skipped, wiresIn } from './flows-record.ts'
import { type LineTaker, LogProblem } from './log-lines.ts'
import type { Wire } from './wire.ts'

/** What a flow of HTTP with all its headers takes stays far below. */
const LONGEST_LINE = 4 * 2 ** 20
/** A line of conntrack has some 300. */
const LONGEST_TEXT = 4096
const MOST_DOUBTS = 20
const EXPECTED = [
  'JSON lines of Hubble (hubble observe -o json), of conntrack -L or /proc/net/nf_conntrack, or of your own: see "Network flows" in the README',
]

interface TallyState {
  readonly usable: number
  readonly lines: number
  readonly skipped: ReadonlyMap<Skipped, number>
}

export class FlowTally implements LineTaker {
  readonly longest = LONGEST_LINE
  readonly collector: FlowCollector
  readonly #doubts: string[] = []
  readonly #skipped = new Map<Skipped, number>()
  #lines = 0
  #usable = 0
  #lost = 0
  #unreadable = 0
  #long = 0
  #first = ''
  #file = ''
  /** Of this file. */
  #before = 0
  #number = 0
  constructor(now: number, most?: number) {
    this.collector = new FlowCollector(now, most)
  }
  /** How far it has come, to be compared with later. */
  get state(): TallyState {
    return { usable: this.#usable, lines: this.#lines, skipped: new Map(this.#skipped) }
  }

  start(file: string): void {
    this.#file = nameOf(file)
    this.#before = this.#usable
    this.#number = 0
  }
  end(): void {
    if (this.#usable === this.#before) this.#doubts.push(`${this.#file} holds no flow that counts`)
  }
  broken(code: string): void {
    this.#doubts.push(`${this.#file} is damaged (${code}): what comes after the damage is not known`)
  }
  readonly tooLong = (): void => {
    this.#number++
    this.#lines++
    this.#long++
  }

  readonly line = (line: Buffer, whole: boolean): void => {
    this.#number++
    if (line.length < 2) return
    const known = isJson(line) ? this.#json(line, whole) : line.length <= LONGEST_TEXT && this.#text(textOf(line))
    if (known === 'nothing') return
    this.#lines++
    if (known) return
    this.#unreadable++
    this.#first ||= `${this.#file}:${this.#number}`
  }

  #json(line: Buffer, whole: boolean): boolean | 'nothing' {
    let value: unknown
    try {
      value = JSON.parse(textOf(line))
    } catch {
      if (whole) return false
      this.#doubts.push(`${this.#file} ends in the middle of a line: what came after is not known`)
      return 'nothing'
    }
    const results = wiresIn(value).map((wire) => this.#wire(wire))
    return results.length > 0 && results.every((one) => one === 'nothing') ? 'nothing' : results.some((one) => one === true)
  }
  #wire(wire: Wire): boolean | 'nothing' {
    const lost = lostEvents(wire)
    if (lost !== undefined) this.#lost += lost
    if (lost !== undefined || isNoFlow(wire)) return 'nothing'
    return this.#take(hubbleFlow(wire) ?? ownFlow(wire))
  }
  #text(line: string): boolean | 'nothing' {
    if (line === '' || line.startsWith('#') || isSummary(line)) return 'nothing'
    const found = conntrackFlows(line)
    if (typeof found !== 'object') return this.#take(found)
    return found.map((record) => this.#take(record)).every((one) => one)
  }
  #take(parsed: Parsed): boolean {
    if (parsed === undefined) return false
    const added = typeof parsed === 'string' ? parsed : this.collector.add(parsed)
    if (added === true) this.#usable++
    else if (added !== false) this.#skipped.set(added, (this.#skipped.get(added) ?? 0) + 1)
    return added !== false
  }

  doubts(): readonly string[] {
    const of = (count: number, what: string) => (count === 0 ? [] : [`${count} of ${this.#lines} lines ${what}`])
    return [
      ...this.#doubts.slice(0, MOST_DOUBTS),
      ...of(this.#unreadable, `are no records of flows and were left out (the first: ${this.#first})`),
      ...of(this.#long, `are longer than ${LONGEST_LINE / 2 ** 20} MB and were left out`),
      ...of(this.#skipped.get('unclear') ?? 0, `${SKIPPED.unclear} and were left out`),
      ...of(this.#skipped.get('verdict') ?? 0, `${SKIPPED.verdict} and were left out`),
      ...(this.#lost > 0 ? [`Hubble lost ${this.#lost} events while it recorded: flows among them are not known`] : []),
    ]
  }

  /** Of a path that gave nothing at all; `before` it was begun. */
  whyNothing(path: string, before: TallyState): LogProblem {
    const name = nameOf(path)
    const lines = this.#lines - before.lines
    if (lines === 0) return new LogProblem(`${name} is empty`, EXPECTED)
    const skipped = [...this.#skipped].flatMap(([why, all]) => {
      const count = all - (before.skipped.get(why) ?? 0)
      return count === 0 ? [] : [`${count} of ${lines} lines ${SKIPPED[why]}`]
    })
    return new LogProblem(`${name} holds no flow that counts${skipped.length > 0 ? `: ${skipped.join(', ')}` : ''}`, EXPECTED)
  }
}
const nameOf = (file: string): string => (file === '-' ? 'standard input' : printable(file))

/** A byte-order mark, blanks, then the bracket of an object or of a list of them; `[NEW]` is an event of conntrack. */
const isJson = (line: Buffer): boolean => /^(?:\u00ef\u00bb\u00bf)?\s*(?:\{|\[\s*\{)/.test(line.toString('latin1', 0, 32))
const textOf = (line: Buffer): string =>
  line
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim()
