import { Text } from 'ink'
import type { Line } from '../../src/session/rows-line.ts'
import { THEME } from '../theme.ts'

interface LinesProps {
  readonly lines: readonly Line[]
  /** Index of the line drawn inverse. */
  readonly selected?: number
}

/** Lines that are cut already, as one text: Ink lays out one node instead of one for each row. */
export function Lines({ lines, selected }: LinesProps) {
  return (
    <Text>
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Text key={index} inverse={index === selected}>
          {line.map((piece, at) =>
            piece.tone === undefined || index === selected ? (
              piece.text
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: a piece is its place in the line
              <Text key={at} {...THEME[piece.tone]}>
                {piece.text}
              </Text>
            ),
          )}
          {index === lines.length - 1 ? '' : '\n'}
        </Text>
      ))}
    </Text>
  )
}
