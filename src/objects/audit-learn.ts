/** Folds the events of an audit log into distinct requests with counts, in memory that does not grow with the log. */
import type { ObservedRequest, ObservedRequests, ObservedSubject } from '../model/index.ts'
import { type AuditEvent, type Heard, heardIn } from './audit-event.ts'
import { STANDARD_VERBS } from './rbac-rules.ts'

/**
 * What is kept of each subject; more than that is folded together. `allowed` and `denied`: different rights of all subjects together.
 * What is refused, anybody can ask for as much of as he likes: it has a number of its own, so as not to crowd out what is used.
 * `letters` of one request: no object has a name as long as that.
 */
export const MOST = {
  subjects: 20_000,
  names: 5,
  namespaces: 500,
  paths: 100,
  openWatches: 100_000,
  allowed: 200_000,
  denied: 20_000,
  letters: 2_000,
} as const

interface Tally {
  count: number
  last: string
}
/** Of one verb on one resource in one namespace ('' is none); `any`: more names than are kept. */
interface Names {
  readonly byName: Map<string, Tally>
  any: Tally | undefined
}
interface Spread {
  readonly byNamespace: Map<string, Names>
  /** Once they are too many: what was asked in any of them. */
  everywhere: Tally | undefined
}
interface About {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly derived: boolean
  readonly allowed: Spread
  readonly denied: Spread
}
interface Known {
  readonly user: string
  readonly groups: readonly string[]
  readonly abouts: Map<string, About>
  readonly paths: { readonly allowed: Map<string, Tally>; readonly denied: Map<string, Tally> }
}

export class AuditLearner {
  readonly #subjects = new Map<string, Known>()
  readonly #verbs = new Set<string>()
  /** Watches whose start was counted and whose end has not been seen. */
  readonly #open = new Set<string>()
  readonly #folded = new Set<string>()
  #dropped = 0
  readonly #rights = { allowed: 0, denied: 0 }
  readonly #leftOut = { allowed: 0, denied: 0 }
  #events = 0
  #since = ''
  #until = ''

