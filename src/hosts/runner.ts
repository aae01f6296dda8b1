/** What a carrier has to bring along: it runs a program on the node. Everything else is RemoteHost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import type { Carrier } from '../model/index.ts'
import { HostUnreachable } from './host.ts'

export interface Ran {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: string
}
export interface RunOptions {
  readonly timeoutMs: number
  readonly stdin?: string
  /** Bytes of output that are waited for; more is `HostUnreachable`. */
  readonly limit: number
}
export interface Runner {
  readonly carrier: Carrier
  readonly words: string
  /**
   * Runs the program as root, with `argv` as it is and no shell's doing in between. Throws `HostUnreachable` where the carrier itself failed or no
   * answer came in time, `HostRefused` where the node will not let us in; whatever the program says, its exit code with it, is an answer.
   */
  run(argv: readonly string[], options: RunOptions): Promise<Ran>
  close(): Promise<void>
}

/** Of our own environment only what a carrier's program needs to find its socket, its keys and its settings. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|SSH_AUTH_SOCK|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|DOCKER_\w+|CONTAINER_\w+|CONTAINERS_\w+|CONTAINERD_\w+|NERDCTL_\w+)$/
export const carrierEnvironment = (): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (PASSED_ON.test(name) && value !== undefined ? [[name, value]] : [])),
  ),
  LC_ALL: 'C',
})

/** A program of this machine, without a shell. Throws `HostUnreachable` where it does not start, is killed, or takes too long. */
export async function runProgram(program: string, args: readonly string[], { timeoutMs, stdin, limit }: RunOptions): Promise<Ran> {
  const running = execa(program, args, {
    reject: false,
    encoding: 'buffer',
    extendEnv: false,
    env: carrierEnvironment(),
    timeout: timeoutMs,
    forceKillAfterDelay: 2000,
    maxBuffer: limit,
    stripFinalNewline: false,
    // A Ctrl-C goes to the whole group of the terminal: what is under way on a node is to be finished, or put back.
    detached: true,
    ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
  })
  // What the program started may keep its output open after it was ended: that is not waited for.
  const late = new AbortController()
  const result = await Promise.race([running, sleep(timeoutMs + 3000, undefined, { signal: late.signal, ref: false })]).finally(() =>
    late.abort(),
  )
  if (result === undefined || result.timedOut) throw new HostUnreachable(`${program} gave no answer within ${timeoutMs / 1000} s`)
  if (result.isMaxBuffer) throw new HostUnreachable(`${program} answered with more than ${limit} bytes`)
  if (result.exitCode === undefined)
    throw new HostUnreachable(
      (result as { code?: string }).code === 'ENOENT'
        ? `there is no program ${program} on this machine`
        : `${program} ended before its time (${result.signal ?? result.shortMessage})`,
    )
  return { exitCode: result.exitCode, stdout: Buffer.from(result.stdout), stderr: Buffer.from(result.stderr).toString('utf8') }
}

/** The last thing that was said, for a message. */
export const lastLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '') ?? 'it did not say why'
