/** Who reaches whom before and after a plan, and after one step of it; what is in use and would be cut, before all else. */
import type { Snapshot, Step } from '../model/index.ts'
import { changesPolicies } from '../plan/network-steps.ts'
import { type NetworkWords, networkWords } from '../plan/network-words.ts'
import { type Foretold, foretold } from './network-foretold.ts'
import { bannerRows } from './rows-banner.ts'
import { blank, heading, prose, type Row, row, type Tone } from './rows-line.ts'
import { sentence } from './text.ts'

/** More would not be read on a screen; the matrix shows all. */
const MOST_SUBJECTS = 8

/** Above the steps: that nothing enforces what they write, or nobody knows; and what they would cut. */
export function networkWarningRows(steps: readonly Step[], snapshot: Snapshot, width: number): Row[] {
  const told = impactOf(steps, snapshot)
  const banner = steps.some(changesPolicies) ? bannerRows(snapshot, width) : []
  return [...banner, ...(told === undefined ? [] : cutRows(told, width))]
}

/** In full below them. */
export const planNetworkRows = (steps: readonly Step[], snapshot: Snapshot, width: number): Row[] =>
  rowsFor(steps, snapshot, 'Who reaches whom, with these steps (N shows all of it)', width)
export const stepNetworkRows = (step: Step, snapshot: Snapshot, width: number): Row[] =>
  rowsFor([step], snapshot, 'Who reaches whom, with this step', width)

function rowsFor(steps: readonly Step[], snapshot: Snapshot, title: string, width: number): Row[] {
  const told = impactOf(steps, snapshot)
  if (told === undefined) return []
  const { changes, more, isolates, evidence } = wordsOf(told)
  const left = more + Math.max(0, changes.length - MOST_SUBJECTS)
  const part = (word: string, list: readonly string[], tone: Tone): Row[] =>
    list.flatMap((text) => prose(text, width, { indent: 4, mark: `${word} `, tone }))
  return [
    blank,
    heading(title),
    ...isolates.flatMap((text) => prose(sentence(text), width)),
    ...(changes.length === 0 ? [row({ text: '  Nobody reaches less or more than now.', tone: 'dim' })] : []),
    ...changes
      .slice(0, MOST_SUBJECTS)
      .flatMap(({ subject, lost, gained }) => [
        ...prose(`Into ${subject}`, width),
        ...part('- loses', lost, 'remove'),
        ...part('+ gains', gained, 'add'),
      ]),
    ...(left > 0 ? [row({ text: `  and ${left} more`, tone: 'dim' })] : []),
    ...evidence.flatMap((text) => prose(sentence(text), width, { tone: 'dim' })),
  ]
}

/** Red: what was seen to go through, and would not any more. Empty where nothing would be cut. */
export function cutRows(told: Foretold, width: number): Row[] {
  const { cut, breaks } = wordsOf(told)
  if (!breaks) return []
  const { evidence } = told
  return [
    ...prose(
      `CUTS ${told.cut.length} OF ${evidence?.flows ?? told.cut.length} FLOWS IN USE, seen in ${evidence?.from.join(', ') ?? 'the record'}:`,
      width,
      {
        indent: 0,
        tone: 'fail',
      },
    ),
    ...cut.flatMap((text) => prose(text, width, { mark: '- ', tone: 'fail' })),
  ]
}

const words = new WeakMap<Foretold, NetworkWords>()
export function wordsOf(told: Foretold): NetworkWords {
  let known = words.get(told)
  if (known === undefined) words.set(told, (known = networkWords(told)))
  return known
}

/** What a step changes may have gone since the plan was made; the rehearsal says so. */
function impactOf(steps: readonly Step[], snapshot: Snapshot): Foretold | undefined {
  const told = foretold(snapshot, steps)
  return typeof told === 'string' ? undefined : told
}
