import { readFileSync } from 'node:fs'
import { execa } from 'execa'

export interface Measured {
  readonly seconds: number /** Peak resident set, MB (VmHWM; 0 where there is no /proc). */
  readonly peakMb: number
  readonly cpuSeconds: number
  readonly stdout: string
  readonly exitCode: number | undefined
}

/** Runs a command to its end and samples its peak memory and CPU from /proc. */
export async function measure(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Measured> {
  const started = performance.now()
  const running = execa(command, args, { env, reject: false, stdin: 'ignore', maxBuffer: 2 ** 30 })
  let peakMb = 0
  let ticks = 0
  const sample = () => {
    try {
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
      const fields = readFileSync(`/proc/${running.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
    } catch {
      // It has ended, or there is no /proc here.
    }
  }
  const timer = setInterval(sample, 5)
  const { stdout, exitCode } = await running
  clearInterval(timer)
  return { seconds: (performance.now() - started) / 1000, peakMb, cpuSeconds: ticks / 100, stdout: String(stdout), exitCode }
}

/** The run in the middle by time: machines are shared, one run says little. */
export async function median(times: number, run: () => Promise<Measured>): Promise<Measured> {
  const runs: Measured[] = []
  for (let index = 0; index < times; index++) runs.push(await run())
  return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(times / 2)]!
}
