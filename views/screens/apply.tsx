import { Box } from 'ink'
import { layoutOf, positionOf, rowsOf, stepsOf } from '../../src/session/rows.ts'
import { askingLines, currentStep } from '../../src/session/rows-apply.ts'
import { run } from '../../src/session/rows-line.ts'
import { Lines } from '../parts/lines.tsx'
import { RowList } from '../parts/row-list.tsx'
import { HorizontalRule } from '../parts/rule.tsx'
import { useSession } from '../use-session.ts'

/** The steps and how far they are; the change at hand; the question. */
export function ApplyScreen() {
  const state = useSession()
  const { columns, list, top, bottom } = layoutOf(state)
  const { running } = state
  if (running === undefined) return null
  const current = currentStep(running)
  const index = running.steps.findIndex((step) => step.id === current?.id)
  return (
    <Box flexDirection="column">
      <RowList
        rows={stepsOf(state)}
        pane={{ columns, rows: top }}
        position={{ ...(current && { key: `step:${current.id}` }), index, offset: Math.floor(top / 2) }}
      />
      <HorizontalRule columns={columns} title={`step ${index + 1} of ${running.steps.length}`} />
      <RowList rows={rowsOf(state)} pane={list} position={positionOf(state)} />
      {running.asking !== undefined && bottom > 0 && (
        <Lines
          lines={[run(columns, [{ text: '-'.repeat(columns), tone: 'dim' }]), ...askingLines(state, running, running.asking, columns)]}
        />
      )}
    </Box>
  )
}
