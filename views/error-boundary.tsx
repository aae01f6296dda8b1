import { Box, Text } from 'ink'
import { Component, type ReactNode } from 'react'
import { wrap } from '../src/session/text.ts'

interface ErrorBoundaryProps {
  readonly screen: string
  readonly columns: number
  readonly rows: number
  readonly children: ReactNode
}
interface ErrorBoundaryState {
  readonly error?: Error
  readonly screen?: string
}

/** A screen that breaks must not take header and quit with it; another screen is tried afresh. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, ErrorBoundaryState> {
  override state: ErrorBoundaryState = {}

  static getDerivedStateFromError(error: unknown): Partial<ErrorBoundaryState> {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }
  static getDerivedStateFromProps({ screen }: ErrorBoundaryProps, state: ErrorBoundaryState): Partial<ErrorBoundaryState> | null {
    return state.screen === screen ? null : { screen, error: undefined }
  }

  override render(): ReactNode {
    const { error } = this.state
    const { columns, rows, children } = this.props
    if (error === undefined) return children
    const lines = [
      'This screen broke; that is a bug of k8s-harden. Nothing was written by it.',
      '',
      ...(error.stack ?? error.message).split('\n'),
      '',
      'esc goes back, q quits.',
    ].flatMap((line) => wrap(line, columns - 2))
    return (
      <Box width={columns} height={rows} paddingLeft={1} overflow="hidden">
        <Text>{lines.slice(0, rows).join('\n')}</Text>
      </Box>
    )
  }
}
