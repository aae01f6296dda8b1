import { Box } from 'ink'
import { layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import { PracticeList } from '../parts/practice-list.tsx'
import { RowList } from '../parts/row-list.tsx'
import { VerticalRule } from '../parts/rule.tsx'
import { useSession } from '../use-session.ts'

/** One finding, or one check: running text that scrolls. */
export function FindingScreen() {
  const state = useSession()
  const { side, body, list } = layoutOf(state)
  return (
    <Box>
      {side > 0 && <PracticeList state={state} columns={side} rows={body.rows} />}
      {side > 0 && <VerticalRule rows={body.rows} />}
      <RowList rows={rowsOf(state)} pane={list} position={positionOf(state)} />
    </Box>
  )
}
