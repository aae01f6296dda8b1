import { layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import { RowList } from '../parts/row-list.tsx'
import { useSession } from '../use-session.ts'

/** A screen of one pane: connect, overview, what could not be seen, choices, plan, step, result, past runs. */
export function Listing() {
  const state = useSession()
  return <RowList rows={rowsOf(state)} pane={layoutOf(state).list} position={positionOf(state)} />
}
