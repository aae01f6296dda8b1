import type { Kind, Observation, Outcome, Readable, RegisteredControl, Remark, Snapshot, Status, Unread, View } from '../model/index.ts'
import { isAskedFor } from '../objects/narrowed.ts'
import { type AttestedBy, attestationText } from './attestations.ts'
import { FindingKeeper, type IsExcepted } from './finding-keeper.ts'
import { takenByUpgrade } from './kubeadm-upgrade.ts'
import { together } from './refusals.ts'

const none: IsExcepted = () => false
const nobody: AttestedBy = () => undefined
const NO_FINDINGS: readonly never[] = []

/**
 * One control against one snapshot. Never throws: a control that throws is an outcome.
 * The order of precedence says what the operator must hear first: a failure seen beats anything not seen, and nothing that
 * was not seen ever passes. `keeper`: of this control's earlier rounds, whose findings are given again where nothing has changed.
 */
export function judge(
  control: RegisteredControl,
  snapshot: Snapshot,
  isExcepted: IsExcepted = none,
  keeper: FindingKeeper = new FindingKeeper(control, isExcepted),
  attestedBy: AttestedBy = nobody,
): Outcome {
  const missing = control.reads.map((what) => snapshot.unread(what)).filter((unread) => unread !== undefined)
  if (missing.length > 0) return attested(unreadOutcome(control, missing), snapshot, attestedBy)
  try {
    return attested(fold(control, snapshot, control.evaluate(snapshot as View<Readable>), keeper), snapshot, attestedBy)
  } catch (error) {
    return { control: control.id, status: 'error', findings: NO_FINDINGS, error: error instanceof Error ? error.message : String(error) }
  }
}

/** An operator's word in the place of `unknown`, and of nothing else; what is to be judged by a human stays so. */
function attested(outcome: Outcome, snapshot: Snapshot, attestedBy: AttestedBy): Outcome {
  if (outcome.status !== 'unknown') return outcome
  const attestation = attestedBy(outcome.control, snapshot)
  if (attestation === undefined) return outcome
  const isOpen = outcome.findings.some((finding) => !finding.excepted && finding.origin === 'workload')
  return {
    ...outcome,
    status: isOpen ? 'review' : 'attested',
    because: `${attestationText(attestation)}; not seen here: ${outcome.because}`,
    attestation,
  }
}

function unreadOutcome(control: RegisteredControl, unread: readonly Unread[]): Outcome {
  return {
    control: control.id,
    status: 'unknown',
    findings: NO_FINDINGS,
    unread,
    because: together(unread.map((one) => one.because)).join('; '),
    answers: together(unread.map((one) => one.answer)),
  }
}

function fold(control: RegisteredControl, snapshot: Snapshot, yielded: Iterable<Observation | Remark>, keeper: FindingKeeper): Outcome {
  const observations: Observation[] = []
  const remarks: Remark[] = []
  const take = (one: Observation | Remark): void => {
    if (!('reason' in one)) remarks.push(one)
    else if ('subject' in one && isAskedFor(snapshot, one.subject)) observations.push(one)
  }
  for (const one of yielded) take(one)
  for (const one of takenByUpgrade(control, snapshot, [...observations])) take(one)
  const unknowns = remarks.filter((remark) => 'unknown' in remark)
  const findings = keeper.findings(observations, snapshot)
  const live = findings.filter((finding) => !finding.excepted && finding.origin === 'workload')
  const because = shortly([...new Set(remarks.map(wordsOf))])
  const answers = [...new Set(unknowns.map((remark) => remark.answer))]
  const outcome = (status: Status): Outcome => ({
    control: control.id,
    status,
    findings,
    ...(because !== '' && { because }),
    ...(answers.length > 0 && { answers }),
  })

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
const shortly = (words: readonly string[]): string =>
  (words.length <= SAID ? words : [...words.slice(0, SAID), `and ${words.length - SAID} more`]).join('; ')

/** A control that saw no object at all has not passed anything (a directory without RBAC says nothing about the cluster's). */
function nothingToJudge(control: RegisteredControl, snapshot: Snapshot): boolean {
  if (control.reads.length === 0) return false
  return control.reads.every((what) => snapshot.fact(what as never) === undefined && snapshot.all(what as Kind).length === 0)
}
