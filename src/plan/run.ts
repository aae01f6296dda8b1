/** Carries a plan out: rehearse → approve → journal → commit → verify, step by step. The only maker of StepStates. */
import type { Approval, ControlId, FindingId, JournalHeader, Plan, Rehearsal, Step, StepId, StepState, Written } from '../model/index.ts'
import type { Journal } from './journal.ts'
import { campaignOf, isSame, writtenFor } from './network-campaign.ts'
import { waitingWords } from './told.ts'
import { type Committed, stateRefused, WriteConflict, WriteRefused, type Writer, WriteUncertain } from './writer.ts'

export type Verdict =
  | { readonly ok: true; readonly note: string }
  /** `undo`: it does harm (a rollout fails) and must be taken back at once. */
  | { readonly ok: false; readonly because: string; readonly undo: boolean; readonly left?: readonly FindingId[] }
export interface Verifier {
  /** Called before the write: what is true now, so that only what changes is held against the step. */
  prepare?(step: Step): void
  verify(step: Step, signal: AbortSignal): Promise<Verdict>
  waitingFor?(step: Step): string
  /** Asked once, at the end: which of the steps that were proven no longer hold or work, and why. */
  reverted?(steps: readonly Step[], signal: AbortSignal): Promise<ReadonlyMap<StepId, string>>
}
/** Looks out for the operator's own access and that of system components (safety law 7). */
export interface Watchman {
  /** Why the step must not be taken; undefined when it may. */
  before(step: Step): Promise<string | undefined>
  /** Called once the step is approved, just before it is written: what is true now, as far as asking for it takes more than looking. */
  measure?(step: Step): Promise<void>
  /** What was lost by it; undefined when nothing. It looks no longer than until `patience` is aborted. */
  after(step: Step, patience?: AbortSignal): Promise<string | undefined>
  /**
   * Asked before the next step, and once more when none comes: what the steps before it have cost that were to be watched with a later
   * one of their campaign, which was left out.
   */
  leaving?(next: Step | undefined, patience?: AbortSignal): Promise<string | undefined>
  /** What `after` has proved, to be said with a step that holds. */
  note?(step: Step): string | undefined
}

export interface RunOptions {
  readonly plan: Plan
  /** Default: all. */
  readonly selected?: ReadonlySet<StepId>
  readonly writer: Writer
  /** For steps that are carried out as files; where there is none they are skipped. */
  readonly files?: Writer
  /** Called once, before the first write. */
  readonly openJournal: (approval: Approval) => Promise<Journal>
  readonly approve: (step: Step, rehearsal: Rehearsal) => Promise<Approval | 'skip' | 'stop'>
  readonly verifier: Verifier
  readonly watchman?: Watchman
  /** Aborted: the step in flight is finished, then the run stops. */
  readonly signal: AbortSignal
  /** Aborted: even the wait for a rollout is cut short; what was written stays. */
  readonly patience?: AbortSignal
  /** Rehearse only. */
  readonly dryRun?: boolean
  /** Which control a finding is of, for the journal. Absent: known only where the step serves a single one. */
  readonly controlOf?: (finding: FindingId) => ControlId | undefined
  /** RFC 3339. */
  readonly now: () => string
}
export interface StepEvent {
  readonly step: StepId
  readonly state: StepState
}

/**
 * A refusal while rehearsing changes nothing and the run goes on without the step (and without those that need it). Anything that
 * goes another way once something is written stops the run: conflict, failed rollout, a finding that stays.
 */
export async function* run(options: RunOptions): AsyncGenerator<StepEvent, void> {
  const { plan, selected, signal } = options
  const runner = new Runner(options)
  const missed = new Set<StepId>()
  for (const step of plan.steps) {
    if (selected !== undefined && !selected.has(step.id)) {
      missed.add(step.id)
      continue
    }
    yield* runner.leave(step)
    const needed = step.after.find((id) => missed.has(id))
    const because =
      runner.stopped ??
      (signal.aborted
        ? 'the run was interrupted'
        : needed !== undefined
          ? 'a step that it needs was not carried out'
          : runner.whyNotEgress(step))
    if (because !== undefined) {
      missed.add(step.id)
      yield { step: step.id, state: { is: 'skipped', because } }
      continue
    }
    let last: StepState | undefined
    for await (const state of runner.take(step)) yield { step: step.id, state: (last = state) }
    if (last?.is !== 'mended' && last?.is !== 'handed-over' && last?.is !== 'rehearsed') missed.add(step.id)
    if (last?.is !== undefined && FELL.has(last.is)) runner.fell(step)
    if (last?.is === 'refused') yield* runner.forsakeHalf(step, last)
  }
  yield* runner.leave(undefined)
  yield* runner.takeBackFirst()
  yield* runner.lookBack()
  await runner.close()
}

const FELL: ReadonlySet<StepState['is']> = new Set(['refused', 'not-mended', 'undone', 'undo-failed'])

