import { layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import { RowList } from '../parts/row-list.tsx'
import { useSession } from '../use-session.ts'

/** Every namespace and its rung, with what was marked. */
export function LadderScreen() {
  const state = useSession()
  return <RowList rows={rowsOf(state)} pane={layoutOf(state).list} position={positionOf(state)} marked={state.marked} />
}
