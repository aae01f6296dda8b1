/** One resource stored anew: who does it, what is looked at meanwhile, and what proves it. */
import type { ServedResource } from '../apiserver/discovery.ts'
import type { Host } from '../hosts/host.ts'
import { grown, prefixWords, seriesOf, transformations } from '../objects/stored-form.ts'
import { WriteRefused } from '../plan/writer.ts'
import { storedCounters } from '../sources/stored-counters.ts'
import type { HostWorld } from './host-performer.ts'
import { migrate } from './rewrite-migration.ts'
import { type Pace, type Rewritten, rewriteObjects } from './rewrite-objects.ts'
import { proveByBytes } from './stored-bytes.ts'
import { type StoredItem, type StoredResource, storedItems } from './stored-items.ts'
import { notOfKey, othersThan } from './stored-keys.ts'
import { proveByReads } from './stored-reads.ts'

export interface RewritePace extends Omit<Pace, 'patienceMs'> {
  /** Milliseconds until a controller must have taken up a StorageVersionMigration. */
  readonly migrationStartMs: number
}
export const PACE: RewritePace = { perSecond: 50, atOnce: 4, migrationStartMs: 30_000 }

interface Options {
  readonly resource: StoredResource
  /** Undefined: whatever writes now. */
  readonly prefix: string | undefined
  /** Of the KMS: none may be left under another one. */
  readonly key?: { readonly provider: string; readonly hash: string }
  readonly hosts: readonly Host[]
  readonly world: HostWorld
  readonly pace: RewritePace
  readonly migrations: Migrations
}
/** Where they are served; undefined too once it has shown that nobody takes them up, so that it is waited for once only. */
export interface Migrations {
  at: ServedResource | undefined
}

/** Returns warnings; throws where it is not proved that everything is stored as it should be. */
export async function rewriteResource(options: Options): Promise<readonly string[]> {
  const { resource, prefix, key, hosts, world, pace, migrations } = options
  const { client, signal, tell } = world
  const items = await storedItems(client, resource, signal)
  if (items.length === 0) return []
  if (prefix !== undefined && key === undefined) {
    const already = await proveByBytes(hosts, resource.name, prefix, items.length)
    if (already.is === 'seen' && already.all) return []
  }
  await firstOne()
  let outcome: Rewritten | undefined
  const warnings: string[] = []
  const left =
    migrations.at === undefined
      ? undefined
      : await migrate({
          client,
          at: migrations.at,
          resource,
          run: world.run,
          signal,
          startMs: pace.migrationStartMs,
          limitMs: Math.max(world.patienceMs, 120_000) + 100 * items.length,
          tell,
        })
  if (left?.is === 'left' && left.nobody) migrations.at = undefined
  if (left?.is === 'left')
    warnings.push(`the StorageVersionMigration of ${resource.name} was given up, and each object patched: ${left.because}`)
  if (left?.is !== 'done') outcome = await patchAll(items)
  const proof = await prove()
  if (proof.proved) return [...warnings, ...proof.warnings, ...refusedWords(outcome?.refused ?? [], 'but it is stored as it should be')]
  // What a migration passes over shows by name when each is patched.
  outcome = await patchAll(await storedItems(client, resource, signal))
  const second = await prove()
  if (second.proved) return [...warnings, ...second.warnings]
  const [refused] = outcome.refused
  if (refused !== undefined)
    throw new WriteRefused(
      refused.by,
      `${outcome.refused.length} of ${items.length} ${resource.name} stay as they are stored, readable as before; ${refused.what}: ${refused.because}`,
    )
  throw new WriteRefused('k8s-harden', `not everything of ${resource.name} is stored as ${prefixWords(prefix ?? '')}: ${second.because}`)

  /** Stored anew alone, to see by the counters that the API server writes with the provider that is meant. */
  async function firstOne(): Promise<void> {
    if (prefix === undefined) return
    const before = await storedCounters(client)
    await rewriteObjects({ ...pace, client, resource, items: items.slice(0, 1), signal, patienceMs: world.patienceMs, done: () => {} })
    const after = await storedCounters(client)
    if ('refusal' in before || 'refusal' in after || after.process !== before.process) return
    const wrote = grown(transformations(before.samples, resource.name, 'to'), transformations(after.samples, resource.name, 'to')).byPrefix
    const wanted = seriesOf(prefix)
    const other = [...wrote.keys()].find((series) => !wanted.includes(series))
    if (other !== undefined && !wanted.every((series) => wrote.has(series)))
      throw new WriteRefused('k8s-harden', `the API server writes ${resource.name} as ${prefixWords(other)}, not as ${prefixWords(prefix)}`)
  }

  function patchAll(all: readonly StoredItem[]): Promise<Rewritten> {
    let told = performance.now()
    const done = (count: number) => {
      if (performance.now() - told < 1000) return
      told = performance.now()
      tell(`${resource.name} to be stored anew: ${count} of ${all.length}`)
    }
    return rewriteObjects({ ...pace, client, resource, items: all, signal, patienceMs: world.patienceMs, done })
  }

  /** By the bytes in etcd; else by the counters of reads; else by the API server's own comparison, which leaves alone what is as it would be. */
  async function prove(): Promise<{ readonly proved: boolean; readonly because: string; readonly warnings: readonly string[] }> {
    const all = await storedItems(client, resource, signal)
    const yes = (...said: string[]) => ({ proved: true, because: '', warnings: said })
    let because = ''
    if (key !== undefined) {
      tell(`the proof of ${resource.name}: each is read from etcd`)
      const keys = await othersThan(key.hash, key.provider, { client, resource, items: all, signal })
      if (keys.is === 'unknown') return { proved: false, because: keys.because, warnings: [] }
      return keys.others === 0 ? yes() : { proved: false, because: notOfKey(resource.name, prefix ?? '', keys.others), warnings: [] }
    }
    if (prefix !== undefined) {
      const bytes = await proveByBytes(hosts, resource.name, prefix, all.length)
      if (bytes.is === 'seen')
        return bytes.all ? yes() : { proved: false, because: `etcd holds others among its ${bytes.keys}`, warnings: [] }
      tell(`the proof of ${resource.name}: each is read from etcd`)
      const said = (done: number) => tell(`the proof of ${resource.name}: ${done} of ${all.length} read`)
      const reads = await proveByReads({ client, resource, items: all, tell: said, signal }, prefix)
      if (reads.is === 'proved') return yes()
      if (reads.is === 'refuted') return { proved: false, because: reads.because, warnings: [] }
      because = `${reads.because}; ${bytes.because}`
    }
    const again = await patchAll(all)
    if (again.refused.length > 0) return { proved: false, because: `${again.refused[0]!.what}: ${again.refused[0]!.because}`, warnings: [] }
    if (again.written > 0) return { proved: false, because: `${again.written} were still stored otherwise at a second look`, warnings: [] }
    return yes(
      ...(prefix === undefined
        ? []
        : [
            `the API server says that all ${resource.name} are stored as it writes now; that this is ${prefixWords(prefix)} is not proved: ${because}`,
          ]),
    )
  }
}

const refusedWords = (refused: Rewritten['refused'], but: string): readonly string[] =>
  refused.slice(0, 3).map(({ what, by }) => `${by} refuses an update of ${what} that changes nothing, ${but}`)