class Runner {
  /** Why no further step is taken. */
  stopped: string | undefined
  readonly #options: RunOptions
  #journal: Journal | undefined
  readonly #proven: Step[] = []
  readonly #written = new Map<StepId, { readonly writer: Writer; readonly written: readonly Written[] }>()
  /** First pods that the others must not follow; policies whose others were taken back. */
  readonly #forsaken: { readonly step: Step; readonly because: string }[] = []
  /** Steps of ingress campaigns that came to nothing. */
  readonly #fallen: Step[] = []

  constructor(options: RunOptions) {
    this.#options = options
  }

  async *take(step: Step): AsyncGenerator<StepState> {
    const { files, writer: live, watchman, approve, dryRun } = this.#options
    const writer = step.carriedOut === 'file' ? files : live
    if (writer === undefined) return yield { is: 'skipped', because: 'it is made as files, and no directory for them was given' }
    if (dryRun && step.canary === 'rest')
      return yield { is: 'skipped', because: 'there is nothing to rehearse until the first pod is there' }
    yield { is: 'rehearsing' }
    const locksOut = await watchman?.before(step)
    if (locksOut !== undefined) return yield { is: 'refused', by: 'k8s-harden', because: locksOut }
    const result = await writer.rehearse(step)
    if (!result.ok) return yield stateRefused(step, result, dryRun === true)
    const { rehearsal } = result
    yield { is: 'rehearsed', diff: rehearsal.diff, warnings: rehearsal.warnings }
    if (dryRun) return
    const answer = await approve(step, rehearsal)
    if (answer === 'skip') return yield { is: 'skipped', because: 'you left it out' }
    if (answer === 'stop') {
      this.stopped = 'you stopped the run'
      return yield { is: 'skipped', because: this.stopped }
    }
    if (answer.digest !== this.#options.plan.digest || !answer.steps.has(step.id))
      throw new Error(`the approval is not for step ${step.id} of this plan`)
    yield* this.#write(step, writer, rehearsal, answer)
  }

  async *#write(step: Step, writer: Writer, rehearsal: Rehearsal, approval: Approval): AsyncGenerator<StepState> {
    await this.#options.watchman?.measure?.(step)
    const written = await writer.intent(rehearsal)
    this.#journal ??= await this.#options.openJournal(approval)
    const mends = step.mends.map((finding) => ({
      finding,
      control: this.#options.controlOf?.(finding) ?? (step.controls.length === 1 ? step.controls[0]! : ''),
    }))
    await this.#journal.append({ is: 'intent', time: this.#now(), step: step.id, title: step.title, mends, writes: written })
    yield { is: 'writing' }
    this.#options.verifier.prepare?.(step)
    let committed: Committed
    try {
      committed = yield* waitingWords((tell) => writer.commit(rehearsal, written, approval, tell))
    } catch (error) {
      return yield* this.#commitFailed(step, writer, written, error)
    }
    await this.#journal.append({ is: 'written', time: this.#now(), step: step.id })
    if (committed.files !== undefined) return yield { is: 'handed-over', files: committed.files }
    yield* this.#verify(step, writer, written)
  }

