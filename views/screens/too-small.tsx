import { Box, Text } from 'ink'
import { SMALLEST } from '../../src/session/layout.ts'
import type { State } from '../../src/session/store-state.ts'
import { cut } from '../../src/session/text.ts'

/** A terminal that nothing fits into. A run goes on meanwhile. */
export function TooSmall({ state }: { readonly state: State }) {
  const { columns, rows } = state.size
  return (
    <Box width={columns} height={rows} flexDirection="column" overflow="hidden">
      <Text>{cut(`Too small: needs ${SMALLEST.columns}x${SMALLEST.rows}, has ${columns}x${rows}.`, columns)}</Text>
      {rows > 1 && <Text>{cut('Make it larger, or press q to quit.', columns)}</Text>}
    </Box>
  )
}
