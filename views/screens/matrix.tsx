import { Box } from 'ink'
import { footOf, GUTTER, headOf, layoutOf, positionOf, rowsOf } from '../../src/session/rows.ts'
import type { Line } from '../../src/session/rows-line.ts'
import { Lines } from '../parts/lines.tsx'
import { RowList } from '../parts/row-list.tsx'
import { useSession } from '../use-session.ts'

const inset = (line: Line): Line => [{ text: ' '.repeat(GUTTER) }, ...line]

/** Who reaches whom: column numbers that stay, rows that scroll, the selected cell in words. */
export function MatrixScreen() {
  const state = useSession()
  const [head, foot] = [headOf(state), footOf(state)]
  return (
    <Box flexDirection="column">
      {head.length > 0 && <Lines lines={head.map(inset)} />}
      <RowList rows={rowsOf(state)} pane={layoutOf(state).list} position={positionOf(state)} />
      {foot.length > 0 && <Lines lines={foot.map(inset)} />}
    </Box>
  )
}
