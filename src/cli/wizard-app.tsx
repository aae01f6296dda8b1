import { type Instance, render } from 'ink'
import { App } from '../../views/app.tsx'
import { PRACTICES } from '../engine/score.ts'
import type { Practice } from '../model/index.ts'
import { grant } from '../session/approve.ts'
import type { Desk, SourceChoice } from '../session/ports.ts'
import { partingText } from '../session/rows-titles.ts'
import { createStore, type Store, systemClock } from '../session/store.ts'
import { UsageError } from './errors.ts'
import type { SourceOptions } from './options.ts'
import type { Terminal } from './terminal.ts'

export interface WizardOptions extends SourceOptions {
  readonly practice?: string
}

/** Draws the wizard until the operator leaves; then says on the ordinary screen what was changed. Returns the exit code. */
export async function runWizard(options: WizardOptions, terminal: Terminal, desk: Desk): Promise<number> {
  const { practice } = options
  if (practice !== undefined && !PRACTICES.includes(practice as Practice))
    throw new UsageError(`there is no practice "${practice}"`, [`one of ${PRACTICES.join(', ')}`])
  // Windows repaints a frame of full height as a whole.
  const spare = process.platform === 'win32' ? 1 : 0
  const store = createStore({
    desk,
    clock: systemClock,
    grant,
    size: { columns: process.stdout.columns, rows: process.stdout.rows - spare },
  })
  const app = render(<App store={store} spare={spare} suspend={terminal.suspend} />, {
    alternateScreen: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: true,
    maxFps: 30,
    incrementalRendering: process.env['K8S_HARDEN_INCREMENTAL'] !== '0',
  })
  terminal.onSignal((code) => store.dispatch({ type: 'leave', code, ...(store.get().leaveWith !== undefined && { now: true as const }) }))
  const stopRepainting = repaintAfterResize(app, store)
  store.start(choiceOf(options), practice as Practice | undefined)
  try {
    const code = await app.waitUntilExit()
    return typeof code === 'number' ? code : 0
  } finally {
    stopRepainting()
    store.close()
    terminal.restore()
    const told = partingText(store.get())
    if (told !== '') process.stdout.write(`${told}\n`)
  }
}

/** What the command line names is opened at once; otherwise the operator chooses. */
function choiceOf({ sample, manifests, context }: WizardOptions): SourceChoice | undefined {
  if (sample) return { kind: 'sample' }
  if (manifests !== undefined) return { kind: 'manifests', path: manifests }
  return context === undefined ? undefined : { kind: 'live', context }
}

/** Milliseconds without a further resize. */
const RESIZED_FOR = 120

/**
 * A terminal that is resized while a frame is on its way shows parts of both, and Ink, which draws only what differs from its last
 * frame, would leave them there. So once the size has settled everything is drawn anew.
 */
function repaintAfterResize(app: Instance, store: Store): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const repaint = async (): Promise<void> => {
    store.dispatch({ type: 'blank', on: true })
    await app.waitUntilRenderFlush()
    // The screen is no longer ours.
    if (stopped) return
    app.clear()
    process.stdout.write('\x1b[2J\x1b[H')
    store.dispatch({ type: 'blank', on: false })
  }
  const resized = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void repaint(), RESIZED_FOR)
  }
  process.stdout.on('resize', resized)
  return () => {
    stopped = true
    clearTimeout(timer)
    process.stdout.off('resize', resized)
  }
}
