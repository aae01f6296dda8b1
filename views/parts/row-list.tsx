import { Box } from 'ink'
import type { FindingId } from '../../src/model/index.ts'
import type { Pane } from '../../src/session/layout.ts'
import { GUTTER, lineOf } from '../../src/session/rows.ts'
import type { Line, Row } from '../../src/session/rows-line.ts'
import { visible } from '../../src/session/rows-window.ts'
import type { Position } from '../../src/session/store-state.ts'
import { Lines } from './lines.tsx'

interface RowListProps {
  readonly rows: readonly Row[]
  readonly pane: Pane
  readonly position?: Position | undefined
  /** Without it nothing is shown as selected. */
  readonly selectable?: boolean
  /** What the operator chose, for rows that show it. */
  readonly marked?: ReadonlySet<FindingId>
}

/** The visible part of a list, or of running text: exactly as many lines as the pane has. */
export function RowList({ rows, pane, position, selectable = true, marked }: RowListProps) {
  const { top, end, selected } = visible(rows, pane.rows, position)
  const width = pane.columns - GUTTER
  const lines = rows
    .slice(top, end)
    .map(
      (row, index): Line => [
        gutter(selectable && top + index === selected, index, top, end, rows.length, pane.rows),
        ...lineOf(row, width, marked),
      ],
    )
  const filler = Array.from({ length: Math.max(0, pane.rows - lines.length) }, (): Line => [{ text: ' '.repeat(pane.columns) }])
  return (
    <Box width={pane.columns} height={pane.rows} flexShrink={0} overflow="hidden">
      <Lines lines={[...lines, ...filler]} {...(selectable && selected !== undefined && { selected: selected - top })} />
    </Box>
  )
}

/** The selection, or that there is more above or below. */
function gutter(isSelected: boolean, index: number, top: number, end: number, total: number, height: number) {
  if (isSelected) return { text: '> ' }
  if (index === 0 && top > 0) return { text: '^ ', tone: 'dim' as const }
  if (index === height - 1 && end < total) return { text: 'v ', tone: 'dim' as const }
  return { text: '  ' }
}
