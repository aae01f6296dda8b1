/** Who reaches whom before and after a plan, and after one step of it; what is in use and would be cut, before all else. */
import type { Snapshot, Step } from '../model/index.ts'
import { changesPolicies, changesReach } from '../plan/network-steps.ts'
import { type Foretold, foretellingText, foretoldOf } from './network-foretold.ts'
import { bannerRows } from './rows-banner.ts'
import { blank, heading, prose, type Row, row, type Tone } from './rows-line.ts'
import type { State } from './store-state.ts'
import { sentence } from './text.ts'

/** More would not be read on a screen; the matrix shows all. */
const MOST_SUBJECTS = 8

/** Above the steps: that nothing enforces what they write, or nobody knows; and what they would cut. */
export function networkWarningRows(state: State, steps: readonly Step[], snapshot: Snapshot, width: number): Row[] {
  const banner = steps.some(changesPolicies) ? bannerRows(snapshot, width) : []
  return [...banner, ...cutWarning(state, steps, snapshot, width)]
}
function cutWarning(state: State, steps: readonly Step[], snapshot: Snapshot, width: number): Row[] {
  const told = foretoldOf(state, steps)
  if (told === undefined && snapshot.fact('ObservedFlows') !== undefined && steps.some(changesReach))
    return prose('Whether they cut flows that are in use is still being worked out.', width, { indent: 0, tone: 'medium' })
  return told === undefined || typeof told === 'string' ? [] : cutRows(told, width)
}

/** In full below them. */
export const planNetworkRows = (state: State, steps: readonly Step[], width: number): Row[] =>
  rowsFor(state, steps, 'Who reaches whom, with these steps (N shows all of it)', width)
export const stepNetworkRows = (state: State, step: Step, width: number): Row[] =>
  rowsFor(state, [step], 'Who reaches whom, with this step', width)

function rowsFor(state: State, steps: readonly Step[], title: string, width: number): Row[] {
  const told = foretoldOf(state, steps)
  if (told === undefined && steps.some(changesReach))
    return [
      blank,
      heading(title),
      ...prose(foretellingText(state, steps.length === 1 ? 'this step' : 'these steps'), width, { tone: 'dim' }),
    ]
  if (told === undefined || typeof told === 'string') return []
  const { changes, more, isolates, evidence } = told.words
  const left = more + Math.max(0, changes.length - MOST_SUBJECTS)
  const part = (word: string, list: readonly string[], tone: Tone): Row[] =>
    list.flatMap((text) => prose(text, width, { indent: 4, mark: `${word} `, tone }))
  return [
    blank,
    heading(title),
    ...agedRows(state, width),
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
  const { cut, breaks } = told.words
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

/** What is in sight is of the cluster as it was before something in it changed. */
export const agedRows = ({ foretold }: State, width: number): Row[] =>
  foretold?.told === undefined || foretold.done === undefined
    ? []
    : prose('The cluster has changed since this was worked out; it is being worked out anew.', width, { indent: 0, tone: 'medium' })
