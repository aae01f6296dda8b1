/** `k8s-harden apply`: the plan, one question per step; or without questions what `--yes` and `--accept-risk` allow. */
import { controls as allControls } from '../../controls/index.gen.ts'
import { wantedBy } from '../../engine/evaluator.ts'
import type {
  Approval,
  ControlId,
  Finding,
  JournalHeader,
  Plan,
  RegisteredControl,
  Risk,
  Step,
  StepId,
  StepState,
} from '../../model/index.ts'
import { withCanaries } from '../../plan/canary.ts'
import { compile, plannable, type RemedyValues } from '../../plan/compile.ts'
import type { RolloutTimes } from '../../plan/rollout-watch.ts'
import { headerOf, run, type Watchman } from '../../plan/run.ts'
import { verifierOf } from '../../plan/verify.ts'
import { grant } from '../../session/approve.ts'
import { LiveScan } from '../../session/live-scan.ts'
import { FileJournal, newRunId, stateDirectory } from '../../writers/journal.ts'
import { lockTarget } from '../../writers/journal-lock.ts'
import { NetworkGuard } from '../../writers/network-guard.ts'
import { watchmen } from '../../writers/pod-security-watch.ts'
import { Interrupted, type Io, terminalIo } from '../confirm.ts'
import { UsageError } from '../errors.ts'
import { readExceptions } from '../exceptions-file.ts'
import { EXIT } from '../exit-codes.ts'
import { closeHosts } from '../hosts-option.ts'
import { readsForReach } from '../network-reads.ts'
import { type Opened, openSource } from '../open-source.ts'
import { alsoRead, filesDirectory, openWriters, targetOf, type Writers } from '../open-writer.ts'
import { chooseControls, parseSettings, type SourceOptions } from '../options.ts'
import { interruptible } from '../signals.ts'
import { VERSION } from '../version.ts'
import { WaitingLine } from '../waiting-line.ts'
import { accessOfPlan, accessOfStep } from './apply-access.ts'
import { ask } from './apply-ask.ts'
import { NetworkOfSteps, networkOfPlan, notEnforced } from './apply-network.ts'
import { diffText, ledgerText, line, stateText, stepHeading } from './apply-words.ts'
import { settleInterrupted, settleOnNodes } from './interrupted.ts'

export interface ApplyOptions extends SourceOptions {
  readonly practice?: readonly string[]
  readonly control?: readonly string[]
  readonly namespace?: readonly string[]
  readonly yes?: boolean
  readonly acceptRisk?: Risk
  readonly dryRun?: boolean
  readonly set?: readonly string[]
  readonly timeout?: string
  readonly steady?: string
  readonly canary?: boolean
  readonly exceptions?: string
  readonly out?: string
}
/** What `applyCommand` needs beside the options. */
export interface ApplyContext {
  readonly opened: Opened
  readonly writers: Writers
  readonly controls: readonly RegisteredControl[]
  readonly signal: AbortSignal
  readonly stateDirectory: string
  readonly run: JournalHeader['run']
  readonly settleMs?: number
}

/** `own`: the controls of a command that asks for one thing only; default: as the options choose. */
export async function applyMain(options: ApplyOptions, own?: readonly RegisteredControl[]): Promise<number> {
  const io = terminalIo()
  requireConsent(io, options)
  const controls = own ?? chooseControls(allControls, options)
  const opened = await openSource(options)
  const state = stateDirectory()
  const id = newRunId(new Date())
  const { signal } = interruptible(options.dryRun ? undefined : (words) => io.stderr.write(words))
  const writers = await openWriters(opened, { out: filesDirectory(options.out, state, id), run: id, signal })
  return applyCommand(io, { opened, writers, controls, signal, stateDirectory: state, run: id }, options).finally(() => closeHosts(opened))
}

function requireConsent(io: Io, { yes, dryRun }: ApplyOptions): void {
  if (!io.isTTY && !yes && !dryRun)
    throw new UsageError('apply asks before every change, and here is nobody to answer: nothing was changed', [
      '--yes --accept-risk safe takes every step that is safe',
      '--dry-run rehearses',
      'k8s-harden generate --out DIR writes patch files',
    ])
}

