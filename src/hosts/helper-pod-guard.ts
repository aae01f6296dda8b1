/**
 * A guard in a helper pod: the pod's own program, which keeps copies of files and puts them back by itself unless it is told in time to keep
 * the new ones. It needs no connection and no API server; it also puts back when its pod is deleted, whoever does that.
 */
import { randomBytes } from 'node:crypto'
import type { HelperPod, PodName } from './helper-pod.ts'
import { ARM, KEEP, PUT_BACK } from './helper-pod-guard-programs.ts'
import { type Guard, type GuardedFile, HostConflict, HostRefused, HostUnreachable } from './host.ts'
import { lastLine } from './runner.ts'

const LIMITS = { timeoutMs: 30_000, limit: 64 * 1024 } as const

/** The pod must be one that guards, and have the folders of the files open for writing. */
export async function armGuard(pod: HelperPod, files: readonly GuardedFile[], seconds: number): Promise<Guard> {
  const id = randomBytes(6).toString('hex')
  const there = await pod.hold(id)
  const words = files.flatMap(({ path, before, after }) => [path, before, after ?? '-'])
  try {
    const ran = await pod.runIn(there, ['sh', '-c', ARM, 'sh', id, String(seconds), ...words], LIMITS)
    if (ran === undefined) throw new HostUnreachable('the helper pod ended before it could guard anything')
    if (ran.exitCode === 3) throw new HostConflict(`${files.map(({ path }) => path).join(', ')}: changed by somebody else`)
    if (ran.exitCode !== 0) throw new HostRefused(`the helper pod cannot guard ${files[0]?.path}: ${lastLine(ran.stderr)}`)
  } catch (error) {
    pod.release()
    throw error
  }
  const until = Date.now() + seconds * 1000
  return { until, keep: () => asked(pod, there, KEEP, id), putBack: () => asked(pod, there, PUT_BACK, id) }
}

/** A pod that is gone has put back whatever it was not told to keep. */
async function asked(pod: HelperPod, there: PodName, script: string, id: string): Promise<'kept' | 'put back'> {
  const ran = await pod.runIn(there, ['sh', '-c', script, 'sh', id], LIMITS)
  const said = ran?.stdout.toString('utf8').trim()
  if (ran !== undefined && said !== 'kept' && said !== 'back')
    throw new HostUnreachable(`the guard in the helper pod does not say what it did: ${lastLine(ran.stderr)}`)
  pod.release()
  return said === 'kept' ? 'kept' : 'put back'
}
