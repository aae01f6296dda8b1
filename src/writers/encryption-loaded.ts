/** Whether the API server of one node has loaded its EncryptionConfiguration: told by its own metrics (controls.md 7(d)). */
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '../apiserver/client.ts'
import type { Host } from '../hosts/host.ts'
import type { MetricSample } from '../model/index.ts'
import { parseSample } from '../sources/facts/api-server-metrics.ts'
import { addressOf, apiServerOn } from './host-api-server.ts'
import type { HostWorld } from './host-performer.ts'

const FAMILY = 'apiserver_encryption_config_controller_'
/** An API server looks at the file once a minute. */
const POLL_MS = 60_000
/** KMS plugins must prove healthy before a new configuration counts. */
const LONGEST_MS = 3 * POLL_MS
/** Seconds. */
const TOLD_EVERY = 5

/** Those that API servers take up when they change, by flag: the family of metrics that tells of it. */
const RELOADED: Readonly<Record<string, string>> = {
  'encryption-provider-config': FAMILY,
  'authentication-config': 'apiserver_authentication_config_controller_',
  'authorization-config': 'apiserver_authorization_config_controller_',
}

/** The metrics of one instance, whose address the static pod of its node says. Undefined where they cannot be seen. */
export class Instance {
  readonly #client: ApiClient | undefined
  readonly #own: boolean
  private constructor(client: ApiClient | undefined, own: boolean) {
    this.#client = client
    this.#own = own
  }

  static async of(host: Host, nodes: readonly string[], { client }: Pick<HostWorld, 'client'>): Promise<Instance> {
    if (nodes.length === 1) return new Instance(client, false)
    const server = await addressOf(host, { client })
    const { context } = client
    // Credentials go only where the cluster's own authority says who answers.
    if (server === undefined || !context.server.startsWith('https:') || context.cluster['insecure-skip-tls-verify'] === true)
      return new Instance(undefined, false)
    if (server === context.server) return new Instance(client, false)
    return new Instance(new ApiClient({ ...context, server }), true)
  }

  async samples(): Promise<readonly MetricSample[] | undefined> {
    const samples: MetricSample[] = []
    const answer = await this.#client?.stream('/metrics', { accept: 'text/plain', limitMs: 10_000, idleMs: 10_000 }, (line) => {
      if (
        Object.values(RELOADED).some((family) => line.startsWith(family)) ||
        line.startsWith('apiserver_storage_transformation_operations_total') ||
        line.startsWith('apiserver_envelope_encryption_key_id_hash_') ||
        line.startsWith('process_start_time_seconds')
      ) {
        const sample = parseSample(line)
        if (sample !== undefined) samples.push(sample)
      }
      return undefined
    })
    return answer?.ok === true ? samples : undefined
  }

  get client(): ApiClient | undefined {
    return this.#client
  }
  close(): void {
    if (this.#own) this.#client?.close()
  }
}

/** Whether the node's API server is given this file; undefined where its manifest is not to be seen. */
export async function isGiven(host: Host, path: string): Promise<boolean | undefined> {
  const own = await apiServerOn(host)
  return typeof own === 'string' ? undefined : own.pathOf('encryption-provider-config') === path
}

/** Its counters of reloads, and the hash of what it runs with (from 1.34). */
export interface LoadedSeen {
  readonly hash: string | undefined
  readonly success: number
  readonly failure: number
}
export function loadedIn(samples: readonly MetricSample[]): LoadedSeen {
  const reloads = (status: string) =>
    samples
      .filter(({ name, labels }) => name === `${FAMILY}automatic_reloads_total` && labels['status'] === status)
      .reduce((sum, { value }) => sum + value, 0)
  const info = samples.find(({ name, value }) => name === `${FAMILY}last_config_info` && value > 0)
  return { hash: info?.labels['hash'], success: reloads('success'), failure: reloads('failure') }
}