  /** Did it count? Stages before the answer do not; a watch counts when it starts, for its end may be after the log's. */
  add(event: AuditEvent): boolean {
    const { stage, auditID = '' } = event
    if (stage !== 'ResponseComplete' && stage !== 'ResponseStarted' && stage !== 'Panic') return false
    if (stage !== 'ResponseStarted' && this.#open.delete(auditID)) return true
    const heard = heardIn(event)
    if (heard.length === 0) return false
    if (stage === 'ResponseStarted' && auditID !== '') {
      if (this.#open.size >= MOST.openWatches) this.#open.delete(this.#open.values().next().value!)
      this.#open.add(auditID)
    }
    this.#events++
    const at = timeOf(event)
    if (at !== '' && (this.#since === '' || at < this.#since)) this.#since = at
    if (at > this.#until) this.#until = at
    for (const one of heard) this.#count(one, at)
    return true
  }

  #count(heard: Heard, at: string): void {
    if (lettersOf(heard) > MOST.letters) {
      this.#leftOut[heard.was]++
      return
    }
    const known = this.#knownAs(heard)
    if (known === undefined) return
    if ('path' in heard) {
      const paths = known.paths[heard.was]
      bump(paths, pathKey(paths, heard), at)
      if (paths.size > MOST.paths) {
        foldPaths(paths)
        this.#folded.add(`${heard.user} asked for more than ${MOST.paths} paths: they are taken by how they begin`)
      }
      return
    }
    if (!heard.derived) this.#verbs.add(heard.verb)
    const key = `${heard.verb}\0${heard.group}\0${heard.resource}\0${heard.subresource}\0${heard.derived}`
    let about = known.abouts.get(key)
    if (about === undefined) {
      if (this.#rights[heard.was] >= MOST[heard.was]) {
        this.#leftOut[heard.was]++
        return
      }
      this.#rights[heard.was]++
      const { verb, group, resource, subresource, derived } = heard
      known.abouts.set(key, (about = { verb, group, resource, subresource, derived, allowed: nowhere(), denied: nowhere() }))
    }
    const spread = about[heard.was]
    if (spread.everywhere !== undefined) {
      spread.everywhere = sum([spread.everywhere, { count: 1, last: at }])
      return
    }
    let names = spread.byNamespace.get(heard.namespace)
    if (names === undefined) spread.byNamespace.set(heard.namespace, (names = { byName: new Map(), any: undefined }))
    addName(names, heard, at)
    if (spread.byNamespace.size <= MOST.namespaces) return
    spread.everywhere = sum([...spread.byNamespace.values()].flatMap(talliesOf))
    spread.byNamespace.clear()
    this.#folded.add(`${heard.user} sent ${heard.verb} ${heard.resource} to more than ${MOST.namespaces} namespaces: taken as all of them`)
  }

  #knownAs({ user, groups }: Heard): Known | undefined {
    const key = groups.length === 0 ? user : `${user}\0${groups.join('\0')}`
    const known = this.#subjects.get(key)
    if (known !== undefined) return known
    if (this.#subjects.size >= MOST.subjects) {
      this.#dropped++
      return undefined
    }
    const fresh: Known = { user, groups: [...groups], abouts: new Map(), paths: { allowed: new Map(), denied: new Map() } }
    this.#subjects.set(key, fresh)
    return fresh
  }

  /** `doubts`: what the reader of the log has to say. */
  result(from: readonly string[], doubts: readonly string[] = []): ObservedRequests {
    return {
      from,
      events: this.#events,
      since: this.#since,
      until: this.#until,
      subjects: [...this.#subjects.values()].map(observed),
      blind: STANDARD_VERBS.filter((verb) => !this.#verbs.has(verb)),
      doubts: [
        ...doubts,
        ...(this.#dropped > 0 ? [`${this.#dropped} requests are of more than ${MOST.subjects} subjects and are left out`] : []),
        ...(['allowed', 'denied'] as const)
          .filter((was) => this.#leftOut[was] > 0)
          .map(
            (was) => `${this.#leftOut[was]} ${was} requests are left out: they are too long, or of more than ${MOST[was]} different rights`,
          ),
        ...[...this.#folded].slice(0, 20),
      ],
      ...(this.#dropped + this.#leftOut.allowed > 0 && { partial: true as const }),
    }
  }
}

const lettersOf = (heard: Heard): number =>
  heard.user.length +
  heard.verb.length +
  ('path' in heard
    ? heard.path.length
    : heard.group.length + heard.resource.length + heard.subresource.length + heard.namespace.length + heard.name.length)

/** RFC 3339 in UTC, so that two of them compare as text. */
function timeOf({ stageTimestamp, requestReceivedTimestamp, timestamp }: AuditEvent): string {
  const time = stageTimestamp || requestReceivedTimestamp || timestamp || ''
  if (time.endsWith('Z') || time === '') return time
  const parsed = Date.parse(time)
  return Number.isNaN(parsed) ? '' : new Date(parsed).toISOString()
}

function bump(tallies: Map<string, Tally>, key: string, at: string): void {
  const tally = tallies.get(key)
  if (tally === undefined) tallies.set(key, { count: 1, last: at })
  else {
    tally.count++
    if (at > tally.last) tally.last = at
  }
}

const sum = (tallies: Iterable<Tally>): Tally => {
  const total: Tally = { count: 0, last: '' }
  for (const { count, last } of tallies) {
    total.count += count
    if (last > total.last) total.last = last
  }
  return total
}

function addName(names: Names, { name, anyName }: Extract<Heard, { resource: string }>, at: string): void {
  if (anyName || (name !== '' && names.any !== undefined)) {
    names.any = sum([...(names.any === undefined ? [] : [names.any]), { count: 1, last: at }])
    return
  }
  bump(names.byName, name, at)
  if (name === '' || names.byName.size - Number(names.byName.has('')) <= MOST.names) return
  const named = [...names.byName].filter(([one]) => one !== '')
  names.any = sum(named.map(([, tally]) => tally))
  for (const [one] of named) names.byName.delete(one)
}

const nowhere = (): Spread => ({ byNamespace: new Map(), everywhere: undefined })
const talliesOf = ({ byName, any }: Names): readonly Tally[] => [...byName.values(), ...(any === undefined ? [] : [any])]

function pathKey(paths: ReadonlyMap<string, Tally>, { verb, path }: { readonly verb: string; readonly path: string }): string {
  const exact = `${verb}\0${path}`
  if (paths.has(exact)) return exact
  return [startOf(exact), `${verb}\0*`].find((start) => paths.has(start)) ?? exact
}
/** `get /logs/kube.log` → `get /logs/*`; what is directly below the root stays itself. */
const startOf = (key: string): string => key.replace(/(\0\/[^/]+\/).+$/, '$1*')

function foldPaths(paths: Map<string, Tally>): void {
  for (const fold of [startOf, (key: string) => `${key.slice(0, key.indexOf('\0'))}\0*`]) {
    if (paths.size <= MOST.paths) return
    const groups = Map.groupBy([...paths], ([key]) => fold(key))
    paths.clear()
    for (const [key, tallies] of groups) paths.set(key, sum(tallies.map(([, tally]) => tally)))
  }
}

function observed({ user, groups, abouts, paths }: Known): ObservedSubject {
  const requests: ObservedRequest[] = []
  for (const was of ['allowed', 'denied'] as const) {
    for (const { allowed, denied, verb, group, resource, subresource, derived } of abouts.values()) {
      const { byNamespace, everywhere } = was === 'allowed' ? allowed : denied
      const about = {
        ...{ verb, group, resource, was },
        ...(derived && { derived: true as const }),
        ...(subresource !== '' && { subresource }),
      }
      for (const [namespace, { byName, any }] of byNamespace) {
        const asked = { ...about, ...(namespace !== '' && { namespace }) }
        // Allowed but once is allowed: an answer of the admission plugins or of yesterday's role is no lasting refusal.
        const isAllowed = (name: string): boolean => was === 'denied' && allowed.byNamespace.get(namespace)?.byName.has(name) === true
        for (const [name, tally] of byName) if (!isAllowed(name)) requests.push({ ...asked, ...tally, ...(name !== '' && { name }) })
        if (any !== undefined) requests.push({ ...asked, ...any, anyName: true })
      }
      if (everywhere !== undefined) requests.push({ ...about, ...everywhere, anyName: true })
    }
    for (const [key, tally] of paths[was]) {
      const [verb, path] = key.split('\0') as [string, string]
      if (was === 'allowed' || !paths.allowed.has(key)) requests.push({ ...tally, verb, path, was })
    }
  }
  return { user, groups, requests }
}
