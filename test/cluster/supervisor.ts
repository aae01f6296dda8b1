import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

// An API server waits a minute for its watches to end by themselves.
const graceMs = 3_000

/** One program of the cluster while it runs. */
export interface Running {
  readonly pid: number
  /** What it said last, once it has ended; undefined while it runs. */
  ended(): string | undefined
  /** Settles when it has ended. */
  readonly finished: Promise<void>
  stop(): Promise<void>
}

/** Starts programs with their log in the cluster's folder, and ends exactly those. */
export interface Supervisor {
  start(name: string, file: string, args: readonly string[]): Running
  /** Ends one program if it runs. */
  stop(name: string): Promise<void>
  runs(name: string): boolean
  pids(): number[]
  /** Control groups that the watchdog removes when the test process is killed. */
  owns(cgroups: readonly string[]): void
  disowns(cgroups: readonly string[]): void
  /** Lets the watchdog go, which removes the cluster's folder; every program must have been stopped. */
  release(): Promise<void>
}

/** Opens a supervisor for the programs of the cluster in `dir`. */
export function createSupervisor(dir: string): Supervisor {
  const running = new Map<string, Running>()
  const watchdog = startWatchdog(dir)

  return {
    start(name, file, args) {
      const program = launch(join(dir, `${name}.log`), dir, file, args, watchdog.tell)
      running.set(name, program)
      return program
    },
    async stop(name) {
      await running.get(name)?.stop()
      running.delete(name)
    },
    runs: (name) => running.get(name)?.ended() === undefined && running.has(name),
    pids: () => [...running.values()].map(({ pid }) => pid),
    owns: (cgroups) => cgroups.forEach((folder) => void watchdog.tell(`+${folder}`)),
    disowns: (cgroups) => cgroups.forEach((folder) => void watchdog.tell(`-${folder}`)),
    release: watchdog.release,
  }
}

function launch(log: string, dir: string, file: string, args: readonly string[], tell: (line: string) => void): Running {
  const subprocess = execa(file, args, {
    cwd: dir,
    // Nothing of the developer's own configuration may leak in.
    env: { HOME: dir, KUBECONFIG: '' },
    stdin: 'ignore',
    stdout: { file: log, append: true },
    stderr: { file: log, append: true },
    buffer: false,
    reject: false,
    forceKillAfterDelay: graceMs,
  })
  const { pid } = subprocess
  if (pid === undefined) throw new Error(`${file} could not be started`)
  tell(`+${pid}`)

  let over = false
  const exit = subprocess.then(() => {
    over = true
    tell(`-${pid}`)
  })
  return {
    pid,
    ended: () => (over ? tail(log) : undefined),
    finished: exit,
    async stop() {
      subprocess.kill('SIGTERM')
      await exit
    },
  }
}

function tail(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-25).join('\n')
}

function startWatchdog(dir: string): { tell: (line: string) => void; release: () => Promise<void> } {
  const script = fileURLToPath(new URL('./watchdog.ts', import.meta.url))
  const child = spawn(process.execPath, [script, dir], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // A process group of its own: what ends the tests must not end the watchdog first.
    detached: true,
  })
  // It must not keep the test process alive either: only its death is of interest.
  child.unref()
  const input = child.stdin as Socket
  input.unref()
  input.on('error', () => {})
  return {
    tell: (line) => input.write(`${line}\n`),
    async release() {
      if (child.exitCode !== null) return
      child.ref()
      input.end()
      await once(child, 'exit')
    },
  }
}