export async function applyCommand(io: Io, context: ApplyContext, options: ApplyOptions): Promise<number> {
  requireConsent(io, options)
  const { opened, controls, signal } = context
  const values = parseSettings(allControls, options.set)
  const times = { deadlineMs: secondsOf('--timeout', options.timeout ?? '120'), steadyMs: secondsOf('--steady', options.steady ?? '10', 0) }
  const stop = new AbortController()
  const { isExcepted } = (await readExceptions(options.exceptions, allControls, Date.now())).exceptions
  const scan = new LiveScan({ source: opened.source, controls, isExcepted, follow: true })
  const wanted = wantedBy(controls)
  const also = [...alsoRead(opened), ...readsForReach(wanted, options.flows)]
  // Before the scan, which follows the cluster until it is told to stop: whoever finds the lock taken leaves at once.
  const release = await lockTarget(context.stateDirectory, targetOf(opened))
  const scanning = scan.run(stop.signal, new Set([...wanted, ...also]))
  scanning.catch(() => {})
  try {
    const early = await settleOnNodes(io, { ...context, dryRun: options.dryRun === true }, options.yes === true)
    if (early !== undefined) return early
    await Promise.race([scan.until((state) => state.synced, 24 * 3600 * 1000, signal), scanning])
    if (signal.aborted) return EXIT.interrupted
    // The source has ended without a full set: what it failed of is thrown here, and nothing is planned on half a cluster.
    if (!scan.state.synced) await scanning
    const settled = await settleInterrupted(io, { ...context, dryRun: options.dryRun === true }, options.yes === true)
    if (settled !== undefined) return settled
    return await applyTo(io, scan, context, options, values, times)
  } catch (error) {
    if (error instanceof Interrupted) return EXIT.interrupted
    throw error
  } finally {
    stop.abort()
    await release()
  }
}

async function applyTo(
  io: Io,
  scan: LiveScan,
  context: ApplyContext,
  options: ApplyOptions,
  values: RemedyValues,
  times: RolloutTimes,
): Promise<number> {
  const { opened, writers, signal } = context
  const findings = plannable(scan.findings)
  const byId = new Map(findings.map((finding) => [finding.id, finding]))
  const plan = planOf(findings, scan, options, values)
  const titles = new Map(plan.steps.map((step, index) => [step.id, `${index + 1}/${plan.steps.length} ${line(step.title)}`]))
  io.stdout.write(
    `${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'} for ${plan.ledger.fixable.length} of ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} on ${line(opened.writesTo)}\n`,
  )
  io.stdout.write(`${notEnforced(plan, scan.state.snapshot)}${ledgerText(plan, byId)}`)
  io.stdout.write(accessOfPlan(plan, scan.state.snapshot))
  io.stdout.write(networkOfPlan(plan, scan.state.snapshot))
  const unjudged = sayUnjudged(io, scan)
  if (plan.steps.length === 0) return unjudged

  const steps = new Map(plan.steps.map((step) => [step.id, step]))
  const stepOf = (id: StepId): Step => steps.get(id)!
  const network = new NetworkOfSteps(() => scan.state.snapshot, options.dryRun === true)
  const headingOf = (step: Step): string =>
    `${stepHeading(titles.get(step.id)!, step, plan.steps, (id) => byId.get(id)?.control)}${accessOfStep(step, scan.state.snapshot)}${network.text(step)}`
  const last = new Map<StepId, StepState>()
  const waiting = new WaitingLine(io.stdout)
  let journal: FileJournal | undefined
  const events = run({
    plan,
    ...writers,
    watchman: watchmanOf(writers, scan, plan, options, times),
    signal,
    dryRun: options.dryRun === true,
    verifier: verifierOf(scan, { ...times, ...(context.settleMs !== undefined && { settleMs: context.settleMs }) }),
    approve: options.yes
      ? async (step) => grant(plan, [step.id], `--yes --accept-risk ${options.acceptRisk ?? 'safe'}`)
      : (step, rehearsal) => ask(io, plan, step, rehearsal, headingOf(step)),
    openJournal: async (approval) => (journal = await FileJournal.begin(context.stateDirectory, header(plan, approval, context))),
    controlOf: (id) => byId.get(id)?.control,
    now: () => new Date().toISOString(),
  })
  try {
    for await (const { step, state } of events) {
      last.set(step, state)
      if (waiting.tell(state.is === 'waiting' ? `  ${stateText(state)}` : undefined)) continue
      if (state.is === 'rehearsed' && (options.dryRun || options.yes))
        io.stdout.write(`\n${headingOf(stepOf(step))}${diffText(options.dryRun ? state.diff : '', state.warnings)}`)
      const text = stateText(state)
      if (text !== '') io.stdout.write(`${TOLD_WITH_TITLE.has(state.is) ? `\n${titles.get(step)}\n` : ''}  ${text}\n`)
    }
  } finally {
    waiting.end()
    await journal?.close()
  }
  const taken = new Set<StepState['is']>(['mended', 'not-mended', 'undo-failed'])
  io.stdout.write(network.conclusion((id) => taken.has(last.get(id as StepId)?.is ?? 'planned')))
  return conclude(
    io,
    [...last.values()],
    journal === undefined ? undefined : context.run,
    { ...options, inFiles: opened.client === undefined },
    signal,
  )
}

