import type { Finding, Kind, Observation, Outcome, Readable, RegisteredControl, Remark, Snapshot, Status, Unread, View } from '../model/index.ts'
import { managedBy, originOf } from '../objects/ownership.ts'
import { findingId } from './finding-id.ts'

/** Accepts a finding or not; from the exceptions file. */
export type IsExcepted = (finding: Finding) => boolean

/**
 * One control against one snapshot. Never throws: a control that throws is an outcome.
 * The order of precedence says what the operator must hear first: a failure seen beats anything not seen, and nothing that
 * was not seen ever passes.
 */
export function judge(control: RegisteredControl, snapshot: Snapshot, isExcepted: IsExcepted = () => false): Outcome {
  const missing = control.reads.map((what) => snapshot.unread(what)).filter((unread) => unread !== undefined)
  if (missing.length > 0) return unreadOutcome(control, missing)
  try {
    return fold(control, snapshot, [...control.evaluate(snapshot as View<Readable>)], isExcepted)
  } catch (error) {
    return { control: control.id, status: 'error', findings: [], error: error instanceof Error ? error.message : String(error) }
  }
}

function unreadOutcome(control: RegisteredControl, unread: readonly Unread[]): Outcome {
  return {
    control: control.id, status: 'unknown', findings: [], unread,
    because: [...new Set(unread.map((one) => one.because))].join('; '),
    answers: [...new Set(unread.map((one) => one.answer))],
  }
}

function fold(control: RegisteredControl, snapshot: Snapshot, yielded: readonly (Observation | Remark)[], isExcepted: IsExcepted): Outcome {
  const observations = yielded.filter((one): one is Observation => 'subject' in one && 'reason' in one)
  const remarks = yielded.filter((one): one is Remark => !('reason' in one))
  const unknowns = remarks.filter((remark) => 'unknown' in remark)
  const findings = toFindings(control, snapshot, observations, isExcepted)
  const live = findings.filter((finding) => !finding.excepted && finding.origin === 'workload')
  const because = shortly([...new Set(remarks.map(wordsOf))])
  const answers = [...new Set(unknowns.map((remark) => remark.answer))]
  const outcome = (status: Status): Outcome => ({ control: control.id, status, findings, ...(because !== '' && { because }), ...(answers.length > 0 && { answers }) })

  if (live.some((finding) => finding.verdict === 'fail')) return outcome('fail')
  if (unknowns.length > 0) return outcome('unknown')
  if (live.length > 0) return outcome('review')
  if (remarks.some((remark) => 'attested' in remark)) return outcome('attested')
  if (remarks.some((remark) => 'notApplicable' in remark)) return outcome('notApplicable')
  if (findings.length === 0 && nothingToJudge(control, snapshot)) {
    return { ...outcome('notApplicable'), because: `nothing to judge: no ${control.reads.join(', ')} in this source` }
  }
  return outcome('pass')
}

const wordsOf = (remark: Remark): string => {
  if ('unknown' in remark) return remark.unknown
  if ('attested' in remark) return remark.attested
  return 'notApplicable' in remark ? remark.notApplicable : remark.note
}

const SAID = 3
const shortly = (words: readonly string[]): string => (words.length <= SAID ? words : [...words.slice(0, SAID), `and ${words.length - SAID} more`]).join('; ')

/** A control that saw no object at all has not passed anything (a directory without RBAC says nothing about the cluster's). */
function nothingToJudge(control: RegisteredControl, snapshot: Snapshot): boolean {
  if (control.reads.length === 0) return false
  return control.reads.every((what) => snapshot.fact(what as never) === undefined && snapshot.all(what as Kind).length === 0)
}

function toFindings(control: RegisteredControl, snapshot: Snapshot, observations: readonly Observation[], isExcepted: IsExcepted): readonly Finding[] {
  const seen = new Map<string, number>()
  return observations.map((observation) => {
    const plain = findingId(control.id, observation)
    const twin = seen.get(plain) ?? 0
    seen.set(plain, twin + 1)
    const finding: Finding = {
      ...observation,
      id: twin === 0 ? plain : findingId(control.id, observation, twin),
      control: control.id,
      practice: control.practice,
      severity: observation.severity ?? control.severity,
      verdict: observation.verdict ?? 'fail',
      origin: observation.origin ?? originOf(observation.subject),
      managedBy: ownerOf(observation, snapshot),
      excepted: false,
    }
    return isExcepted(finding) ? { ...finding, excepted: true } : finding
  })
}

function ownerOf({ subject }: Observation, snapshot: Snapshot): Finding['managedBy'] {
  const object = snapshot.find(subject.kind as Kind, subject.namespace, subject.name)
  return object === undefined ? '' : managedBy(object)
}