  async *#verify(step: Step, writer: Writer, written: readonly Written[]): AsyncGenerator<StepState> {
    const { verifier, watchman, patience } = this.#options
    yield { is: 'waiting', for: verifier.waitingFor?.(step) ?? 'the change to show' }
    const lost = await watchman?.after(step, patience)
    if (lost !== undefined) return yield* this.#undo(step, writer, written, lost)
    const verdict = await verifier.verify(step, patience ?? new AbortController().signal)
    if (verdict.ok) {
      const proved = watchman?.note?.(step)
      const note = proved === undefined ? verdict.note : `${verdict.note}; ${proved}`
      await this.#journal!.append({ is: 'verified', time: this.#now(), step: step.id, note })
      this.#proven.push(step)
      this.#written.set(step.id, { writer, written })
      return yield { is: 'mended', note }
    }
    if (verdict.undo) return yield* this.#undo(step, writer, written, verdict.because)
    await this.#journal!.append({ is: 'failed', time: this.#now(), step: step.id, because: verdict.because })
    this.stopped = `stopped after ${step.title}`
    yield { is: 'not-mended', left: verdict.left ?? step.mends, because: verdict.because }
  }

  async *#undo(step: Step, writer: Writer, written: readonly Written[], because: string): AsyncGenerator<StepState> {
    this.stopped ??= `stopped after ${step.title}`
    yield { is: 'undoing', because }
    await this.#journal!.append({ is: 'undo-intent', time: this.#now(), step: step.id, because })
    try {
      yield* waitingWords((tell) => writer.undo(written, false, tell))
    } catch (error) {
      const why = `${because}; taking it back failed: ${messageOf(error)}`
      // Not known means interrupted: the next start asks the cluster.
      if (!(error instanceof WriteUncertain))
        await this.#journal!.append({ is: 'undo-failed', time: this.#now(), step: step.id, because: why })
      return yield { is: 'undo-failed', because: why }
    }
    await this.#journal!.append({ is: 'undone', time: this.#now(), step: step.id })
    yield { is: 'undone', because }
    this.#forsake(this.#goingWith(step), because)
  }

  /** Proven steps that do not stay where this one was taken back, last first: half a set of policies is not what anybody approved. */
  #goingWith(step: Step): readonly Step[] {
    if (step.canary === 'rest') return this.#proven.filter(({ id, canary }) => canary === 'first' && step.after.includes(id))
    const campaign = campaignOf(step)
    return this.#proven.filter((one) => one !== step && isSame(campaignOf(one), campaign)).toReversed()
  }

  /** Policies that were written for one that is refused: alone they isolate the pods they select, which nobody approved. */
  async *forsakeHalf(step: Step, { by, because }: Extract<StepState, { is: 'refused' }>): AsyncGenerator<StepEvent, void> {
    this.#forsake(writtenFor(step, this.#proven), `${step.title} was refused by ${by}: ${because}`)
    yield* this.takeBackFirst()
  }
  #forsake(steps: readonly Step[], because: string): void {
    for (const step of steps) {
      this.#proven.splice(this.#proven.indexOf(step), 1)
      this.#forsaken.push({ step, because })
    }
  }

  /** Where the other pods cannot follow, their first one does not stay as it was made either; and so with a namespace's policies. */
  async *takeBackFirst(): AsyncGenerator<StepEvent, void> {
    for (const { step, because } of this.#forsaken.splice(0)) {
      const { writer, written } = this.#written.get(step.id)!
      for await (const state of this.#undo(step, writer, written, because)) yield { step: step.id, state }
    }
  }

  /** What was not watched to its end because a later step was to follow is so now. */
  async *leave(next: Step | undefined): AsyncGenerator<StepEvent, void> {
    const { watchman, patience } = this.#options
    const lost = await watchman?.leaving?.(next, patience)
    const last = lost === undefined ? undefined : this.#proven.findLast((step) => campaignOf(step) !== undefined)
    if (lost === undefined || last === undefined) return
    this.#proven.splice(this.#proven.indexOf(last), 1)
    const { writer, written } = this.#written.get(last.id)!
    for await (const state of this.#undo(last, writer, written, lost)) yield { step: last.id, state }
  }

  fell(step: Step): void {
    if (campaignOf(step)?.direction === 'ingress') this.#fallen.push(step)
  }
  /** A namespace that ingress policies could not close as planned is left alone. */
  whyNotEgress(step: Step): string | undefined {
    const campaign = campaignOf(step)
    if (campaign?.direction !== 'egress') return undefined
    const fallen = this.#fallen.find((one) => isSame(campaignOf(one), { ...campaign, direction: 'ingress' }))
    return fallen === undefined ? undefined : `the ingress policies of its namespace were not carried out: ${fallen.title}`
  }

  async *#commitFailed(step: Step, writer: Writer, written: readonly Written[], error: unknown): AsyncGenerator<StepState> {
    this.stopped = `stopped after ${step.title}`
    if (error instanceof WriteUncertain)
      return yield { is: 'not-mended', left: step.mends, because: `${error.message}; "k8s-harden undo" asks again` }
    // A step of several objects may have come half the way.
    const states = await Promise.all(written.map((one) => writer.state(one))).catch(() => undefined)
    if (states === undefined)
      return yield {
        is: 'not-mended',
        left: step.mends,
        because: `${messageOf(error)}; what was written is not known: "k8s-harden undo" asks again`,
      }
    if (states.includes('after') && written.length > 1) return yield* this.#undo(step, writer, written, messageOf(error))
    await this.#journal!.append({ is: 'failed', time: this.#now(), step: step.id, because: messageOf(error) })
    if (error instanceof WriteConflict) yield { is: 'refused', by: 'a change by somebody else', because: error.message }
    else if (error instanceof WriteRefused) yield { is: 'refused', by: error.refusedBy, because: error.message }
    else throw error
  }

  /** A controller may take its time to put an old value back: all steps are looked at once more in the end. */
  async *lookBack(): AsyncGenerator<StepEvent> {
    const { verifier, patience } = this.#options
    if (this.#proven.length === 0 || verifier.reverted === undefined) return
    for (const [step, because] of await verifier.reverted(this.#proven, patience ?? new AbortController().signal)) {
      await this.#journal!.append({ is: 'failed', time: this.#now(), step, because })
      const left = this.#proven.find((one) => one.id === step)?.mends ?? []
      yield { step, state: { is: 'not-mended', left, because } }
    }
  }

  async close(): Promise<void> {
    await this.#journal?.append({ is: 'closed', time: this.#now() })
  }

  #now(): string {
    return this.#options.now()
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The first line of the journal. */
export function headerOf(
  plan: Plan,
  selected: ReadonlySet<StepId> | undefined,
  rest: Omit<JournalHeader, 'digest' | 'steps'>,
): JournalHeader {
  const steps = plan.steps
    .filter((step) => selected === undefined || selected.has(step.id))
    .map(({ id, title, risk, canary }) => ({ id, title, risk, ...(canary !== undefined && { canary }) }))
  return { ...rest, digest: plan.digest, steps }
}
