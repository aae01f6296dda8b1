/**
 * Stores everything of some resources anew, and proves it. Nothing is changed and nothing can be lost: each object reads the same before,
 * meanwhile and after. What is done is found by looking, never remembered, so that it can be killed and begun again at any time.
 */
import type { Host } from '../hosts/host.ts'
import type { Json, RewriteAction, Written } from '../model/index.ts'
import { kmsName, prefixWords } from '../objects/stored-form.ts'
import { WriteRefused, type WrittenState } from '../plan/writer.ts'
import { refuser, words } from './cluster-api.ts'
import type { HostWorld, Performer } from './host-performer.ts'
import { migrationsAt } from './rewrite-migration.ts'
import { touch } from './rewrite-objects.ts'
import { type Migrations, PACE, type RewritePace, rewriteResource } from './rewrite-resource.ts'
import { proveByBytes } from './stored-bytes.ts'
import { freshItem, itemWords, type StoredItem, type StoredResource, storedItems, storedResources } from './stored-items.ts'
import { commonKey, othersThan, short } from './stored-keys.ts'
import { proveByReads } from './stored-reads.ts'

/** Objects that are tried with a dry run, of different namespaces. */
const MOST_TRIED = 40
const READ_AT_ONCE = 10

interface Prepared {
  readonly resources: readonly StoredResource[]
}

export const performRewrite: Performer<RewriteAction, Prepared> = rewriteAt(PACE)

/** The same at another pace. */
export function rewriteAt(pace: RewritePace): Performer<RewriteAction, Prepared> {
  return {
    async rehearse(action, world) {
      const { client, signal } = world
      const resources = await storedResources(client, action.resources)
      const lines: string[] = []
      const warnings: string[] = []
      const key = await keyFor(action, world)
      let older = 0
      for (const resource of resources) {
        const items = await storedItems(client, resource, signal)
        lines.push(
          `${resource.name} (${items.length})`,
          ...(action.onlyUndo
            ? [`  stays as it is stored; taking this back stores it anew as ${prefixWords(action.prefix)}`]
            : [await asNow(resource, items), `+ ${prefixWords(action.prefix)}`]),
        )
        if (!action.onlyUndo) warnings.push(...(await tryOut(resource, items)))
      }
      if (key !== undefined && older === 0) throw new WriteRefused('k8s-harden', changeInKms(key.provider, key.hash))
      if (!action.onlyUndo && (await migrationsAt(client)) === undefined)
        warnings.push('StorageVersionMigration is not served: each object is patched, at most ' + `${pace.perSecond} a second`)
      return { diff: `${lines.join('\n')}\n`, warnings, prepared: { resources } }

      async function asNow(resource: StoredResource, items: readonly StoredItem[]): Promise<string> {
        if (key === undefined || items.length === 0) return '- as it is stored now'
        const seen = await othersThan(key.hash, key.provider, { client, resource, items, signal })
        if (seen.is === 'unknown')
          throw new WriteRefused('k8s-harden', `with which key ${resource.name} are stored is not seen: ${seen.because}`)
        older += seen.others
        return `- ${seen.others} of ${seen.read} with another key of kms ${key.provider} than ${short(key.hash)}`
      }

      async function tryOut(resource: StoredResource, items: readonly StoredItem[]): Promise<readonly string[]> {
        const doubts = new Set<string>()
        for (const item of oneANamespace(items)) {
          const answer = await touch(client, resource, item, true)
          if (answer.ok || answer.refusal.status === 404 || answer.refusal.kind === 'conflict') continue
          const { refusal } = answer
          // It may let the write through all the same: only trying tells.
          if (/does not support dry run/.test(refusal.said ?? '')) doubts.add(words(refusal))
          else throw new WriteRefused(refuser(refusal), `an update of ${itemWords(resource, item)} that changes nothing: ${words(refusal)}`)
        }
        return [...doubts]
      }
    },

    async intent(action) {
      const undo = { is: 'host', do: 'rewrite', action: action as unknown as Json }
      const target = { apiVersion: 'k8s-harden/v1', kind: 'Storage', name: action.resources.join(',') }
      // One entry for all: there is no half of it that would have to be taken back.
      return [{ target, before: {}, after: { prefix: action.prefix }, undo }]
    },

    async commit(action, { resources }, _written, world) {
      if (action.onlyUndo) return (await Promise.all(resources.map((resource) => readable(resource, world)))).flat()
      return rewriteAll(resources, action.prefix, action.nodes, world, pace, await keyFor(action, world))
    },

    /**
     * `before`: not one that was looked at is as it was to be. Anything else counts as written, also a half: what has been done is done,
     * what is left shows as a finding again, and taking it back stores everything anew once more.
     */
    async state(written, world): Promise<WrittenState> {
      const action = actionOf(written)
      const { prefix, resources: names, nodes, onlyUndo } = action
      if (onlyUndo) return 'after'
      const key = await keyFor(action, world)
      for (const resource of await storedResources(world.client, names)) {
        const items = await storedItems(world.client, resource)
        if (items.length === 0) continue
        if (key !== undefined) {
          const seen = await othersThan(key.hash, key.provider, { client: world.client, resource, items, signal: world.signal })
          if (seen.is === 'unknown' || seen.others < seen.read) return 'after'
          continue
        }
        const bytes = await proveByBytes(hostsOf(nodes, world), resource.name, prefix, items.length)
        if (bytes.is === 'seen' && bytes.all) return 'after'
        const [first] = items
        const proof = await proveByReads({ client: world.client, resource, items: [first!] }, prefix)
        if (proof.is !== 'refuted') return 'after'
      }
      return 'before'
    },

    async undo(written, dryRun, world) {
      for (const one of written.toReversed()) {
        const { resources: names, prefix, nodes, onlyUndo } = actionOf(one)
        const resources = await storedResources(world.client, names)
        if (dryRun) continue
        await rewriteAll(resources, onlyUndo ? prefix : undefined, nodes, world, pace)
      }
    },
  }
}

