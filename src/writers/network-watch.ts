/**
 * Watches what NetworkPolicies do to what runs: pods that were ready must stay so, and none may be started again, for as long as their
 * probes take to tell. A policy that a plugin enforces cuts only new connections; probes of the kubelet itself are never cut, those whose
 * handler needs a peer fail with it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PodObject, Snapshot, Step } from '../model/index.ts'
import { isNarrowed } from '../objects/narrowed.ts'
import { networkPlugins } from '../objects/network-cni.ts'
import { isEmptySelector, matchesSelector } from '../objects/selectors.ts'
import { type Campaign, campaignOf, isSame } from '../plan/network-campaign.ts'
import { losersOf } from '../plan/network-losers.ts'
import {
  type Drop,
  dropsSince,
  type Health,
  healthOf,
  LONGEST_MS,
  type PodHealth,
  probesTell,
  timeToReady,
  uidOf,
  unreadySuccessors,
} from '../plan/pod-health.ts'
import type { Watchman } from '../plan/run.ts'
import type { ClusterApi } from './cluster-api.ts'

export interface NetworkWatchOptions {
  /** What is there now; asked anew all the time. */
  readonly snapshot: () => Snapshot
  /** Of the whole plan: the last one of a namespace's campaign is watched for all of them. */
  readonly steps: readonly Step[]
  /** At least so long; longer where probes need longer to fail. 0: one look. Default 10 s. */
  readonly steadyMs?: number
  /** For a new pod to become ready; default by its probes, 30 s to 75 s. */
  readonly newPodMs?: number
}

/** What was true before the first step of a campaign was written. */
interface Open {
  readonly campaign: Campaign
  readonly before: Snapshot
  readonly health: Health
  readonly steps: readonly Step[]
  /** Pods of namespaces that the scan was narrowed to leave out; undefined where they may not be read. */
  readonly elsewhere: readonly PodObject[] | undefined
}
interface EventList {
  readonly items?: readonly { readonly message?: string; readonly reason?: string }[]
}

const LOOK_EVERY_MS = 200
/** What no watch shows is listed anew. */
const READ_EVERY_MS = 2_000

export class NetworkWatch implements Watchman {
  readonly #api: Pick<ClusterApi, 'get'>
  readonly #snapshot: () => Snapshot
  readonly #steps: readonly Step[]
  readonly #steadyMs: number
  readonly #newPodMs: number | undefined
  #open: Open | undefined
  #note: string | undefined

  constructor(api: Pick<ClusterApi, 'get'>, { snapshot, steps, steadyMs = 10_000, newPodMs }: NetworkWatchOptions) {
    this.#api = api
    this.#snapshot = snapshot
    this.#steps = steps
    this.#steadyMs = steadyMs
    this.#newPodMs = newPodMs
  }

  async before(): Promise<undefined> {
    this.#note = undefined
  }

