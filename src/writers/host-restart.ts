/** Waits until a static pod's component is back after its manifest changed, and sees early when it will not be. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clean } from '../apiserver/refusal.ts'
import { type Host, HostRefused, HostUnreachable } from '../hosts/host.ts'
import type { ContainerStatus, ControlPlaneComponent } from '../model/index.ts'
import type { FlagValues } from '../objects/flag-edits.ts'
import { commandLineOf } from '../objects/flag-parse.ts'
import { isReady } from '../plan/rollout.ts'
import type { HostWorld } from './host-performer.ts'
import { type MirrorPod, mirrorOf } from './host-static-pod.ts'

export interface Returning {
  readonly component: ControlPlaneComponent
  readonly namespace: string
  /** Of the mirror pod, and of the component's container in it. */
  readonly name: string
  readonly container: string
  /** What the mirror pod is to show. */
  readonly flags: FlagValues
  /** Of the manifest that is waited for, and of one that is not; where they are known. */
  readonly hash?: string
  readonly notHash?: string
}
/** The last log file of each pod directory: whatever is newer belongs to a new container. */
export type LogsBefore = ReadonlyMap<string, number>

const EVERY_MS = 500
const TOLD_EVERY_MS = 5_000
/** Without a probe a container counts as ready the moment it runs; and what looks as it did before may be about to be restarted. */
const STEADY_MS = 5_000
const LOGS = '/var/log/pods'
const LOG_BYTES = 1024 * 1024

/**
 * Undefined once it is back; otherwise why it is not, in one clause. The API itself may be away meanwhile. `inVain`: asked now and then,
 * why it need not be waited for any longer.
 */
export async function untilBack(
  world: HostWorld,
  host: Host,
  awaited: Returning,
  before: LogsBefore,
  inVain: () => Promise<string | undefined> = async () => undefined,
): Promise<string | undefined> {
  const began = Date.now()
  // One that comes back as it was carries the restarts of its former life.
  const isNew = awaited.hash === undefined
  let told = 0
  let wellSince: number | undefined
  let restartsAtFirst: number | undefined
  for (;;) {
    const pod = await mirrorOf(world, awaited)
    if (isPod(pod) && isWanted(pod, awaited)) {
      const status = pod.status?.containerStatuses?.find(({ name }) => name === awaited.container)
      restartsAtFirst ??= status?.restartCount ?? 0
      const hopeless = isNew ? whyHopeless(status) : undefined
      if (hopeless !== undefined) return `${named(awaited, host)} does not start: ${hopeless}`
      const exits = (status?.restartCount ?? 0) - restartsAtFirst + (status?.state?.terminated === undefined ? 0 : 1)
      if (isNew && exits > SPARED_EXITS) return endsAtOnce(awaited, host, await lastWords(host, awaited, before))
      if (isReady(pod) && status?.state?.running !== undefined) wellSince ??= Date.now()
      else wellSince = undefined
      const steadyMs = isNew && hasProbe(pod, awaited) ? 0 : Math.min(STEADY_MS, world.patienceMs / 3)
      if (wellSince !== undefined && Date.now() - wellSince >= steadyMs && (await answers(world, awaited))) return undefined
    } else wellSince = undefined
    if (isNew) {
      const fatal = await fatalWords(host, awaited, before)
      if (fatal !== undefined) return endsAtOnce(awaited, host, fatal)
    }
    const waited = Date.now() - began
    if (waited > world.patienceMs) {
      const words = isNew ? await lastWords(host, awaited, before) : undefined
      const why = words !== undefined ? `; its log ends with: ${words}` : isNew ? await whyNothingSaid(host, awaited, before) : ''
      return `${named(awaited, host)} did not come back within ${Math.round(world.patienceMs / 1000)} s${why}`
    }
    if (waited - told >= TOLD_EVERY_MS || told === 0) {
      told = Math.max(waited, 1)
      const because = wellSince === undefined ? await inVain() : undefined
      if (because !== undefined) return because
      world.tell(`${named(awaited, host)} to come back (${Math.round(waited / 1000)} s)`)
    }
    await sleep(EVERY_MS)
  }
}

const named = ({ component }: Returning, host: Host): string => `${component} on ${host.node}`
const isPod = (answer: Awaited<ReturnType<typeof mirrorOf>>): answer is MirrorPod =>
  answer !== undefined && typeof answer === 'object' && 'hash' in answer

/** Does a mirror pod show the component as it is waited for? */
function isWanted(pod: MirrorPod, { component, container, flags, hash, notHash }: Returning): boolean {
  if ((hash !== undefined && pod.hash !== hash) || (notHash !== undefined && pod.hash === notHash)) return false
  const own = pod.spec.containers.find(({ name }) => name === container)
  const line = own && commandLineOf(own, component)
  return (
    line !== undefined &&
    Object.entries(flags).every(([flag, value]) => (value === null ? !line.flags.has(flag) : line.flags.get(flag) === value))
  )
}

function hasProbe(pod: MirrorPod, { container }: Returning): boolean {
  const own = pod.spec.containers.find(({ name }) => name === container) as { readonly readinessProbe?: unknown } | undefined
  return own?.readinessProbe !== undefined
}

