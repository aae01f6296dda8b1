/** Folds records of flows into distinct ones with counts, in memory that does not grow with the record. */
import { hash } from 'node:crypto'
import type { FlowEnd, ObservedFlow, ObservedFlows } from '../model/index.ts'
import { windowDays, windowText } from '../objects/rbac-usage-words.ts'
import { type FlowRecord, isLocal } from './flows-record.ts'

/** Distinct flows that are kept, and letters of all their ends together. */
const MOST_FLOWS = 100_000
const MOST_LETTERS = 32 * 2 ** 20
/** A longer one, of many labels or none that is real, is known by its digest. */
const LONGEST_KEY = 250
/** A restart and a nightly job should be among what was seen. */
const ENOUGH_DAYS = 7
/** Clocks differ. */
const TOLERANCE_MS = 86_400_000
const LONG_AGO = Date.parse('2015-01-01T00:00:00Z')

interface Kept {
  readonly source: FlowEnd
  readonly destination: FlowEnd
  readonly protocol: FlowRecord['protocol']
  readonly port: number
  count: number
  last: number
  seen: boolean
  dropped: boolean
}

export class FlowCollector {
  readonly #flows = new Map<string, Kept>()
  readonly #ends = new Map<string, FlowEnd>()
  readonly #now: number
  readonly #most: number
  readonly #counts = { records: 0, untimed: 0, odd: 0, leftOut: 0 }
  #letters = 0
  #since = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY
  constructor(now: number, most = MOST_FLOWS) {
    this.#now = now
    this.#most = most
  }

  /** False: an end is none. */
  add(record: FlowRecord): boolean | 'local' {
    const { proof, count, time } = record
    const key = record.key.length > LONGEST_KEY ? hash('sha256', record.key) : record.key
    let kept = this.#flows.get(key)
    if (kept === undefined) {
      const ends = record.ends()
      if (ends === undefined) return false
      if (isLocal(ends.source) || isLocal(ends.destination)) return 'local'
      const { protocol, port } = record
      kept = {
        source: this.#end(ends.source),
        destination: this.#end(ends.destination),
        protocol,
        port,
        count: 0,
        last: 0,
        seen: false,
        dropped: false,
      }
      if (this.#flows.size < this.#most && this.#letters < MOST_LETTERS) this.#flows.set(key, kept)
      else this.#counts.leftOut++
    }
    this.#counts.records++
    kept.count = Math.min(kept.count + count, Number.MAX_SAFE_INTEGER)
    if (proof === 'seen') kept.seen = true
    else if (proof === 'dropped') kept.dropped = true
    this.#seenAt(kept, time)
    return true
  }

  #seenAt(kept: Kept, time: string | number | undefined): void {
    if (time === undefined) {
      this.#counts.untimed++
      return
    }
    const at = milliseconds(time)
    if (!(at > LONG_AGO && at <= this.#now + TOLERANCE_MS)) {
      this.#counts.odd++
      return
    }
    if (at > kept.last) kept.last = at
    if (at < this.#since) this.#since = at
    if (at > this.#until) this.#until = at
  }

  /** One copy of each end: a pod talks to many. */
  #end(end: FlowEnd): FlowEnd {
    const text = JSON.stringify(end)
    const key = end.pod === undefined ? text : `${end.namespace}/${end.pod}`
    const known = this.#ends.get(key)
    if (known !== undefined) return known
    if (this.#letters < MOST_LETTERS) this.#ends.set(key, end)
    this.#letters += text.length
    return end
  }

  result(from: readonly string[], doubts: readonly string[]): ObservedFlows {
    const { records, untimed, odd, leftOut } = this.#counts
    const window = this.#until < this.#since ? undefined : { since: rfc3339(this.#since), until: rfc3339(this.#until) }
    return {
      from,
      records,
      ...window,
      flows: [...this.#flows.values()].map(flowOf),
      doubts: [
        ...(window !== undefined && windowDays(window) < ENOUGH_DAYS
          ? [
              `the record of flows covers ${windowText(window)}: what is done once a week, or by a restart that did not happen, is not in it`,
            ]
          : []),
        ...(untimed > 0 ? [`${untimed} of ${records} records of flows do not say when: they are taken to be of now`] : []),
        ...(odd > 0 ? [`${odd} of ${records} records of flows have a time that cannot be, which was left out`] : []),
        ...doubts,
        ...(leftOut > 0 ? [`${leftOut} records of flows were left out: there are more different ones than are kept`] : []),
      ],
      ...(leftOut > 0 && { partial: true as const }),
    }
  }
}

/** What came through once is wanted. What was refused and never seen to arrive is not; of what was only sent, nothing is known against it. */
const flowOf = ({ source, destination, protocol, port, count, last, seen, dropped }: Kept): ObservedFlow => ({
  ...{ source, destination, protocol, port, count },
  ...(last > 0 && { last: rfc3339(last) }),
  was: seen || !dropped ? 'forwarded' : 'dropped',
})

/** RFC 3339, or seconds, or milliseconds since 1970. */
const milliseconds = (time: string | number): number =>
  typeof time === 'string' ? Date.parse(time) : time < 100_000_000_000 ? time * 1000 : time
const rfc3339 = (at: number): string => new Date(at).toISOString()
