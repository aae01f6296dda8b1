import { Box } from 'ink'
import { GUTTER, layoutOf } from '../../src/session/rows.ts'
import { buttonLine } from '../../src/session/rows-apply.ts'
import { blank, prose } from '../../src/session/rows-line.ts'
import type { Overlay, State } from '../../src/session/store-state.ts'
import { count } from '../../src/session/text.ts'
import { Lines } from '../parts/lines.tsx'
import { RowList } from '../parts/row-list.tsx'

interface ConfirmProps {
  readonly state: State
  readonly question: Extract<Overlay, { is: 'confirm' }>
}

/** A question with two buttons, always in sight; the one that does nothing has the focus. */
export function Confirm({ state, question }: ConfirmProps) {
  const { columns, rows } = layoutOf(state).body
  const { text, no, yes } = question.about === 'stop' ? stopping() : undoing(state, question)
  const paragraphs = text.flatMap((paragraph) => [
    ...(typeof paragraph === 'string' ? [paragraph] : paragraph).flatMap((part) =>
      prose(part, columns - GUTTER, { indent: 0, ...(part !== paragraph && { mark: '- ' }) }),
    ),
    blank,
  ])
  const needed = Math.min(rows - 1, paragraphs.length)
  return (
    <Box flexDirection="column">
      <RowList rows={paragraphs} pane={{ columns, rows: needed }} selectable={false} />
      <Lines
        lines={[
          buttonLine(columns, [
            { label: no, focused: !question.yes },
            { label: yes, focused: question.yes },
          ]),
        ]}
      />
    </Box>
  )
}

const stopping = () => ({
  text: [
    'Stop here?',
    'A step that is being written is finished and checked first. What was applied stays applied and can be undone later; the steps after it are left alone.',
  ],
  no: 'Keep going',
  yes: 'Stop after the step in flight',
})

function undoing(state: State, question: Extract<ConfirmProps['question'], { about: 'undo' }>) {
  const run = state.history?.runs.find((one) => one.id === question.run)
  const steps = run?.steps.filter((step) => question.steps?.includes(step.id) ?? true) ?? []
  return {
    text: [
      `Take back ${count(steps.length, 'step')} of run ${question.run}, on ${run?.source ?? 'an unknown source'}?`,
      [...steps.slice(0, 3).map((step) => step.title), ...(steps.length > 3 ? [`and ${steps.length - 3} more`] : [])],
      'The old values are written back, last step first, and the findings come back with them. A value that somebody changed since stops it.',
    ],
    no: 'Leave it as it is',
    yes: `Undo ${count(steps.length, 'step')}`,
  }
}
