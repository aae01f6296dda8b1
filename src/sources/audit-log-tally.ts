/** The lines of audit logs, counted: what of them was learned, and what could not be. */
import { eventsInText } from '../objects/audit-entry.ts'
import type { AuditEvent } from '../objects/audit-event.ts'
import type { AuditLearner } from '../objects/audit-learn.ts'
import { type LineTaker, LogProblem } from './log-lines.ts'

/** An API server's own limit for a request is 3 MB; with the answer and the escapes a line stays below this. */
const LONGEST_LINE = 16 * 2 ** 20

/**
 * How API servers begin a line: the fields of the Go type in their order. So the stage that counts here is the event's own, and
 * whatever is in the bodies comes after.
 */
const BEGINNING = /^\{"kind":"Event","apiVersion":"audit\.k8s\.io\/v1","level":"\w+","auditID":"[^"\\]*","stage":"(\w+)",/
const WITH_BODIES = 4096

/**
 * The event without its request and response objects, which may be a thousand times as long as the rest. Exact: both ends only parse
 * when the cuts are between two fields of the event itself, for elsewhere the braces do not come out even.
 */
function withoutBodies(line: Buffer): AuditEvent | undefined {
  const starts = [line.indexOf(',"requestObject":'), line.indexOf(',"responseObject":')].filter((at) => at > 0)
  const end = line.lastIndexOf(',"requestReceivedTimestamp":"')
  if (starts.length === 0 || end < Math.min(...starts)) return undefined
  try {
    const before = JSON.parse(`${line.toString('utf8', 0, Math.min(...starts))}}`) as AuditEvent
    return { ...before, ...(JSON.parse(`{${line.toString('utf8', end + 1)}`) as AuditEvent) }
  } catch {
    return undefined
  }
}

export class AuditLogTally implements LineTaker {
  events = 0
  readonly longest = LONGEST_LINE
  readonly #learner: AuditLearner
  readonly #doubts: string[] = []
  readonly #counts = { lines: 0, malformed: 0, long: 0, foreign: 0, cloud: 0, early: 0 }
  #file = ''
  #before = 0
  constructor(learner: AuditLearner) {
    this.#learner = learner
  }

  start(file: string): void {
    this.#file = file === '-' ? 'standard input' : file
    this.#before = this.events
  }
  end(): void {
    if (this.events === this.#before) this.#doubts.push(`${this.#file} holds no audit event that counts`)
  }
  broken(code: string): void {
    this.#doubts.push(`${this.#file} is damaged (${code}): what comes after the damage is not known`)
  }
  readonly tooLong = (): void => {
    this.#counts.lines++
    this.#counts.long++
  }

  readonly line = (line: Buffer, whole: boolean): void => {
    if (line.length < 3) return
    this.#counts.lines++
    const stage = BEGINNING.exec(line.toString('latin1', 0, 256))?.[1]
    if (stage === 'RequestReceived') {
      this.#counts.early++
      return
    }
    try {
      const trimmed = stage !== undefined && line.length > WITH_BODIES ? withoutBodies(line) : undefined
      this.#take(trimmed === undefined ? eventsInText(line.toString('utf8')) : [trimmed])
    } catch {
      if (whole) this.#counts.malformed++
      else this.#doubts.push(`${this.#file} ends in the middle of a line: what came after is not known`)
    }
  }

  #take(entry: ReturnType<typeof eventsInText>): void {
    if (entry === 'cloud-logging') this.#counts.cloud++
    else if (entry === 'foreign') this.#counts.foreign++
    else
      for (const event of entry) {
        if (event.stage === 'RequestReceived') this.#counts.early++
        else if (this.#learner.add(event)) this.events++
      }
  }

  doubts(): readonly string[] {
    const { lines, malformed, long, foreign, cloud } = this.#counts
    const of = (count: number, what: string) => (count === 0 ? [] : [`${count} of ${lines} lines ${what}`])
    return [
      ...this.#doubts.slice(0, 20),
      ...of(malformed, 'are no JSON and were left out'),
      ...of(long, `are longer than ${LONGEST_LINE / 2 ** 20} MB and were left out`),
      ...of(foreign, 'are JSON, but no audit events'),
      ...of(cloud, 'are entries of Cloud Logging, which cannot be read here'),
    ]
  }

  whyNothing(paths: readonly string[]): LogProblem {
    const { lines, early, cloud } = this.#counts
    const from = paths.map((path) => (path === '-' ? 'standard input' : path)).join(', ')
    const expected = 'what the API server writes to --audit-log-path: one event of audit.k8s.io a line, plain or gzip'
    if (cloud > 0)
      return new LogProblem(`${from} holds entries of Cloud Logging; these are no Kubernetes audit events and cannot be read`, [
        'what GKE logs leaves reads out unless Data Access logs are on, so it would not show which rights are used',
      ])
    if (early > 0)
      return new LogProblem(`${from} holds requests without their answers (stage RequestReceived only)`, [
        'an audit policy without ResponseComplete under omitStages',
      ])
    return new LogProblem(
      lines === 0
        ? `${from} is empty`
        : `${from} holds no audit event that counts: ${lines} ${lines === 1 ? 'line' : 'lines'} of something else`,
      [expected],
    )
  }
}
