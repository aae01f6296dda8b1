import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

export const ROOT = join(import.meta.dirname, '..', '..')
export const BIN = join(ROOT, 'bin', 'k8s-harden.js')

/** What V8 made of the program is kept from run to run, as it is for users who have a home. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'compiled')

export interface CliResult {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}
export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
  readonly timeout?: number
}

/** A state directory of its own, so that no test sees another's journal. */
export const freshState = (): string => mkdtempSync(join(tmpdir(), 'k8s-harden-state-'))

/** Runs the built program as a user would, without a terminal and without the kubeconfig of whoever runs the tests. */
export async function cli(args: readonly string[], { env = {}, input, cwd, timeout = 60_000 }: CliOptions = {}): Promise<CliResult> {
  const done = await execa(process.execPath, [BIN, ...args], {
    reject: false,
    timeout,
    cwd: cwd ?? ROOT,
    maxBuffer: 2 ** 28,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    env: {
      HOME: '/nonexistent',
      KUBECONFIG: '',
      KUBERNETES_SERVICE_HOST: '',
      XDG_STATE_HOME: freshState(),
      FORCE_COLOR: '0',
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: COMPILED,
      ...env,
    },
  })
  return { exitCode: done.exitCode, stdout: done.stdout, stderr: done.stderr }
}
