/** Findings → what their remedies propose → one step per object, in a safe order, with its undo. Nothing is lost: the ledger adds up. */
import { bySeverity } from '../engine/score.ts'
import type {
  Change,
  ControlId,
  Finding,
  FindingId,
  FindingRemedy,
  Json,
  Ledger,
  Plan,
  Proposal,
  Readable,
  RegisteredControl,
  Remedy,
  Risk,
  Snapshot,
  View,
} from '../model/index.ts'
import { valuesHint } from '../objects/helm.ts'
import { refText } from '../objects/ref.ts'
import { planDigest, stepId } from './digest.ts'
import { higherRisk, mergeTargets, Refused, RISKS, type Target, targetsOf } from './draft.ts'
import { giveWay } from './give-way.ts'
import { isLackingInKubeadm, keptByKubeadm } from './kubeadm-upgrade.ts'
import { floorOf, whyNotLive } from './live-limits.ts'
import { CONFLICT, mergeThree } from './merge.ts'
import { cuttingSteps } from './network-risk.ts'
import { objectKey } from './objects-by-ref.ts'
import { orderSteps } from './order.ts'
import { neededBy } from './prerequisites.ts'
import { whyRefused } from './refused-pods.ts'
import { type Draft, stepOf, unchanged } from './step.ts'

export type RemedyValues = Readonly<Record<ControlId, Readonly<Record<string, Json>>>>
export interface CompileOptions {
  /** What the operator chose, by control and option. */
  readonly values?: RemedyValues
  /** Leave out what is riskier: those findings are refused with that reason, and do not make a harmless step of their object risky. Default: everything. */
  readonly acceptRisk?: Risk
  /** Nobody is there to judge: findings whose verdict is `review` are refused with that reason. */
  readonly unattended?: boolean
}

/**
 * Every finding passed in is in one column of the ledger. Findings of excepted or system origin are refused, not planned: they are
 * somebody's decision or the platform's own.
 */
export function compile(
  findings: readonly Finding[],
  controls: ReadonlyMap<ControlId, RegisteredControl>,
  view: Snapshot,
  options: CompileOptions,
): Plan {
  const drafts = new Map<string, Draft>()
  const ledger = {
    fixable: [] as FindingId[],
    needsValue: [] as Ledger['needsValue'][number][],
    byHand: [] as Ledger['byHand'][number][],
    refused: [] as Ledger['refused'][number][],
  }
  const together = Map.groupBy(findings, (finding) => objectKey(finding.subject))
  // The worst first: it names the step, and where two want different values it is the one that is taken.
  for (const finding of findings.toSorted((a, b) => bySeverity(a.severity, b.severity))) {
    const alongside = together.get(objectKey(finding.subject))!.filter((other) => other !== finding)
    const proposal =
      options.unattended && finding.verdict === 'review' && !isLackingInKubeadm(finding)
        ? FOR_A_HUMAN
        : options.unattended && controls.get(finding.control)?.deliberate
          ? { refused: `its fix adds to the cluster what nobody has asked for yet: name it, --control ${finding.control}` }
          : proposalFor(finding, controls.get(finding.control), view, options.values ?? {}, alongside)
    if ('byHand' in proposal) ledger.byHand.push({ finding: finding.id, why: proposal.byHand })
    else if ('needs' in proposal) ledger.needsValue.push({ finding: finding.id, ...proposal.needs })
    else if ('refused' in proposal) ledger.refused.push({ finding: finding.id, because: proposal.refused })
    else {
      const because = takeIn(drafts, finding, proposal, view, options.acceptRisk)
      if (because === undefined) ledger.fixable.push(finding.id)
      else ledger.refused.push({ finding: finding.id, because })
    }
  }
  giveWay(drafts)
  for (const [key, draft] of drafts) holdBack(drafts, key, draft, whyRefused(draft.target, view), ledger, options.acceptRisk)
  const order = () => {
    const ids = new Map([...drafts].map(([key, draft]) => [key, draft.id]))
    return orderSteps([...drafts.values()].map((draft) => stepOf(draft, ids, view)))
  }
  const { acceptRisk } = options
  const cutting = cuttingSteps(view, order(), acceptRisk === undefined || acceptRisk === 'may-break')
  for (const [key, draft] of [...drafts]) holdBackAll(drafts, key, draft, cutting.get(draft.id), ledger, acceptRisk)
  const steps = order()
  return { digest: planDigest(steps), revision: view.revision, steps, ledger }
}

