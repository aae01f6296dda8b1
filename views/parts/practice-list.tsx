import { PRACTICES } from '../../src/engine/score.ts'
import { practiceOf, sideRows } from '../../src/session/rows-side.ts'
import type { State } from '../../src/session/store-state.ts'
import { RowList } from './row-list.tsx'

interface PracticeListProps {
  readonly state: State
  readonly columns: number
  readonly rows: number
}

/** The six practices at the left of a wide terminal: where we are, and where else one could be. */
export function PracticeList({ state, columns, rows }: PracticeListProps) {
  const practice = practiceOf(state)
  return (
    <RowList
      rows={sideRows(state)}
      pane={{ columns, rows }}
      position={{ key: practice ?? '', index: 0, offset: practice === undefined ? 0 : PRACTICES.indexOf(practice) + 1 }}
      selectable={practice !== undefined}
    />
  )
}
