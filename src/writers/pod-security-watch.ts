/** Proves that a Pod Security label does what it says: the API server refuses a dangerous pod there, and no controller is stuck by it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Step } from '../model/index.ts'
import { DANGEROUS_POD, isViolation } from '../objects/pod-security-probe.ts'
import type { Watchman } from '../plan/run.ts'
import type { ClusterApi } from './cluster-api.ts'
import { enforcedBy } from './cluster-pod-security.ts'

interface EventObject {
  readonly metadata: { readonly uid?: string }
  readonly message?: string
  readonly count?: number
  readonly series?: { readonly count?: number }
  readonly involvedObject?: { readonly kind?: string; readonly name?: string }
}

export interface PodSecurityWatchOptions {
  /** For the admission plugin to have seen the label; default 5 s. */
  readonly patienceMs?: number
  /** For a controller to try a pod; default 500 ms. */
  readonly settleMs?: number
}

export class PodSecurityWatch implements Watchman {
  readonly #api: ClusterApi
  readonly #patienceMs: number
  readonly #settleMs: number
  /** Refused pods before the step in hand, by event and how often it was seen. */
  #before: ReadonlySet<string> = new Set()

  constructor(api: ClusterApi, { patienceMs = 5_000, settleMs = 500 }: PodSecurityWatchOptions = {}) {
    this.#api = api
    this.#patienceMs = patienceMs
    this.#settleMs = settleMs
  }

  async before(step: Step): Promise<undefined> {
    const namespace = enforcedBy(step)
    this.#before = new Set(namespace === undefined ? [] : (await this.#refused(namespace)).map(keyOf))
  }

  async after(step: Step): Promise<string | undefined> {
    const namespace = enforcedBy(step)
    if (namespace === undefined) return undefined
    if (await this.#stillAdmits(namespace))
      return `the label has no effect: the API server would still admit a pod in the host's PID namespace to ${namespace} (the namespace or your user is exempt from Pod Security, or the admission plugin is off)`
    await sleep(this.#settleMs)
    const stuck = (await this.#refused(namespace)).find((event) => !this.#before.has(keyOf(event)))
    if (stuck === undefined) return undefined
    const { kind = 'a controller', name = '' } = stuck.involvedObject ?? {}
    return `${kind} ${name} can no longer create its pods: ${stuck.message}`
  }

  /** False also where the answer says nothing about Pod Security: no right to create pods, a webhook in between. */
  async #stillAdmits(namespace: string): Promise<boolean> {
    const until = Date.now() + this.#patienceMs
    for (;;) {
      const answer = await this.#api.create(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, DANGEROUS_POD, { dryRun: true })
      if (!answer.ok) return false
      if (Date.now() > until) return true
      await sleep(100)
    }
  }

  async #refused(namespace: string): Promise<readonly EventObject[]> {
    const answer = await this.#api.get<{ readonly items?: readonly EventObject[] }>(
      `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
      { query: { fieldSelector: 'reason=FailedCreate', limit: 500 } },
    )
    return answer.ok ? (answer.body.items ?? []).filter(({ message = '' }) => isViolation(message)) : []
  }
}

const keyOf = ({ metadata, count = 0, series }: EventObject): string => `${metadata.uid} ${series?.count ?? count}`

/** All of them look; the first who objects is heard. */
export const watchmen = (...all: readonly Watchman[]): Watchman => ({
  async before(step) {
    for (const one of all) {
      const objection = await one.before(step)
      if (objection !== undefined) return objection
    }
    return undefined
  },
  async measure(step) {
    for (const one of all) await one.measure?.(step)
  },
  async after(step, patience) {
    for (const one of all) {
      const lost = await one.after(step, patience)
      if (lost !== undefined) return lost
    }
    return undefined
  },
  async leaving(next, patience) {
    for (const one of all) {
      const lost = await one.leaving?.(next, patience)
      if (lost !== undefined) return lost
    }
    return undefined
  },
  note(step) {
    const notes = all.map((one) => one.note?.(step)).filter((note) => note !== undefined)
    return notes.length === 0 ? undefined : notes.join('; ')
  },
})