interface Held {
  fixable: FindingId[]
  readonly refused: Ledger['refused'][number][]
}
/** New pods that are refused are known only once all that is planned for their template is known. */
function holdBack(
  drafts: Map<string, Draft>,
  key: string,
  draft: Draft,
  refused: string | undefined,
  ledger: Held,
  acceptRisk: Risk | undefined,
): void {
  if (refused === undefined) return
  if (acceptRisk === undefined || acceptRisk === 'may-break') {
    drafts.set(key, { ...draft, risk: 'may-break', mayBreak: [...new Set([...draft.mayBreak, refused])] })
    return
  }
  drafts.delete(key)
  const held = new Set(draft.findings.map(({ id }) => id))
  ledger.fixable = ledger.fixable.filter((id) => !held.has(id))
  for (const finding of held) ledger.refused.push({ finding, because: refused })
}

/** With whatever waits for it, and what served nothing else. */
function holdBackAll(
  drafts: Map<string, Draft>,
  key: string,
  draft: Draft,
  because: string | undefined,
  ledger: Held,
  acceptRisk: Risk | undefined,
): void {
  if (because === undefined || drafts.get(key) !== draft) return
  holdBack(drafts, key, draft, because, ledger, acceptRisk)
  if (drafts.has(key)) return
  const refused = new Set(ledger.refused.map(({ finding }) => finding))
  for (const [other, one] of [...drafts])
    if (one.after.has(key) || one.serves.every(({ id }) => refused.has(id))) holdBackAll(drafts, other, one, because, ledger, acceptRisk)
}

const FOR_A_HUMAN: Proposal = {
  refused: 'whether this is wrong is for a human to judge: run apply without --yes, or name its control with --control',
}

/** What the plan would do about one finding, for lists and JSON. */
export function remedyPreview(
  finding: Finding,
  control: RegisteredControl | undefined,
  view: View<Readable>,
  values: RemedyValues = {},
  alongside: readonly Finding[] = [],
): FindingRemedy {
  const proposal = proposalFor(finding, control, view, values, alongside)
  if ('byHand' in proposal) return { kind: 'byHand', risk: 'safe', summary: proposal.byHand }
  if ('needs' in proposal) return { kind: 'needsValue', risk: 'safe', summary: proposal.needs.question }
  if ('refused' in proposal) return { kind: 'refused', risk: 'safe', summary: proposal.refused }
  const hints = proposal.changes.flatMap((change) =>
    change.type === 'edit' && change.target.helm !== undefined ? valuesHint(change.edits, change.target.helm) : [],
  )
  return { kind: proposal.changes.at(-1)?.type ?? 'byHand', risk: proposal.risk, summary: [proposal.summary, ...hints].join('; ') }
}

