import { layoutOf } from '../../src/session/rows.ts'
import type { State } from '../../src/session/store-state.ts'
import { helpRowsOf } from '../keys.ts'
import { RowList } from '../parts/row-list.tsx'

interface HelpProps {
  readonly state: State
  readonly top: number
}

/** Every key of the screen below, why one does nothing now, and what the words mean. */
export function Help({ state, top }: HelpProps) {
  return <RowList rows={helpRowsOf(state)} pane={layoutOf(state).body} position={{ index: top, offset: 0 }} selectable={false} />
}