/** Of a KMS whose key has changed, the one of now. */
async function keyFor({ newKey, prefix, nodes }: RewriteAction, world: HostWorld) {
  const provider = newKey === undefined ? undefined : kmsName(prefix)
  return provider === undefined ? undefined : { provider, hash: await commonKey(provider, nodes, world) }
}
const changeInKms = (provider: string, key: string): string =>
  `everything is encrypted with the key of now (${short(key)}): have the key of kms ${provider} changed in the KMS, keep the old one there for as long as there are backups, wait a minute, and run this again`

function actionOf({ undo }: Written): RewriteAction {
  return (undo as unknown as { readonly action: RewriteAction }).action
}

async function rewriteAll(
  resources: readonly StoredResource[],
  prefix: string | undefined,
  nodes: readonly string[],
  world: HostWorld,
  pace: RewritePace,
  key?: { readonly provider: string; readonly hash: string },
): Promise<readonly string[]> {
  const warnings: string[] = []
  const migrations: Migrations = { at: await migrationsAt(world.client) }
  for (const resource of resources)
    warnings.push(
      ...(await rewriteResource({ resource, prefix, ...(key && { key }), hosts: hostsOf(nodes, world), world, pace, migrations })),
    )
  return warnings
}

/** Those that are reached. A rewrite needs none. */
const hostsOf = (nodes: readonly string[], world: HostWorld): readonly Host[] =>
  nodes.flatMap((node) => {
    try {
      return [world.host(node)]
    } catch (error) {
      if (error instanceof WriteRefused) return []
      throw error
    }
  })

/** Whether each object can be read from etcd: it is asked for without a resourceVersion, which the watch cache does not answer. */
async function readable(resource: StoredResource, { client, signal, tell }: HostWorld): Promise<readonly string[]> {
  const items = await storedItems(client, resource, signal)
  for (let at = 0; at < items.length; at += READ_AT_ONCE) {
    if (signal.aborted) throw new WriteRefused('you', 'interrupted')
    const some = items.slice(at, at + READ_AT_ONCE)
    const answers = await Promise.all(some.map((item) => freshItem(client, resource, item)))
    for (const [index, answer] of answers.entries())
      if (!answer.ok && answer.refusal.status !== 404)
        throw new WriteRefused(refuser(answer.refusal), `${itemWords(resource, some[index]!)} cannot be read: ${words(answer.refusal)}`)
    if (at % 500 === 0 && at > 0) tell(`${resource.name} to be read: ${at} of ${items.length}`)
  }
  return []
}

function oneANamespace(items: readonly StoredItem[]): readonly StoredItem[] {
  return [...new Map(items.map((item) => [item.namespace, item])).values()].slice(0, MOST_TRIED)
}
