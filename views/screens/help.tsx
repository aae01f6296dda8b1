import { layoutOf } from '../../src/session/rows.ts'
import { helpRows } from '../../src/session/rows-help.ts'
import type { State } from '../../src/session/store-state.ts'
import { helpEntries } from '../keys.ts'
import { RowList } from '../parts/row-list.tsx'

interface HelpProps {
  readonly state: State
  readonly top: number
}

/** Every key of the screen below, why one does nothing now, and what the words mean. */
export function Help({ state, top }: HelpProps) {
  return <RowList rows={helpRows(helpEntries(state))} pane={layoutOf(state).body} position={{ index: top, offset: 0 }} selectable={false} />
}
