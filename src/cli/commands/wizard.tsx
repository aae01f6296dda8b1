import { checkSource, type SourceOptions } from '../options.ts'
import { takeTerminal } from '../terminal.ts'

export interface WizardOptions extends SourceOptions { readonly practice?: string }

/** The full-screen wizard. Returns the exit code. The terminal is taken first, so that the screen stands while the rest is loaded. */
export async function wizardCommand(options: WizardOptions): Promise<number> {
  checkSource(options)
  const terminal = takeTerminal(' k8s-harden: starting ...')
  try {
    const { runWizard } = await import('../wizard-app.tsx')
    return await runWizard(options, terminal)
  } finally {
    terminal.restore()
  }
}
