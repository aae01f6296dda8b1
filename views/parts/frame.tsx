import { Box } from 'ink'
import type { ReactNode } from 'react'
import { layoutOf } from '../../src/session/rows.ts'
import { inColumns, type Line, run } from '../../src/session/rows-line.ts'
import { freshnessText, nextText, numbersText, safetyText, sourceText, titleText } from '../../src/session/rows-titles.ts'
import type { Overlay, State } from '../../src/session/store-state.ts'
import { hintsFor } from '../keys.ts'
import { Lines } from './lines.tsx'

interface FrameProps {
  readonly state: State
  readonly children: ReactNode
}

/** Two lines above the screen, two below; always exactly as high as the terminal. */
export function Frame({ state, children }: FrameProps) {
  const { columns, rows, body } = layoutOf(state)
  return (
    <Box width={columns} height={rows} flexDirection="column" overflow="hidden">
      <Lines lines={[header(state, columns), title(state, columns)]} />
      <Box width={columns} height={body.rows} flexShrink={0} overflow="hidden">
        {children}
      </Box>
      <Lines lines={[status(state, columns), hints(state, columns)]} />
    </Box>
  )
}

const header = (state: State, width: number): Line =>
  inColumns(width, [
    { text: ' k8s-harden', tone: 'title' },
    { text: ` ${sourceText(state)}`, grow: true, tone: 'key' },
    { text: safetyText(state), tone: state.running !== undefined && state.running.ended === undefined ? 'fail' : 'dim' },
    { text: ` ${freshnessText(state)} `, tone: 'dim' },
  ])

const title = (state: State, width: number): Line =>
  inColumns(width, [
    { text: ` ${state.overlay?.is === 'help' ? 'Help: keys of this screen, and words' : titleText(state)}`, grow: true, tone: 'title' },
    { text: `${state.overlay?.is === 'help' ? '' : numbersText(state)} `, tone: 'dim' },
  ])

/** A field that is typed into, else a notice, else what to do next. */
function status(state: State, width: number): Line {
  const { overlay, toast, scan } = state
  if (overlay?.is === 'entry')
    return run(width, [
      { text: ` ${prompt(overlay)} `, tone: 'key' },
      { text: tail(overlay.text, width - prompt(overlay).length - 4) },
      { text: '_' },
    ])
  if (toast !== undefined)
    return run(width, [{ text: ` ${toast.text}`, tone: toast.tone === 'bad' ? 'fail' : toast.tone === 'good' ? 'ok' : 'key' }])
  if (scan?.ended?.because !== undefined) return run(width, [{ text: ` Not current any more: ${scan.ended.because}`, tone: 'fail' }])
  return run(width, [
    {
      text: ` ${overlay?.is === 'help' ? 'Scroll with the arrows; esc closes.' : overlay?.is === 'confirm' ? 'Choose a button with left and right, press enter.' : nextText(state)}`,
      tone: 'info',
    },
  ])
}

function prompt(entry: Extract<Overlay, { is: 'entry' }>): string {
  if (entry.of === 'value') return `${entry.option} =`
  if (entry.of === 'question') return `${entry.field}:`
  return entry.of === 'filter' ? 'Show only:' : 'Path of a file or directory:'
}

/** The end of what is typed: that is where one types. */
const tail = (text: string, width: number): string => (text.length <= width ? text : `~${text.slice(text.length - width + 1)}`)

const hints = (state: State, width: number): Line =>
  run(width, [
    { text: ' ' },
    ...hintsFor(state, width).flatMap(({ key, word }) => [
      { text: key, tone: 'key' as const },
      { text: ` ${word}  `, tone: 'dim' as const },
    ]),
  ])
