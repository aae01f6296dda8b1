import { Box, Text } from 'ink'
import { isRunning } from '../../src/session/actions-run.ts'
import { SMALLEST } from '../../src/session/layout.ts'
import { workingText } from '../../src/session/rows-apply.ts'
import type { Running, State } from '../../src/session/store-state.ts'
import { cut } from '../../src/session/text.ts'

const goingOn = (running: Running): string => (running.asking === undefined ? workingText(running) : 'The run waits for your answer.')

/** A terminal that nothing fits into. A run goes on meanwhile. */
export function TooSmall({ state }: { readonly state: State }) {
  const { columns, rows } = state.size
  return (
    <Box width={columns} height={rows} flexDirection="column" overflow="hidden">
      <Text>{cut(`Too small: needs ${SMALLEST.columns}x${SMALLEST.rows}, has ${columns}x${rows}.`, columns)}</Text>
      {rows > 1 && (
        <Text>{cut(isRunning(state) ? 'Make it larger; q stops after this step.' : 'Make it larger, or press q to quit.', columns)}</Text>
      )}
      {rows > 2 && state.running !== undefined && isRunning(state) && <Text>{cut(goingOn(state.running), columns)}</Text>}
    </Box>
  )
}
