/**
 * The ten laws of every control, each a function from a control and a fixture to what is wrong (nothing, when it is obeyed).
 * Written once and run over all controls; test/laws/planted.test.ts holds, for each law, a control that breaks it.
 */
import { isDeepStrictEqual } from 'node:util'
import { judge } from '../../src/engine/judge.ts'
import type {
  Finding,
  Kind,
  KubeObject,
  Ledger,
  Outcome,
  Readable,
  RegisteredControl,
  Snapshot,
  Step,
  View,
} from '../../src/model/index.ts'
import { kinds } from '../../src/objects/served.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan, showsInMemory, undoPlan } from '../../src/plan/in-memory.ts'
import { deepFreeze, type LoadedWorld } from '../helpers/world.ts'

export type Law = (control: RegisteredControl, world: LoadedWorld, all: readonly RegisteredControl[]) => string[]

const byId = (controls: readonly RegisteredControl[]) => new Map(controls.map((control) => [control.id, control]))
const planned = (control: RegisteredControl, snapshot: Snapshot, outcome: Outcome) => compile(own(outcome), byId([control]), snapshot, {})
const own = (outcome: Outcome): readonly Finding[] => outcome.findings.filter((finding) => finding.origin === 'workload')

/** 1. A fail fixture yields a finding and a pass fixture none. */
export const tells: Law = (control, { snapshot, world }) => {
  const outcome = judge(control, snapshot)
  if (world.expect !== undefined) return outcome.status === world.expect ? [] : [`${world.expect} expected, ${describe(outcome)}`]
  return []
}
export const passes: Law = (control, { snapshot }) => {
  const outcome = judge(control, snapshot)
  return outcome.status === 'pass' && own(outcome).length === 0 ? [] : [`pass expected, ${describe(outcome)}`]
}
export const fails: Law = (control, { snapshot }) => {
  const outcome = judge(control, snapshot)
  return outcome.status === 'fail' && own(outcome).length > 0 ? [] : [`fail expected, ${describe(outcome)}`]
}

/** 2. A fail fixture trips its own control only, or names its companions in its World document. */
export const alone: Law = (control, { snapshot, world }, all) => {
  const others = all.filter((other) => other.id !== control.id && judge(other, snapshot).status === 'fail').map((other) => other.id)
  const named = new Set(world.companions ?? [])
  return others
    .filter((id) => !named.has(id))
    .map((id) => `also trips ${id}: start from a minimal valid object, or name it under World.companions`)
}

/** 3. mends: after the plan, nothing that it said it would mend is left; but for what it hands to a human, which cannot show here. */
export const mends: Law = (control, { snapshot }) => {
  const plan = planned(control, snapshot, judge(control, snapshot))
  const promised = new Set(plan.steps.filter(showsInMemory).flatMap((step) => step.mends))
  const left = judge(control, applyPlan(snapshot, plan.steps)).findings.filter((finding) => promised.has(finding.id))
  return left.map((finding) => `still there after its remedy: ${finding.subject.kind} ${finding.subject.name} ${finding.reason}`)
}

/** 5. no harm: no control that passed before fails after. */
export const noHarm: Law = (control, { snapshot }, all) => {
  const after = applyPlan(snapshot, planned(control, snapshot, judge(control, snapshot)).steps)
  return all
    .filter((other) => judge(other, snapshot).status === 'pass' && ['fail', 'error'].includes(judge(other, after).status))
    .map((other) => `${other.id} passed before the remedy and fails after it`)
}

/** 6. settles: a second plan over the result is empty. */
export const settles: Law = (control, { snapshot }) => {
  const after = applyPlan(snapshot, planned(control, snapshot, judge(control, snapshot)).steps)
  return planned(control, after, judge(control, after))
    .steps.filter(showsInMemory)
    .map((step) => `planned again after it was done: ${step.title}`)
}

/** 7. undo: the inverse gives the first objects back. */
export const undoes: Law = (control, { snapshot }) => {
  const { steps } = planned(control, snapshot, judge(control, snapshot))
  const back = undoPlan(applyPlan(snapshot, steps), steps)
  return kinds.filter((kind) => !sameObjects(snapshot.all(kind), back.all(kind))).map((kind) => `a ${kind} is not what it was after undo`)
}

/** 8. Same findings and ids in any order of the input. */
export const orderless: Law = (control, { snapshot }) => {
  const ids = (seen: Snapshot) =>
    judge(control, seen)
      .findings.map((finding) => finding.id)
      .sort()
  return isDeepStrictEqual(ids(snapshot), ids(reversed(snapshot))) ? [] : ['other findings or ids when the objects come in another order']
}

