/** The wizard's real process shell over the world in memory; bundled and started by wizard-terminal.test.ts. */
import { takeTerminal } from '../../src/cli/terminal.ts'
import { FakeDesk } from '../session/fake-desk.ts'

if (process.env['NO_COLOR']) process.env['FORCE_COLOR'] = '0'
const terminal = takeTerminal(' k8s-harden: starting ...')
const { runWizard } = await import('../../src/cli/wizard-app.tsx')
if (process.env['PLANT'] === 'throw')
  setTimeout(() => {
    throw new Error('planted outside of any screen')
  }, 300)
process.exitCode = await runWizard({ context: 'prod-eu-1' }, terminal, new FakeDesk())
terminal.restore()
// Watching in memory leaves nothing open; a run that was cut off might.
process.exit()