/** The hash that was last seen loaded, by node and path: nobody needs to wait for it twice. */
const seenLoaded = new WeakMap<ApiClient, Map<string, string>>()

/**
 * Until the API server of the node runs with the file whose sha256 is given. `before`: its counters before the file was written.
 * A warning where that cannot be seen and only the time was waited out; `failed` where it does not take it.
 */
export async function untilLoaded(
  host: Host,
  { path, sha256, nodes }: { readonly path: string; readonly sha256: string; readonly nodes: readonly string[] },
  world: HostWorld,
  before?: LoadedSeen,
): Promise<{ readonly warnings: readonly string[] } | { readonly failed: string }> {
  const known = seenLoaded.get(world.client) ?? new Map<string, string>()
  seenLoaded.set(world.client, known)
  const id = `${host.node}:${path}`
  // What was just written cannot be loaded yet, also where it was so at an earlier time.
  if (before !== undefined) known.delete(id)
  if (known.get(id) === sha256) return { warnings: [] }
  const instance = await Instance.of(host, nodes, world)
  const start = Date.now()
  let told = -TOLD_EVERY
  try {
    for (;;) {
      const samples = await instance.samples()
      const seconds = Math.round((Date.now() - start) / 1000)
      if (samples !== undefined) {
        const now = loadedIn(samples)
        if (now.hash === `sha256:${sha256}` || (now.hash === undefined && before !== undefined && now.success > before.success)) {
          known.set(id, sha256)
          return { warnings: [] }
        }
        if (before !== undefined && now.failure > before.failure)
          return {
            failed: `the API server of ${host.node} could not load it and went on with its old one; its log says why ("error processing encryption config file")`,
          }
        if (seconds * 1000 > Math.max(LONGEST_MS, world.patienceMs))
          return {
            failed: `the API server of ${host.node} has not loaded it within ${seconds} s: is --encryption-provider-config-automatic-reload set?`,
          }
        // Nothing says what it runs with (before 1.34), and nothing was written now: an earlier reload may be it.
        if (now.hash === undefined && before === undefined && seconds * 1000 > POLL_MS + 10_000)
          return waited(now.success > 0 ? [] : undefined)
      } else if (seconds * 1000 > POLL_MS + 10_000) return waited(undefined)
      if (seconds >= told + TOLD_EVERY) {
        told = seconds
        world.tell(`the API server of ${host.node} to load ${path}, which it looks at once a minute (${seconds} s)`)
      }
      await sleep(1_000)
    }
  } finally {
    instance.close()
  }

  function waited(warnings: readonly string[] | undefined) {
    known.set(id, sha256)
    const unseen = `whether the API server of ${host.node} has loaded ${path} cannot be seen from here: waited 70 s, in which it looks at the file at least once`
    return { warnings: warnings ?? [unseen] }
  }
}

/** Whether its API server has tried to load this very file, could not, and runs on with another; from 1.34 on. */
export async function reloadFailed(host: Host, flag: string, sha256: string, world: HostWorld): Promise<string | undefined> {
  const family = RELOADED[flag]
  if (family === undefined) return undefined
  // Of several API servers another one may answer: that it could not load its own file is reason enough.
  const instance = await Instance.of(host, [host.node], world)
  try {
    const samples = (await instance.samples()) ?? []
    const tried = (status: string) =>
      Math.max(
        0,
        ...samples
          .filter(({ name, labels }) => name === `${family}automatic_reload_last_timestamp_seconds` && labels['status'] === status)
          .map(({ value }) => value),
      )
    const runs = samples.filter(({ name, value }) => name === `${family}last_config_info` && value > 0)
    return runs.length > 0 && runs.every(({ labels }) => labels['hash'] !== `sha256:${sha256}`) && tried('failure') > tried('success')
      ? 'the API server could not load it and runs on with what it had before (its log says why)'
      : undefined
  } finally {
    instance.close()
  }
}