/** 9. Hands off: objects are frozen and a write throws; nothing is looked at that was not declared. */
export const handsOff: Law = (control, { snapshot }) => {
  const outcome = judge(control, guarded(control, snapshot))
  return outcome.status === 'error' ? [`throws: ${outcome.error}`] : []
}

/** 10. Honest: with any of its reads unread it is unknown; with its whole ladder unread as well, never a pass or a failure. */
export const honest: Law = (control, { snapshot }) => {
  const faults: string[] = []
  for (const what of control.reads) {
    const { status } = judge(control, without(snapshot, [what]))
    if (status !== 'unknown') faults.push(`${status} although ${what} could not be read`)
  }
  for (const what of control.consults ?? []) {
    const { status } = judge(control, without(snapshot, [what]))
    if (status === 'error') faults.push(`error when ${what} could not be read`)
  }
  if ((control.consults ?? []).length > 0) {
    const { status } = judge(control, without(snapshot, [...control.reads, ...(control.consults ?? [])]))
    if (status === 'pass' || status === 'fail') faults.push(`${status} although nothing could be read`)
    if (control.reads.length === 0 && status !== 'unknown' && status !== 'attested') faults.push(`${status} although nothing could be read`)
  }
  return faults
}

/** The steps that a fail fixture leads to. */
export const stepsFor = (control: RegisteredControl, snapshot: Snapshot): readonly Step[] =>
  planned(control, snapshot, judge(control, snapshot)).steps

/** Every finding is in one column of the ledger (safety law 12). */
export const addsUp: Law = (control, { snapshot }) => {
  const outcome = judge(control, snapshot)
  return ledgerFaults(planned(control, snapshot, outcome).ledger, own(outcome))
}
export function ledgerFaults(ledger: Ledger, findings: readonly Finding[]): string[] {
  const columns = [...ledger.fixable, ...[...ledger.needsValue, ...ledger.byHand, ...ledger.refused].map((entry) => entry.finding)].sort()
  return isDeepStrictEqual(columns, findings.map((finding) => finding.id).sort()) ? [] : ['the ledger does not add up to the findings']
}

function describe(outcome: Outcome): string {
  const findings = outcome.findings.map(
    (finding) => `${finding.subject.kind} ${finding.subject.name} ${finding.reason} (${finding.verdict}, ${finding.origin})`,
  )
  return `got ${outcome.status}${outcome.error === undefined ? '' : `: ${outcome.error}`}${outcome.because === undefined ? '' : `: ${outcome.because}`}${findings.length === 0 ? '' : `: ${findings.join('; ')}`}`
}

const overlay = (snapshot: Snapshot, over: Partial<Snapshot>): Snapshot => Object.create(snapshot, Object.getOwnPropertyDescriptors(over))

const reversed = (snapshot: Snapshot): Snapshot =>
  overlay(snapshot, { all: ((kind: Kind) => snapshot.all(kind).toReversed()) as View['all'] })

function without(snapshot: Snapshot, whats: readonly Readable[]): Snapshot {
  return overlay(snapshot, {
    all: ((kind: Kind) => (whats.includes(kind) ? [] : snapshot.all(kind))) as View['all'],
    find: ((kind: Kind, namespace: string | undefined, name: string) =>
      whats.includes(kind) ? undefined : snapshot.find(kind, namespace, name)) as View['find'],
    fact: ((fact: never) => (whats.includes(fact) ? undefined : snapshot.fact(fact))) as View['fact'],
    unread: (what) =>
      whats.includes(what)
        ? { what, why: 'forbidden', because: `the API server refused to list ${what} (403)`, answer: `allow list on ${what}` }
        : snapshot.unread(what),
  })
}

/** Throws when something is asked for that the control did not declare; objects are frozen. */
function guarded(control: RegisteredControl, snapshot: Snapshot): Snapshot {
  const declared = new Set<Readable>([...control.reads, ...(control.consults ?? [])])
  const check = (what: Readable) => {
    if (!declared.has(what)) throw new Error(`${control.id} looks at ${what}, which it does not declare`)
  }
  // The engine itself looks up the owner of a finding's subject; that happens after evaluate() and through `find`.
  return overlay(snapshot, {
    all: ((kind: Kind) => {
      check(kind)
      return deepFreeze(snapshot.all(kind))
    }) as View['all'],
    fact: ((fact: never) => {
      check(fact)
      return snapshot.fact(fact)
    }) as View['fact'],
    unread: (what) => {
      check(what)
      return snapshot.unread(what)
    },
  })
}

function sameObjects(before: readonly KubeObject[], after: readonly KubeObject[]): boolean {
  const sorted = (objects: readonly KubeObject[]) => objects.map((object) => JSON.stringify(canonical(object))).sort()
  return isDeepStrictEqual(sorted(before), sorted(after))
}
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, child]) => [key, canonical(child)]),
    )
  return value
}