/** The next step asks the API server that this tool is connected to, whichever that is. */
async function answers({ client }: HostWorld, { component }: Returning): Promise<boolean> {
  if (component !== 'kube-apiserver' && component !== 'etcd') return true
  const answer = await client.text('/readyz', { limitMs: 5_000 })
  return answer.ok || answer.refusal.kind === 'forbidden'
}

/** Time alone mends none of these; a crash is told by its log. */
const HOPELESS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'InvalidImageName',
  'ErrImageNeverPull',
])
const whyHopeless = (status: ContainerStatus | undefined): string | undefined => {
  const waiting = status?.state?.waiting
  if (waiting?.reason === undefined || !HOPELESS.has(waiting.reason)) return undefined
  return clean(`${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`, 300)
}

// ── the component's own log ────────────────────────────────────────────────────────────────────
/** An exit may be bad luck: its etcd did not answer, its port was not free yet. */
const SPARED_EXITS = 1
const FATAL = /^Error: |"command failed" err=|^F\d{4} |^panic: |^fatal error: |"level":"(?:fatal|panic)"/
const BAD_LUCK = /connection refused|i\/o timeout|address already in use|context deadline exceeded|no such host|etcdserver: /

export async function logsBefore(
  host: Host,
  { namespace, name, container }: Pick<Returning, 'namespace' | 'name' | 'container'>,
): Promise<LogsBefore> {
  const seen = new Map<string, number>()
  for (const directory of (await host.list(LOGS).catch(() => undefined)) ?? []) {
    if (!directory.startsWith(`${namespace}_${name}_`)) continue
    seen.set(directory, Math.max(-1, ...(await numbersIn(host, `${LOGS}/${directory}/${container}`))))
  }
  return seen
}
const numbersIn = async (host: Host, directory: string): Promise<readonly number[]> =>
  ((await host.list(directory).catch(() => undefined)) ?? []).flatMap((file) =>
    /^\d+\.log$/.test(file) ? [Number.parseInt(file, 10)] : [],
  )

/** The log of each new container, oldest first. */
async function* newLogs(host: Host, awaited: Returning, before: LogsBefore): AsyncGenerator<readonly string[]> {
  const now = await logsBefore(host, awaited)
  for (const [directory, last] of now) {
    if (awaited.notHash !== undefined && directory.endsWith(`_${awaited.notHash}`)) continue
    const first = (before.get(directory) ?? -1) + 1
    for (const number of await numbersIn(host, `${LOGS}/${directory}/${awaited.container}`))
      if (number >= first && number <= last) yield await linesOf(host, `${LOGS}/${directory}/${awaited.container}/${number}.log`)
  }
}

/** Without what the runtime puts before each line. */
async function linesOf(host: Host, path: string): Promise<readonly string[]> {
  try {
    const file = await host.read(path, LOG_BYTES)
    return (file?.text ?? '').split('\n').flatMap((line) => {
      const text = line.replace(/^\S+ std(?:out|err) [FP] /, '')
      return text.trim() === '' ? [] : [text]
    })
  } catch (error) {
    // One that is so long is of a component that runs.
    if (error instanceof HostRefused) return []
    // The road to the node may lead over what is away.
    if (error instanceof HostUnreachable) return []
    throw error
  }
}

/** What a new container said as it ended, unless trying again may help. */
async function fatalWords(host: Host, awaited: Returning, before: LogsBefore): Promise<string | undefined> {
  let spared = 0
  for await (const lines of newLogs(host, awaited, before)) {
    const fatal = lines.findLast((line) => FATAL.test(line))
    if (fatal !== undefined && (!BAD_LUCK.test(fatal) || spared++ >= SPARED_EXITS)) return plain(fatal)
  }
  return undefined
}

async function lastWords(host: Host, awaited: Returning, before: LogsBefore): Promise<string | undefined> {
  let last: string | undefined
  for await (const lines of newLogs(host, awaited, before)) last = lines.findLast((line) => FATAL.test(line)) ?? lines.at(-1) ?? last
  return last === undefined ? undefined : plain(last)
}

/** A manifest that the kubelet does not take, or a mount that it cannot make, is told in its own log alone. */
async function whyNothingSaid(host: Host, awaited: Returning, before: LogsBefore): Promise<string> {
  for await (const _new of newLogs(host, awaited, before)) return ''
  return `; no container of it was started, and the log of the kubelet says why (journalctl -u kubelet on ${host.node})`
}

const endsAtOnce = (awaited: Returning, host: Host, words: string | undefined): string =>
  `${named(awaited, host)} ends as soon as it is started${words === undefined ? '' : `: ${words}`}`

/** One line for the operator; whatever looks like a key is left out. */
function plain(line: string): string {
  const said =
    /"command failed" err=(.*)$/
      .exec(line)?.[1]
      ?.replace(/^"(.*)"$/, '$1')
      .replaceAll('\\"', '"') ?? line.replace(/^(?:Error: |[EF]\d{4} \S+\s+\d+ \S+\] )/, '')
  const hidden = said.replaceAll(/(?<![\w/.+-])[A-Za-z0-9+/_-]{32,}={0,2}/g, (token) =>
    /\d/.test(token) && /[A-Z]/.test(token) && /[a-z]/.test(token) ? '‹hidden›' : token,
  )
  return clean(hidden, 300)
}
