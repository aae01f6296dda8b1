/** What is wrong: what a control observes, findings, and the seven outcomes (controls.md 0.1). */
import type { ControlId, FindingId, Json, ObjectRef, Path, Practice, Risk, Severity } from './names.ts'
import type { Unread } from './seen.ts'

export interface Reference {
  /** KS = kubescape control id, OWASP = Kubernetes Top Ten (`2022/K03`, `2025/K02`), NSA = section letter of the guide v1.2, PSS = `baseline/privileged`. */
  readonly standard: 'CIS' | 'CIS-EKS' | 'CIS-GKE' | 'CIS-AKS' | 'NSA' | 'PSS' | 'OWASP' | 'KS'
  readonly section: string
}

/** One thing a control saw. The engine adds id, severity, control, origin and owner. */
export interface Observation<E = Json> {
  readonly subject: ObjectRef
  readonly container?: string
  /** From the subject's root. */
  readonly at?: Path
  /** Stable and groupable; completes "*object* …"; lower case, no final stop, no values. */
  readonly reason: string
  /** The values, for one object. Never a secret. */
  readonly detail?: string
  readonly evidence: E
  /** Absent: `fail`. `review`: a human must judge. */
  readonly verdict?: 'fail' | 'review'
  /** Where this case is graver or lighter than the control's own severity. */
  readonly severity?: Severity
  /** For a control that serves both Pod Security levels. */
  readonly pss?: 'baseline' | 'restricted'
  /** The platform's own (controls.md 0.5); absent: decided by the subject's namespace. */
  readonly origin?: 'workload' | 'system'
  /** Tells two observations of one control at one path apart; part of the id. */
  readonly key?: string
}

/** What evaluate() yields besides observations. */
export type Remark =
  /** This part cannot be judged from here. Never a pass. */
  | { readonly unknown: string; readonly answer: string; readonly subject?: ObjectRef }
  /** Vouched for, not seen: by provider documentation or by the operator. */
  | { readonly attested: string }
  | { readonly notApplicable: string }
  /** Said with a pass: "42 of 45 nodes answered", "evidence: metrics". */
  | { readonly note: string }

export interface Finding<E = Json> extends Observation<E> {
  readonly id: FindingId
  readonly control: ControlId
  readonly practice: Practice
  readonly severity: Severity
  readonly verdict: 'fail' | 'review'
  /** `system`: the platform's own, shown apart and not scored (controls.md 0.5). */
  readonly origin: 'workload' | 'system'
  /** '' where nobody else manages the object. */
  readonly managedBy: '' | 'helm' | 'argocd' | 'flux' | 'operator' | 'olm'
  readonly excepted: boolean
  /** What the plan would do about it; filled by the plan, absent before. */
  readonly remedy?: FindingRemedy
}

export type Status = 'pass' | 'fail' | 'review' | 'unknown' | 'notApplicable' | 'attested' | 'error'
/** An operator's answer to what cannot be seen (controls.md 0.1, E4): said, not proved. */
export interface Attestation {
  readonly answer: string
  readonly by: string
  /** ISO dates: when it was found out, and from when on it no longer holds. */
  readonly on: string
  readonly until: string
}
export interface Outcome {
  readonly control: ControlId
  readonly status: Status
  readonly findings: readonly Finding[]
  /** Why it was not (fully) evaluated, or what a pass rests on. */
  readonly because?: string
  /** The permissions or commands that would answer what is unknown. */
  readonly answers?: readonly string[]
  readonly unread?: readonly Unread[]
  /** With `attested`, where it is an operator's word; absent: the provider's documentation. */
  readonly attestation?: Attestation
  readonly error?: string
}

/** The short form of a remedy, shown in lists and JSON. */
export interface FindingRemedy {
  readonly kind: 'edit' | 'create' | 'delete' | 'file' | 'host' | 'command' | 'byHand' | 'needsValue' | 'refused'
  readonly risk: Risk
  readonly summary: string
}
