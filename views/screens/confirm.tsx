import { buttonLine } from '../../src/session/rows-apply.ts'
import { blank, prose, type Row } from '../../src/session/rows-line.ts'
import { GUTTER, layoutOf } from '../../src/session/rows.ts'
import type { Overlay, State } from '../../src/session/store-state.ts'
import { count } from '../../src/session/text.ts'
import { RowList } from '../parts/row-list.tsx'

interface ConfirmProps { readonly state: State; readonly question: Extract<Overlay, { is: 'confirm' }> }

/** A question with two buttons; the one that does nothing has the focus. */
export function Confirm({ state, question }: ConfirmProps) {
  const { body } = layoutOf(state)
  return <RowList rows={questionRows(state, question, body.columns - GUTTER)} pane={body} selectable={false} />
}

function questionRows(state: State, question: ConfirmProps['question'], width: number): Row[] {
  const { text, no, yes } = question.about === 'stop' ? stopping() : undoing(state, question)
  return [
    blank,
    ...text.flatMap((paragraph) => [...prose(paragraph, width, { indent: 0 }), blank]),
    { line: (columns) => buttonLine(columns, [{ label: no, focused: !question.yes }, { label: yes, focused: question.yes }]) },
  ]
}

const stopping = () => ({
  text: ['Stop here?', 'A step that is being written is finished and checked first. What was applied stays applied and can be undone later; the steps after it are left alone.'],
  no: 'Keep going', yes: 'Stop after the step in flight',
})

function undoing(state: State, question: Extract<ConfirmProps['question'], { about: 'undo' }>) {
  const run = state.history?.runs.find((one) => one.id === question.run)
  const steps = run?.steps.filter((step) => question.steps?.includes(step.id) ?? true) ?? []
  return {
    text: [
      `Take back ${count(steps.length, 'step')} of run ${question.run}, on ${run?.source ?? 'an unknown source'}?`,
      steps.slice(0, 8).map((step) => `- ${step.title}`).join('\n') + (steps.length > 8 ? `\n- and ${steps.length - 8} more` : ''),
      'The old values are written back, last step first. A value that somebody changed since stops it; nothing of theirs is overwritten. The findings come back with the old values.',
    ],
    no: 'Leave it as it is', yes: `Undo ${count(steps.length, 'step')}`,
  }
}
