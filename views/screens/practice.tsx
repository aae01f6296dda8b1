import { Box } from 'ink'
import { detailRows, GUTTER, layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import { PracticeList } from '../parts/practice-list.tsx'
import { RowList } from '../parts/row-list.tsx'
import { HorizontalRule, VerticalRule } from '../parts/rule.tsx'
import { useSession } from '../use-session.ts'

/** The findings of one practice; with room, the practices beside them and the selected one explained. */
export function PracticeScreen() {
  const state = useSession()
  const { side, body, list, detail } = layoutOf(state)
  const explained =
    detail === undefined ? undefined : <RowList rows={detailRows(state, detail.columns - GUTTER)} pane={detail} selectable={false} />
  return (
    <Box>
      {side > 0 && <PracticeList state={state} columns={side} rows={body.rows} />}
      {side > 0 && <VerticalRule rows={body.rows} />}
      <Box flexDirection="column">
        <RowList rows={rowsOf(state)} pane={list} position={positionOf(state)} marked={state.marked} />
        {detail?.where === 'below' && <HorizontalRule columns={list.columns} title="selected" />}
        {detail?.where === 'below' && explained}
      </Box>
      {detail?.where === 'right' && <VerticalRule rows={body.rows} />}
      {detail?.where === 'right' && explained}
    </Box>
  )
}