  /** Steps of one campaign follow each other within moments: what one has cut may show with the next, so all are held against the same state. */
  async measure(step: Step): Promise<void> {
    const campaign = step.carriedOut === 'live' ? campaignOf(step) : undefined
    if (campaign === undefined) return
    const now = this.#snapshot()
    if (isSame(this.#open?.campaign, campaign)) {
      this.#open = { ...this.#open!, steps: [...this.#open!.steps, step] }
      return
    }
    const elsewhere = await this.#elsewhere(now)
    this.#open = { campaign, before: now, health: healthOf(now, elsewhere), steps: [step], elsewhere }
  }

  async after(step: Step, patience?: AbortSignal): Promise<string | undefined> {
    if (this.#open === undefined || !this.#open.steps.includes(step)) return undefined
    const following = this.#steps.slice(this.#steps.indexOf(step) + 1).filter(({ carriedOut }) => carriedOut === 'live')
    const isLast = !following.some((one) => isSame(campaignOf(one), this.#open?.campaign))
    if (isLast) return this.#watch(patience)
    this.#note = 'watched with the policies that follow'
    return undefined
  }

  /** The step that was to close the campaign was left out, or refused. */
  async leaving(next: Step | undefined, patience?: AbortSignal): Promise<string | undefined> {
    if (this.#open === undefined || (next !== undefined && isSame(campaignOf(next), this.#open.campaign))) return undefined
    return this.#watch(patience)
  }

  /** Said with a step that holds. */
  note(): string | undefined {
    return this.#note
  }

  async #watch(patience?: AbortSignal): Promise<string | undefined> {
    const open = this.#open!
    this.#open = undefined
    this.#note = unwatchable(open.before)
    if (this.#note !== undefined) return undefined
    const concerned = concernedBy(open)
    const ready = [...open.health.values()].filter((one) => one.ready && concerned(one.pod))
    const began = Date.now()
    const until = began + (this.#steadyMs === 0 ? 0 : Math.max(this.#steadyMs, probesTell(ready.map(({ pod }) => pod))))
    const firstSeen = new Map<string, number>()
    let [elsewhere, read] = [open.elsewhere, began]
    for (;;) {
      if (elsewhere !== undefined && Date.now() - read >= READ_EVERY_MS) {
        elsewhere = (await this.#elsewhere(open.before)) ?? elsewhere
        read = Date.now()
      }
      const now = healthOf(this.#snapshot(), elsewhere)
      const drop = dropsSince(open.health, now).find(({ pod }) => concerned(pod))
      if (drop !== undefined) return this.#words(drop, now)
      const late = unreadySuccessors(open.health, now).filter(({ pod }) => concerned(pod))
      const over = late.find(({ pod }) => Date.now() - seenAt(firstSeen, pod) >= (this.#newPodMs ?? timeToReady(pod)))
      if (over !== undefined && this.#steadyMs > 0)
        return this.#words({ pod: over.pod, because: `did not become ready, as others of ${over.top} were before` }, now)
      // New pods get their time, but no stream of them keeps the run from going on.
      const isOver = Date.now() >= until && (late.length === 0 || this.#steadyMs === 0 || Date.now() >= until + LONGEST_MS)
      if (isOver || patience?.aborted === true) {
        this.#note = told(ready, open, Date.now() - began, isOver)
        return undefined
      }
      await sleep(LOOK_EVERY_MS, undefined, { ...(patience !== undefined && { signal: patience }) }).catch(() => {})
    }
  }

  /** A namespace is closed for others above all: their pods are looked at even where the operator narrowed the scan to it. */
  async #elsewhere(snapshot: Snapshot): Promise<readonly PodObject[] | undefined> {
    const { namespaces = [] } = snapshot.source
    if (!isNarrowed(snapshot, 'Pod')) return []
    const fieldSelector = namespaces.map((name) => `metadata.namespace!=${name}`).join(',')
    const answer = await this.#api.get<{ readonly items?: readonly PodObject[] }>('/api/v1/pods', {
      query: { fieldSelector, resourceVersion: '0' },
    })
    return answer.ok ? (answer.body.items ?? []) : undefined
  }

  async #words({ pod, because }: Drop, now: Health): Promise<string> {
    const { name, namespace = 'default' } = pod.metadata
    const probe = await this.#failedProbe(namespace, name)
    const services = withoutReadyPods(this.#snapshot(), pod, now)
    return [
      `pod ${namespace}/${name} ${because}${probe === undefined ? '' : `: ${probe}`}`,
      ...(services.length > 0 ? [`no ready pod is left behind ${services.join(', ')}`] : []),
    ].join('; ')
  }

  /** The kubelet's own words: a probe that fails is an event of reason Unhealthy. */
  async #failedProbe(namespace: string, name: string): Promise<string | undefined> {
    const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${name}`
    const answer = await this.#api.get<EventList>(`/api/v1/namespaces/${encodeURIComponent(namespace)}/events`, {
      query: { fieldSelector, limit: 100 },
    })
    const message = answer.ok
      ? answer.body.items?.findLast(({ reason }) => reason === 'Unhealthy' || reason === 'BackOff')?.message
      : undefined
    return message?.replace(/\s+/g, ' ').trim().slice(0, 300)
  }
}

const seenAt = (seen: Map<string, number>, pod: PodObject): number => {
  const uid = uidOf(pod)
  const at = seen.get(uid) ?? Date.now()
  seen.set(uid, at)
  return at
}

/** Why looking at pods would prove nothing. */
function unwatchable(snapshot: Snapshot): string | undefined {
  const unread = snapshot.unread('Pod')
  if (unread !== undefined) return `whether pods stay ready was not watched: ${unread.because}`
  const plugins = networkPlugins(snapshot)
  if (plugins.length === 0 || plugins.some(({ enforces }) => enforces)) return undefined
  const [{ name, why }] = plugins as [(typeof plugins)[number]]
  return `nothing was cut and nothing is proved: the network plugin (${name}) enforces no policies, ${why}`
}

/** Pods of the namespace whose policies change, and those elsewhere that lose a way to them or from them. */
function concernedBy({ campaign, before, steps, elsewhere = [] }: Open): (pod: PodObject) => boolean {
  if (campaign.namespace === undefined) return () => true
  let ways: ((pod: PodObject) => boolean) | undefined
  const lose = (pod: PodObject): boolean => (ways ??= losersOf(before, steps, campaign.namespace!, elsewhere))(pod)
  return (pod) => (pod.metadata.namespace ?? 'default') === campaign.namespace || lose(pod)
}

/** Services that select the pod, and none that is ready. */
function withoutReadyPods(snapshot: Snapshot, pod: PodObject, now: Health): readonly string[] {
  const namespace = pod.metadata.namespace
  return snapshot
    .all('Service')
    .filter(({ metadata, spec }) => {
      const selector = { matchLabels: spec?.selector ?? {} }
      const selects = (one: PodObject) => one.metadata.namespace === namespace && matchesSelector(selector, one.metadata.labels ?? {})
      if (metadata.namespace !== namespace || isEmptySelector(selector) || !selects(pod)) return false
      return ![...now.values()].some((one) => one.ready && selects(one.pod))
    })
    .map(({ metadata }) => `Service ${metadata.namespace}/${metadata.name}`)
}

function told(ready: readonly PodHealth[], { health, campaign, elsewhere }: Open, ms: number, isOver: boolean): string {
  if (!isOver) return 'whether pods stay ready is not known: the watch was cut short'
  const ill = [...health.values()].filter(({ ready: was, pod }) => !was && pod.metadata.namespace === campaign.namespace).length
  const doubts = [
    ...(ill > 0 ? [`${ill} ${ill === 1 ? 'was' : 'were'} not ready before`] : []),
    ...(elsewhere === undefined ? ['pods of other namespaces may not be read and were not watched'] : []),
  ]
  const left = doubts.length > 0 ? ` (${doubts.join('; ')})` : ''
  if (ready.length === 0) return `no pod was ready before, so none could be watched${left}`
  return `${ready.length} ${ready.length === 1 ? 'pod' : 'pods'} as ready as before for ${Math.round(ms / 1000)} s, no restarts${left}`
}
