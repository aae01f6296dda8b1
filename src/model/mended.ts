/** What mends it: intents, proposals, the plan, approval, the journal, and how far a step has come. */

import type { HostAction } from './hosts.ts'
import type { Finding } from './judged.ts'
import type { KubeObject } from './kube.ts'
import type { ControlId, Edit, FindingId, Json, ObjectRef, Practice, Risk, RunId, StepId } from './names.ts'
import type { Readable, View } from './seen.ts'

/** An intent. plan/ arranges it, writers/ carry it out on a live object, in a YAML file, or as a patch file. */
export type Change =
  | { readonly type: 'edit'; readonly target: ObjectRef; readonly edits: readonly Edit[] }
  | { readonly type: 'create'; readonly object: KubeObject }
  | { readonly type: 'delete'; readonly target: ObjectRef }
  /** A file for the operator to place: name relative to the output directory, mode in octal, runbook in order. `secret`: never shown, journalled or logged. */
  | {
      readonly type: 'file'
      readonly name: string
      readonly text: FileText
      readonly mode: number
      /** What takes its place later, as the runbook says: with the same keys, where the text says `{{key N}}`. */
      readonly later?: { readonly name: string; readonly text: string }
      readonly runbook: readonly string[]
      readonly rollback: readonly string[]
    }
  /**
   * Something done on a node through its carrier, or to what etcd stores; proposed only where the carrier reaches the node. `key` names
   * it within the cluster; two findings that want the same key are merged into one step where they can be. `turn`: of host steps that
   * nothing else orders, lower ones come first (default 0).
   */
  | { readonly type: 'host'; readonly key: string; readonly title: string; readonly turn?: number; readonly action: HostAction }
  /** A provider's CLI; shown, never run without an approval. */
  | { readonly type: 'command'; readonly argv: readonly string[]; readonly undo?: readonly string[]; readonly where: string }
/** `secretKeys`: how many 32-byte keys the writer must draw from the CSPRNG and put, base64, where the text says `{{key N}}`. */
export type FileText = { readonly text: string; readonly secretKeys?: number }

/** What a remedy answers for one finding. */
export type Proposal =
  | {
      readonly changes: readonly Change[]
      readonly risk: Risk
      readonly summary: string /** Plain words, one clause each. */
      readonly mayBreak?: readonly string[]
    }
  | { readonly byHand: string }
  | { readonly needs: { readonly option: string; readonly question: string } }
  | { readonly refused: string }

export interface RemedyOption {
  readonly describe: string
  readonly default?: Json
  readonly choices?: readonly { readonly value: string; readonly label: string; readonly risk?: Risk }[]
}

export interface RemedyContext {
  readonly view: View<Readable>
  /** Values the operator chose (`--set control.option=value`), defaults filled in. */
  readonly options: Readonly<Record<string, Json>>
  /** The other findings the same plan mends on the same object. */
  readonly alongside: readonly Finding[]
}
/** A family of writes. Pure: no I/O, no clock, no randomness. */
export interface Remedy<E = any> {
  readonly family: string
  /** It changes nothing and only says, finding by finding, what to do by hand. */
  readonly guides?: true
  /** What it may look at beyond the control's reads; also for `permissions`. */
  readonly reads: readonly Readable[]
  readonly options?: Readonly<Record<string, RemedyOption>>
  propose(finding: Finding<E>, context: RemedyContext): Proposal
}

/** One object's worth of change: one rollout, one confirmation. */
export interface Step {
  readonly id: StepId
  readonly title: string
  readonly practices: readonly Practice[]
  readonly controls: readonly ControlId[]
  readonly risk: Risk
  readonly mayBreak: readonly string[]
  readonly changes: readonly Change[]
  /** Undo as computed from the snapshot; the journal records the one computed from the object as it was when written. */
  readonly inverse: readonly Change[]
  readonly mends: readonly FindingId[]
  readonly after: readonly StepId[]
  /** Owner of the object, where a live patch would be reverted: the step is then written as a patch file by default. */
  readonly managedBy: Finding['managedBy']
  /** One change of a Deployment in two steps: `first`, a single new pod beside the old ones; `rest`, the others. */
  readonly canary?: 'first' | 'rest'
  /** Of Helm: `cart in namespace shop`. */
  readonly release?: string
  /** `live`: this tool writes it. `file`: it makes files for someone else to place. */
  readonly carriedOut: 'live' | 'file'
}
/** Where every finding went: the four columns add up to the findings (safety law 12). */
export interface Ledger {
  readonly fixable: readonly FindingId[]
  readonly needsValue: readonly { readonly finding: FindingId; readonly option: string; readonly question: string }[]
  readonly byHand: readonly { readonly finding: FindingId; readonly why: string }[]
  readonly refused: readonly { readonly finding: FindingId; readonly because: string }[]
}
export interface Plan {
  /** sha256 over the steps and the values they start from: what an approval approves. */
  readonly digest: string
  readonly revision: number
  readonly steps: readonly Step[]
  readonly ledger: Ledger
}

