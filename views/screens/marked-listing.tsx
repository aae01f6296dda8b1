import { layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import { RowList } from '../parts/row-list.tsx'
import { useSession } from '../use-session.ts'

/** A list with what was marked: namespaces and their rungs, subjects and their ways. */
export function MarkedListing() {
  const state = useSession()
  return <RowList rows={rowsOf(state)} pane={layoutOf(state).list} position={positionOf(state)} marked={state.marked} />
}
