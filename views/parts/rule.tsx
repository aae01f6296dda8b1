import { Box, Text } from 'ink'

/** A vertical line between two panes; ASCII, so that no terminal counts it as wide. */
export function VerticalRule({ rows }: { readonly rows: number }) {
  return (
    <Box width={2} flexShrink={0}>
      <Text dimColor>{Array.from({ length: rows }, () => ' |').join('\n')}</Text>
    </Box>
  )
}

export function HorizontalRule({ columns, title = '' }: { readonly columns: number; readonly title?: string }) {
  return <Text dimColor>{`--${title === '' ? '' : ` ${title} `}`.padEnd(columns, '-')}</Text>
}