/** In a rehearsal the steps before one are not carried out, so nothing that they allow can be looked at. */
function watchmanOf(
  writers: Writers,
  scan: LiveScan,
  plan: Plan,
  { dryRun, flows }: ApplyOptions,
  times: RolloutTimes,
): Watchman | undefined {
  const snapshot = () => scan.state.snapshot
  const own = writers.watchman?.(snapshot, plan.steps, times)
  if (dryRun || flows === undefined) return own
  const guard = new NetworkGuard(snapshot, plan.steps)
  return own === undefined ? guard : watchmen(own, guard)
}

/** What could not be judged cannot be mended either: that is said, and a fault of a control is never a success. */
function sayUnjudged(io: Io, scan: LiveScan): number {
  const outcomes = [...scan.state.outcomes.values()]
  const ids = (status: 'unknown' | 'error') => outcomes.filter((outcome) => outcome.status === status).map((outcome) => outcome.control)
  const list = (all: readonly string[]) => `${all.slice(0, 5).join(', ')}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`
  const [unknown, faulty] = [ids('unknown'), ids('error')]
  if (unknown.length > 0) io.stderr.write(`k8s-harden: not known from here: ${list(unknown)} (k8s-harden scan says what would answer it)\n`)
  if (faulty.length > 0) io.stderr.write(`k8s-harden: controls that failed, a fault of ours: ${list(faulty)}\n`)
  return faulty.length > 0 ? EXIT.unknown : EXIT.clean
}

const TOLD_WITH_TITLE: ReadonlySet<StepState['is']> = new Set(['skipped', 'refused', 'not-mended'])

function planOf(findings: readonly Finding[], scan: LiveScan, options: ApplyOptions, values: RemedyValues): Plan {
  const byId = new Map<ControlId, RegisteredControl>(scan.controls.map((control) => [control.id, control]))
  // Whoever names a control has judged what it asks to be judged.
  const unattended = options.yes === true && (options.control ?? []).length === 0
  const plan = compile(findings, byId, scan.state.snapshot, {
    values,
    unattended,
    ...(options.yes && { acceptRisk: options.acceptRisk ?? 'safe' }),
  })
  return options.canary ? withCanaries(plan, scan.state.snapshot) : plan
}

const header = (plan: Plan, approval: Approval, { opened, run: id }: ApplyContext): JournalHeader => {
  const { kind, name } = opened.source.info
  const source = { kind, name, server: targetOf(opened), location: opened.location }
  return headerOf(plan, undefined, { run: id, time: new Date().toISOString(), tool: VERSION, source, approvedBy: approval.by })
}

function conclude(
  io: Io,
  states: readonly StepState[],
  id: string | undefined,
  options: ApplyOptions & { readonly inFiles: boolean },
  signal: AbortSignal,
): number {
  const count = (...kinds: readonly StepState['is'][]) => states.filter((state) => kinds.includes(state.is)).length
  const failed = count('refused', 'not-mended', 'undone', 'undo-failed')
  const words = options.dryRun
    ? [`${count('rehearsed')} rehearsed`, `${count('refused')} refused`, `${count('skipped')} skipped`, 'nothing was changed']
    : [
        `${count('mended')} mended`,
        `${count('handed-over')} handed over as files`,
        `${count('skipped')} skipped`,
        `${failed} failed or taken back`,
      ]
  const told = words.filter((word) => !word.startsWith('0 '))
  io.stdout.write(`\nsteps: ${told.length === 0 ? 'none was carried out' : told.join(', ')}\n`)
  if (options.inFiles && count('mended') > 0)
    io.stdout.write('these are files: what running pods make of them shows when they are deployed\n')
  const isLeft = count('mended', 'not-mended', 'undo-failed', 'handed-over') > 0
  if (id !== undefined && isLeft) io.stdout.write(`undo with: k8s-harden undo ${id}\n`)
  if (signal.aborted) return EXIT.interrupted
  return failed > 0 ? EXIT.changeFailed : EXIT.clean
}

/** Milliseconds. */
function secondsOf(option: string, text: string, least = 1): number {
  const seconds = Number(text)
  if (!Number.isFinite(seconds) || seconds < least) throw new UsageError(`${option} takes seconds, not "${text}"`)
  return seconds * 1000
}
