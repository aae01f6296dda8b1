import { printable } from '../objects/display.ts'
import { EXIT } from './exit-codes.ts'

/** What the operator did wrong, in one sentence, and what to do next. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly tryNext: readonly string[]
  constructor(message: string, tryNext: readonly string[] = []) {
    super(message)
    this.tryNext = tryNext
  }
}

/** Names of the error classes of other rooms, with the exit code each stands for; those rooms may not know this one. */
const CODES: Readonly<Record<string, number>> = {
  UsageError: EXIT.usage,
  ConfigProblem: EXIT.usage,
  SourceProblem: EXIT.unreadable,
  CannotConnect: EXIT.unreadable,
  TargetBusy: EXIT.usage,
  StateUnwritable: EXIT.usage,
  JournalBroken: EXIT.changeFailed,
  Interrupted: EXIT.interrupted,
}

/** Any error, as words for stderr and an exit code. Only what we did wrong shows a stack. */
export function explainError(error: unknown): { readonly text: string; readonly code: number } {
  if (!(error instanceof Error)) return { text: `k8s-harden: ${printable(String(error))}\n`, code: EXIT.changeFailed }
  const code = CODES[error.constructor.name] ?? CODES[error.name]
  if (code === undefined)
    return { text: `k8s-harden: this is a fault of ours, please report it: ${error.stack ?? error.message}\n`, code: 70 }
  const tryNext = 'tryNext' in error && Array.isArray(error.tryNext) ? (error.tryNext as string[]) : []
  return { text: [`k8s-harden: ${printable(error.message)}`, ...tryNext.map((hint) => `  try: ${printable(hint)}`), ''].join('\n'), code }
}
