/** Looks at many nodes: some at a time, each within a time limit, and none waited for again that did not answer last time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Gate } from '../apiserver/gate.ts'
import { type Host, HostUnreachable } from '../hosts/host.ts'
import { type HostLook, lookAt, refusedLook } from './hosts-look.ts'

export interface LooksOptions {
  /** Milliseconds that the look at one node may take; the default leaves time for a helper pod to be made and its image pulled. */
  readonly nodeMs?: number
}
/** Each is a process of this machine and a connection, or a pod. */
const AT_ONCE = 32
const NODE_MS = 120_000

export class Looks {
  readonly #hosts: readonly Host[]
  readonly #nodeMs: number
  readonly #gate = new Gate(AT_ONCE)
  readonly #last = new Map<Host, HostLook>()
  /** Looks that somebody went on without. */
  readonly #late = new Map<Host, Promise<HostLook>>()

  constructor(hosts: readonly Host[], { nodeMs = NODE_MS }: LooksOptions = {}) {
    this.#hosts = hosts
    this.#nodeMs = nodeMs
  }

  /**
   * In the order of the hosts. A node that gave no answer the last time is asked again beside the others, and what it says is told the next
   * time: until then its refusal stands.
   */
  all(signal: AbortSignal): Promise<readonly HostLook[]> {
    return Promise.all(
      this.#hosts.map(async (host) => {
        const last = this.#last.get(host)
        const look = this.#late.get(host) ?? this.#one(host, signal)
        this.#late.set(host, look)
        const known = last?.seen.refused === undefined ? undefined : await Promise.race([look.then(() => undefined), sleep(0, last)])
        if (known !== undefined) return known
        this.#late.delete(host)
        const now = await look
        this.#last.set(host, now)
        return now
      }),
    )
  }

  async #one(host: Host, signal: AbortSignal): Promise<HostLook> {
    let leave = () => {}
    try {
      leave = await this.#gate.enter(signal)
      const limit = AbortSignal.timeout(this.#nodeMs)
      const stop = AbortSignal.any([signal, limit])
      const given = new Promise<never>((_, reject) => {
        const end = () =>
          reject(new HostUnreachable(limit.aborted ? `${host.words}: not done within ${this.#nodeMs / 1000} s` : 'it was interrupted'))
        stop.addEventListener('abort', end, { once: true })
      })
      return await Promise.race([lookAt(host, stop), given])
    } catch (error) {
      if (error instanceof HostUnreachable || signal.aborted) return refusedLook(host, (error as Error).message)
      throw error
    } finally {
      leave()
    }
  }
}
