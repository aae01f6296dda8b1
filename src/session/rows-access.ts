/** Who loses and gains what by a plan, and by one step of it. */
import type { Plan, Snapshot, Step } from '../model/index.ts'
import { type AccessImpact, accessImpact } from '../plan/access-impact.ts'
import { impactWords } from '../plan/access-words.ts'
import { blank, heading, prose, type Row, row, type Tone } from './rows-line.ts'

/** More would not be read on a screen; the command line and the README of patch files go on a little longer. */
const MOST_SUBJECTS = 12

/** `steps`: those that would be carried out. */
export function planAccessRows(plan: Plan, steps: readonly Step[], snapshot: Snapshot, width: number): Row[] {
  return rowsFor(impactsOf(plan, steps, snapshot), 'Whose access changes', width)
}

export function stepAccessRows(plan: Plan, step: Step, snapshot: Snapshot, width: number): Row[] {
  return rowsFor(impactsOf(plan, [step], snapshot), 'Whose access changes by this step', width)
}

function rowsFor(impacts: readonly AccessImpact[], title: string, width: number): Row[] {
  if (impacts.length === 0) return []
  const left = impacts.length - MOST_SUBJECTS
  return [
    blank,
    heading(`${title} (${impacts.length})`),
    ...impacts.slice(0, MOST_SUBJECTS).flatMap((impact) => impactRows(impact, width)),
    ...(left > 0 ? [row({ text: `  and ${left} more`, tone: 'dim' })] : []),
  ]
}

function impactRows(impact: AccessImpact, width: number): Row[] {
  const { subject, loses, gains, keeps, recorded, breaks } = impactWords(impact)
  const part = (word: string, list: readonly string[], tone?: Tone): Row[] =>
    list.flatMap((text) => prose(text, width, { indent: 4, mark: `${word.padEnd(9)} `, ...(tone && { tone }) }))
  return [
    ...prose(subject, width),
    ...part('loses', loses, 'remove'),
    ...part('gains', gains, 'add'),
    ...part('keeps', keeps, 'dim'),
    ...part('recorded', recorded, breaks ? 'fail' : 'dim'),
  ]
}

/** Worked out once for a plan and the steps chosen of it, not with every key. */
function impactsOf(plan: Plan, steps: readonly Step[], snapshot: Snapshot): readonly AccessImpact[] {
  let known = cache.get(plan)
  if (known === undefined) cache.set(plan, (known = new Map()))
  const key = steps.map(({ id }) => id).join()
  let impacts = known.get(key)
  if (impacts === undefined) known.set(key, (impacts = foretold(steps, snapshot)))
  return impacts
}
const cache = new WeakMap<Plan, Map<string, readonly AccessImpact[]>>()

/** What a step changes may have gone since the plan was made; the rehearsal says so. */
function foretold(steps: readonly Step[], snapshot: Snapshot): readonly AccessImpact[] {
  try {
    return accessImpact(snapshot, steps)
  } catch {
    return []
  }
}