function proposalFor(
  finding: Finding,
  control: RegisteredControl | undefined,
  view: View<Readable>,
  values: RemedyValues,
  alongside: readonly Finding[],
): Proposal {
  if (finding.excepted) return { refused: 'its risk is accepted in the exceptions file' }
  if (finding.origin === 'system') return { refused: "it is the platform's own: changing it is up to whoever ships it" }
  if (control === undefined) return { refused: `there is no control ${finding.control}` }
  const kept = keptByKubeadm(finding, view)
  if (kept !== undefined) return kept
  if ('byHand' in control.remedy) return control.remedy
  const remedy: Remedy = control.remedy
  try {
    const proposal = remedy.propose(finding, { view, options: { ...defaultsOf(remedy), ...values[control.id] }, alongside })
    return 'changes' in proposal && proposal.changes.length === 0 ? { byHand: proposal.summary } : proposal
  } catch (error) {
    return { refused: `its remedy failed: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const defaultsOf = (remedy: Remedy): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(remedy.options ?? {}).flatMap(([name, option]) => (option.default === undefined ? [] : [[name, option.default]])),
  )

type Changes = Extract<Proposal, { changes: readonly Change[] }>

/** Adds a proposal to the drafts, all of it or nothing. Returns why not. */
function takeIn(
  drafts: Map<string, Draft>,
  finding: Finding,
  proposal: Changes,
  view: Snapshot,
  acceptRisk: Risk | undefined,
): string | undefined {
  try {
    const targets = [...targetsOf(proposal.changes, view)].filter(([, target]) => !unchanged(target))
    if (targets.length === 0) return 'what its remedy would change is already so'
    const floors = targets.map(([, target]) => floorOf(target, view.source.kind))
    const risk = floors.reduce((highest, floor) => higherRisk(highest, floor.risk), proposal.risk)
    if (acceptRisk !== undefined && RISKS.indexOf(risk) > RISKS.indexOf(acceptRisk))
      return `its change ${RISK_WORDS[risk]}, and only changes up to "${acceptRisk}" are accepted: --accept-risk ${risk} takes it`
    const merged = targets.map(([key, target], index): readonly [string, Draft] => {
      const draftKey = splitKey(key, target, risk)
      const because = whyNotLive(target, view.source.kind)
      if (because !== undefined) throw new Refused(because)
      const other = drafts.get(draftKey)
      checkSiblings(drafts, key, draftKey, target)
      const isLast = index === targets.length - 1
      return [
        draftKey,
        {
          key: draftKey,
          id: other?.id ?? stepId(draftKey),
          target: mergeTargets(other?.target, target, nameOf(target)),
          findings: isLast ? [...(other?.findings ?? []), finding] : (other?.findings ?? []),
          serves: [...(other?.serves ?? []), finding],
          risk: higherRisk(other?.risk ?? 'safe', targets.length === 1 ? risk : higherRisk(floors[index]!.risk, proposal.risk)),
          mayBreak: [...new Set([...(other?.mayBreak ?? []), ...(proposal.mayBreak ?? []), ...floors[index]!.mayBreak])],
          summaries: isLast ? [...new Set([...(other?.summaries ?? []), proposal.summary])] : (other?.summaries ?? []),
          after: new Set([...(other?.after ?? []), ...neededBy(targets, index).map(([before, one]) => splitKey(before, one, risk))]),
        },
      ]
    })
    for (const [key, draft] of merged) drafts.set(key, draft)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const RISK_WORDS: Readonly<Record<Risk, string>> = { safe: 'is safe', 'restarts-pods': 'restarts pods', 'may-break': 'may break something' }
const nameOf = (target: Target): string =>
  target.is === 'object'
    ? refText(target.ref)
    : target.is === 'file'
      ? target.change.name
      : target.is === 'host'
        ? target.change.title
        : target.change.argv.join(' ')

/** A namespace's labels that only warn and those that enforce are two steps: nothing restarts, so nothing is won by doing both at once. */
const splitKey = (key: string, target: Target, risk: Risk): string =>
  target.is === 'object' && target.ref.kind === 'Namespace' && target.before !== undefined && target.after !== undefined
    ? `${key}#${risk}`
    : key

/** Steps that share an object must not disagree either. */
function checkSiblings(drafts: ReadonlyMap<string, Draft>, key: string, own: string, target: Target): void {
  if (own === key || target.is !== 'object') return
  for (const risk of RISKS) {
    const sibling = drafts.get(`${key}#${risk}`)?.target
    if (sibling?.is === 'object' && mergeThree(target.before, sibling.after, target.after) === CONFLICT)
      throw new Refused(`another finding of this plan wants a different value in ${nameOf(target)}: apply that first`)
  }
}

/** The findings a plan is made of: failures of the operator's own objects whose risk nobody accepted. */
export const plannable = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((finding) => !finding.excepted && finding.origin === 'workload')
