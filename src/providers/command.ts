/** Runs a provider's CLI: arguments as a list and never through a shell, JSON on standard output, nobody asked, and an end to it. */
import { execa } from 'execa'
import { clean } from '../apiserver/refusal.ts'

export type Told = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly because: string }
export type Tell = (argv: readonly [string, ...string[]]) => Promise<Told>

const LIMIT_MS = 45_000
const MOST_BYTES = 32 * 2 ** 20

export const teller =
  (signal: AbortSignal, limitMs: number = LIMIT_MS): Tell =>
  async (argv) => {
    const [file, ...args] = argv
    const failed = (because: string): Told => ({ ok: false, because })
    const { exitCode, stdout, stderr, timedOut, code, isMaxBuffer } = await execa(file, args, {
      reject: false,
      stdin: 'ignore',
      timeout: limitMs,
      maxBuffer: MOST_BYTES,
      cancelSignal: signal,
      forceKillAfterDelay: 2_000,
      // No pager, no question, no advice to upgrade.
      env: { AWS_PAGER: '', CLOUDSDK_CORE_DISABLE_PROMPTS: '1', AZURE_CORE_NO_COLOR: '1', AZURE_CORE_ONLY_SHOW_ERRORS: '1' },
    })
    if (code === 'ENOENT') return failed(`${file} is not installed`)
    if (timedOut) return failed(`it did not finish within ${limitMs / 1000} s`)
    if (isMaxBuffer) return failed('it printed more than can be read')
    if (exitCode !== 0) return failed(clean(stderr.trim().split('\n').at(-1) || `it ended with ${exitCode ?? code ?? 'a signal'}`, 300))
    try {
      return { ok: true, value: JSON.parse(stdout) as unknown }
    } catch {
      return failed('what it printed is no JSON')
    }
  }
