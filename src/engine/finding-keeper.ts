/** Findings made of what one control observed, round after round: what has not changed stays the very same object. */
import type { Finding, FindingId, Observation, RegisteredControl, Snapshot } from '../model/index.ts'
import { derived, placesIn, remembered } from '../objects/derived.ts'
import { managedBy, originOf } from '../objects/ownership.ts'
import { positionOf } from '../objects/ref.ts'
import { alike } from './alike.ts'
import { findingId } from './finding-id.ts'

/** Accepts a finding or not; from the exceptions file. Its word on one finding never changes. */
export type IsExcepted = (finding: Finding) => boolean

interface Made {
  readonly observation: Observation
  /** Which of several objects of one identity it is about; '' for the first. */
  readonly place: string
  /** The id without regard to others that share it, and how many of those came before. */
  readonly plain: FindingId
  readonly twin: number
  readonly finding: Finding
}

/**
 * Controls that remember their observations get their findings back without a second look; where an observation was made anew but
 * says the same, the finding of before is given again.
 */
export class FindingKeeper {
  readonly #control: RegisteredControl
  readonly #isExcepted: IsExcepted
  #made: readonly Made[] = []
  #findings: readonly Finding[] = []

  constructor(control: RegisteredControl, isExcepted: IsExcepted) {
    this.#control = control
    this.#isExcepted = isExcepted
  }

  /** The findings of this round, in the order of the observations; the same list as before where nothing has changed. */
  findings(observations: readonly Observation[], snapshot: Snapshot): readonly Finding[] {
    const ownerOf = derived(snapshot, owners)
    const placeOf = derived(snapshot, places)
    if (this.#isAsBefore(observations, ownerOf, placeOf)) return this.#findings
    const placeIn = placesIn(this.#made.map(({ observation }) => observation))
    const known = (observation: Observation): Made | undefined => {
      const at = placeIn(observation)
      return at === undefined ? undefined : this.#made[at]
    }
    const twins = new Map<FindingId, number>()
    let byId: ReadonlyMap<FindingId, Finding> | undefined
    const made = observations.map((observation): Made => {
      const before = known(observation)
      const place = placeOf(observation.subject)
      const plain = before?.place === place ? before.plain : findingId(this.#control.id, observation, place)
      const twin = twins.get(plain) ?? 0
      twins.set(plain, twin + 1)
      const owner = ownerOf(observation.subject)
      if (before?.plain === plain && before.twin === twin && before.finding.managedBy === owner) return before
      byId ??= new Map(this.#findings.map((finding) => [finding.id, finding]))
      const finding = this.#make(observation, twin === 0 ? plain : findingId(this.#control.id, observation, place, twin), owner)
      const last = byId.get(finding.id)
      return { observation, place, plain, twin, finding: last !== undefined && alike(last, finding) ? last : finding }
    })
    const same = made.length === this.#findings.length && made.every(({ finding }, index) => finding === this.#findings[index])
    if (!same) this.#findings = made.map(({ finding }) => finding)
    this.#made = made
    return this.#findings
  }

  #isAsBefore(observations: readonly Observation[], ownerOf: OwnerOf, placeOf: PlaceOf): boolean {
    if (observations.length !== this.#made.length) return false
    return this.#made.every(
      ({ observation, finding, place }, index) =>
        observation === observations[index] && finding.managedBy === ownerOf(observation.subject) && place === placeOf(observation.subject),
    )
  }

  #make(observation: Observation, id: FindingId, owner: Finding['managedBy']): Finding {
    const finding: Finding = {
      ...observation,
      id,
      control: this.#control.id,
      practice: this.#control.practice,
      severity: observation.severity ?? this.#control.severity,
      verdict: observation.verdict ?? 'fail',
      origin: observation.origin ?? originOf(observation.subject),
      managedBy: owner,
      excepted: false,
    }
    return this.#isExcepted(finding) ? { ...finding, excepted: true } : finding
  }
}

type PlaceOf = (subject: Observation['subject']) => string

/**
 * Base and overlay of one Deployment are two objects of one identity. The first in the order of the files goes by that identity; the
 * others by their place as well, so that mending one never gives its id to another.
 */
const places =
  (snapshot: Snapshot): PlaceOf =>
  ({ file, document, item, build, kind, namespace, name }) => {
    if (file === undefined) return ''
    const first = snapshot.find(kind as Parameters<Snapshot['find']>[0], namespace, name)
    const position = first === undefined ? undefined : positionOf(first)
    const isFirst =
      position === undefined ||
      (position.file === file && position.document === document && position.item === item && position.build === build)
    return isFirst ? '' : `${file}#${document}#${item ?? ''}${build === undefined ? '' : `#${build}`}`
  }

type OwnerOf = (subject: Observation['subject']) => Finding['managedBy']

const managedByOnce = remembered(managedBy)
/** Who manages what a finding is about. Findings about one workload share its reference, so that one is looked up once a snapshot. */
function owners(snapshot: Snapshot): OwnerOf {
  const known = new Map<Observation['subject'], Finding['managedBy']>()
  return (subject) => {
    let owner = known.get(subject)
    if (owner === undefined) {
      const object = snapshot.find(subject.kind as Parameters<Snapshot['find']>[0], subject.namespace, subject.name)
      known.set(subject, (owner = object === undefined ? '' : managedByOnce(object)))
    }
    return owner
  }
}
