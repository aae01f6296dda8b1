import { PRACTICES } from '../engine/score.ts'
import { blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import { SEVERITY_WORD } from './rows-words.ts'
import type { State } from './store-state.ts'

/** What could not be seen, what would let it be seen, and which checks wait for that. */
export function gapRows({ scan }: State, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const unknown = PRACTICES.flatMap((practice) =>
    scan.controls.filter((control) => control.practice === practice && scan.outcomes.get(control.id)?.status === 'unknown'),
  )
  const unread = new Set(unknown.flatMap((control) => scan.outcomes.get(control.id)?.unread ?? []))
  const rows: Row[] = [
    ...(unread.size === 0 ? [] : [heading('Could not be read')]),
    ...[...unread].flatMap((one) => [
      ...prose(`${one.what}: ${one.because}`, width, { mark: '? ', tone: 'unknown' }),
      ...prose(one.answer, width, { indent: 4, mark: 'to answer: ' }),
      blank,
    ]),
    ...(unknown.length === 0 ? [] : [heading('Checks that could not be made')]),
    ...unknown.map((control) =>
      choice(`control:${control.id}`, (w) =>
        inColumns(w, [
          { text: '?', tone: 'unknown' },
          { text: SEVERITY_WORD[control.severity], width: 4, tone: control.severity },
          { text: control.title, width: Math.floor(w / 2) },
          { text: scan.outcomes.get(control.id)?.because ?? '', grow: true, tone: 'dim' },
        ]),
      ),
    ),
    ...(scan.problems.length === 0 ? [] : [blank, heading('Files that could not be read; the rest was')]),
    ...scan.problems.flatMap((problem) => prose(`${problem.file}:${problem.line}: ${problem.message}`, width, { mark: '- ' })),
  ]
  return rows.length > 0 ? rows : [row({ text: 'Everything could be seen.', tone: 'ok' })]
}
