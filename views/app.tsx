import { Box, useApp, useStdout } from 'ink'
import { useEffect } from 'react'
import { routeKey, type ScreenName } from '../src/session/route.ts'
import { layoutOf } from '../src/session/rows.ts'
import type { Store } from '../src/session/store.ts'
import type { State } from '../src/session/store-state.ts'
import { ErrorBoundary } from './error-boundary.tsx'
import { KeyRouter } from './key-router.tsx'
import { Frame } from './parts/frame.tsx'
import { ApplyScreen } from './screens/apply.tsx'
import { Confirm } from './screens/confirm.tsx'
import { FindingScreen } from './screens/finding.tsx'
import { Help } from './screens/help.tsx'
import { Listing } from './screens/listing.tsx'
import { MarkedListing } from './screens/marked-listing.tsx'
import { MatrixScreen } from './screens/matrix.tsx'
import { PracticeScreen } from './screens/practice.tsx'
import { TooSmall } from './screens/too-small.tsx'
import { SessionContext, useSession } from './use-session.ts'

interface AppProps {
  readonly store: Store
  /** Rows that must stay free at the bottom (Windows repaints a full screen as a whole). */
  readonly spare?: number
  /** Goes back to the shell and returns when the program is continued. */
  readonly suspend?: () => Promise<void>
}

const SCREENS: Readonly<Record<ScreenName, () => React.ReactNode>> = {
  connect: Listing,
  overview: Listing,
  gaps: Listing,
  rung: Listing,
  'who-can': Listing,
  holder: Listing,
  connectivity: Listing,
  matrix: MatrixScreen,
  reach: Listing,
  choose: Listing,
  plan: Listing,
  step: Listing,
  outcome: Listing,
  history: Listing,
  run: Listing,
  practice: PracticeScreen,
  ladder: MarkedListing,
  escalations: MarkedListing,
  escalation: MarkedListing,
  finding: FindingScreen,
  control: FindingScreen,
  apply: ApplyScreen,
}

/** The wizard: one store in, one frame out. */
export function App({ store, spare = 0, suspend }: AppProps) {
  const { suspendTerminal } = useApp()
  return (
    <SessionContext value={store}>
      <Size store={store} spare={spare} />
      <KeyRouter
        store={store}
        onSuspend={() => {
          if (suspend !== undefined) void suspendTerminal(suspend)
        }}
      />
      <Shell />
    </SessionContext>
  )
}

function Shell() {
  const state = useSession()
  useLeaving(state)
  const { fits, body } = layoutOf(state)
  if (state.isBlank) return <Box width={state.size.columns} height={state.size.rows} />
  if (!fits) return <TooSmall state={state} />
  const Screen = SCREENS[state.route.at]
  const { overlay } = state
  return (
    <Frame state={state}>
      <ErrorBoundary screen={`${routeKey(state.route)} ${overlay?.is ?? ''}`} columns={body.columns} rows={body.rows}>
        {overlay?.is === 'help' ? (
          <Help state={state} top={overlay.top} />
        ) : overlay?.is === 'confirm' ? (
          <Confirm state={state} question={overlay} />
        ) : (
          <Screen />
        )}
      </ErrorBoundary>
    </Frame>
  )
}

/** The one place that ends the program's screen: after the state that says so has been drawn. */
function useLeaving({ leaving }: State): void {
  const { exit } = useApp()
  useEffect(() => {
    if (leaving !== undefined) exit(leaving)
  }, [leaving, exit])
}

function Size({ store, spare }: { readonly store: Store; readonly spare: number }) {
  const stdout = useStdout().stdout as NodeJS.WriteStream
  useEffect(() => {
    const measure = (): void => store.dispatch({ type: 'size', size: { columns: stdout.columns ?? 80, rows: (stdout.rows ?? 24) - spare } })
    measure()
    stdout.on('resize', measure)
    return () => void stdout.off('resize', measure)
  }, [store, stdout, spare])
  return null
}