declare const granted: unique symbol
/** Consent. Minted in session/approve.ts only, from a key press, a typed word or an explicit flag. */
export interface Approval {
  readonly digest: string
  readonly steps: ReadonlySet<StepId>
  readonly by: string
  readonly [granted]: true
}

/** The result of a rehearsal: what a commit will send, exactly. Opaque to everyone but the writer that made it. */
export interface Rehearsal {
  readonly step: StepId
  /** Unified diff, secrets redacted. */
  readonly diff: string
  readonly warnings: readonly string[]
  readonly writer: string
  readonly prepared: unknown
}
export type RehearsalResult =
  | { readonly ok: true; readonly rehearsal: Rehearsal }
  | { readonly ok: false; readonly refusedBy: string; readonly because: string }

/** What one change did, kept so that it can be taken back after any crash. */
export interface Written {
  readonly target: ObjectRef
  /** `null` where there was nothing. Only the changed fields for an edit; the whole object for a delete. */
  readonly before: Json
  readonly after: Json
  /** Writer-specific inverse (JSON Patch, file content hash and backup path, …), guarded against later changes. */
  readonly undo: Json
}
export interface JournalHeader {
  readonly run: RunId
  readonly time: string
  readonly tool: string
  readonly source: { readonly kind: string; readonly name: string; readonly server?: string; readonly location: Json }
  readonly digest: string
  readonly approvedBy: string
  readonly steps: readonly { readonly id: StepId; readonly title: string; readonly risk: Risk; readonly canary?: Step['canary'] }[]
}
export type JournalLine =
  | { readonly is: 'run'; readonly header: JournalHeader }
  /** Fsynced before the write: from here on the step may have happened. */
  | {
      readonly is: 'intent'
      readonly time: string
      readonly step: StepId
      readonly title: string
      readonly mends: readonly { readonly control: ControlId; readonly finding: FindingId }[]
      readonly writes: readonly Written[]
    }
  | { readonly is: 'written'; readonly time: string; readonly step: StepId }
  | { readonly is: 'verified'; readonly time: string; readonly step: StepId; readonly note: string }
  | { readonly is: 'failed'; readonly time: string; readonly step: StepId; readonly because: string }
  | { readonly is: 'undo-intent'; readonly time: string; readonly step: StepId; readonly because: string }
  | { readonly is: 'undone'; readonly time: string; readonly step: StepId }
  | { readonly is: 'undo-failed'; readonly time: string; readonly step: StepId; readonly because: string }
  | { readonly is: 'closed'; readonly time: string }

/** How far a step has come. Only plan/run.ts makes these. */
export type StepState =
  | { readonly is: 'planned' }
  | { readonly is: 'rehearsing' }
  | { readonly is: 'rehearsed'; readonly diff: string; readonly warnings: readonly string[] }
  | { readonly is: 'refused'; readonly by: string; readonly because: string }
  | { readonly is: 'skipped'; readonly because: string }
  | { readonly is: 'writing' }
  | { readonly is: 'waiting'; readonly for: string }
  | { readonly is: 'mended'; readonly note: string }
  | { readonly is: 'handed-over'; readonly files: readonly string[] }
  | { readonly is: 'not-mended'; readonly left: readonly FindingId[]; readonly because: string }
  | { readonly is: 'undoing'; readonly because: string }
  | { readonly is: 'undone'; readonly because: string }
  | { readonly is: 'undo-failed'; readonly because: string }
