import { imagesOf } from '../images-option.ts'
import { auditLogsOf, flowsOf } from '../log-options.ts'
import { checkSource } from '../options.ts'
import { takeTerminal } from '../terminal.ts'
import type { WizardOptions } from '../wizard-app.tsx'

/** The full-screen wizard. Returns the exit code. The terminal is taken first, so that the screen stands while the rest is loaded. */
export async function wizardCommand(options: WizardOptions): Promise<number> {
  checkSource(options)
  if (options.images !== undefined) await imagesOf(options.images)
  if (options.auditLog !== undefined) await auditLogsOf(options.auditLog)
  if (options.flows !== undefined) await flowsOf(options.flows)
  const terminal = takeTerminal(' k8s-harden: starting ...')
  try {
    const [{ runWizard }, { wizardDesk }] = [await import('../wizard-app.tsx'), await import('../wizard-desk.ts')]
    return await runWizard(options, terminal, wizardDesk(options))
  } finally {
    terminal.restore()
  }
}
