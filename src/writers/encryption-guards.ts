/** What must hold before a node's EncryptionConfiguration is changed: all read what all write, and nothing stored becomes unreadable. */
import type { Host } from '../hosts/host.ts'
import type { EncryptionAction, EncryptionStageRule } from '../model/index.ts'
import { writes } from '../objects/encryption-forms.ts'
import { WriteConflict, WriteRefused } from '../plan/writer.ts'
import { Instance, isGiven, untilLoaded } from './encryption-loaded.ts'
import { type NodesRead, readNodes, unlearnt, unlearntOf, unreadable } from './encryption-nodes.ts'
import { storedWith } from './encryption-stored.ts'
import type { HostWorld } from './host-performer.ts'

/** Warnings; throws `WriteRefused` where the API server does not take it. */
export async function loadedOr(
  host: Host,
  { path, nodes }: Pick<EncryptionAction, 'path' | 'nodes'>,
  sha: string,
  world: HostWorld,
): Promise<readonly string[]> {
  const loaded = await untilLoaded(host, { path, sha256: sha, nodes }, world)
  if ('failed' in loaded) throw new WriteRefused(host.node, loaded.failed)
  return loaded.warnings
}

/** The stages keep to this by their order; here it is looked at once more, because a step may have been left out or made by hand. */
export async function requireReadable(action: EncryptionAction, drawn: readonly string[], world: HostWorld): Promise<readonly string[]> {
  const { node, path, rules, loadedBy } = action
  const read = await readNodes(action, world)
  const late = drawn.find((id) => read.keys.has(id))
  if (late !== undefined) throw new WriteConflict(`key ${late} has appeared on another node meanwhile`)
  for (const id of drawn)
    for (const { resources } of rules)
      if (writes(rules, resources[0]!).endsWith(`:${id.replace('/', ':v1:')}:`))
        throw new WriteRefused(
          'k8s-harden',
          `key ${id} is on no node, and a new one must not write before all can read it: take the step before this one first`,
        )
  const warnings: string[] = []
  for (const other of read.files) {
    if (other.node === node) continue
    const why = unreadable({ node, rules }, other)
    if (why !== undefined) throw new WriteRefused('k8s-harden', `${why}: take the steps before this one first`)
    if (loadedBy !== 'reload' || other.file === undefined) continue
    const host = world.host(other.node)
    if ((await isGiven(host, path)) === false)
      throw new WriteRefused(
        other.node,
        `its API server is not given ${path}, so it could not read what ${node} writes: set its flags first`,
      )
    warnings.push(...(await loadedOr(host, action, other.file.sha256, world)))
  }
  const now = read.files.find((one) => one.node === node)?.rules ?? []
  // Also where nothing waits for it: one that is given the file takes it up by itself.
  if (loadedBy !== 'later' || (await isGiven(world.host(node), path)) !== false)
    warnings.push(...(await requireNoneStored(now, rules, action, read, world, 'go on')))
  return warnings
}

/** Nothing may be stored in a form that is unlearnt. What cannot be seen stops an undo; a step goes on, since the one before proved it. */
export async function requireNoneStored(
  now: readonly EncryptionStageRule[],
  then: readonly EncryptionStageRule[],
  { node, nodes }: Pick<EncryptionAction, 'node' | 'nodes'>,
  read: NodesRead,
  world: HostWorld,
  unseen: 'refuse' | 'go on',
): Promise<readonly string[]> {
  const lost = unlearnt(now, then)
  if (lost.size === 0) return []
  for (const other of read.files)
    for (const [entry, prefixes] of lost)
      if (other.node !== node && prefixes.includes(writes(other.rules, entry)) && (other.file !== undefined || unseen === 'go on'))
        throw new WriteRefused(
          'k8s-harden',
          `${other.node} still writes ${entry} ${writes(other.rules, entry) || 'in plain text'}, which ${node} could not read any more`,
        )
  const instance = await Instance.of(world.host(node), nodes, world)
  try {
    const client = instance.client
    const stored =
      client === undefined
        ? { unseen: 'its address is not known' }
        : await storedWith(client, [...lost.keys()], (resource) => unlearntOf(now, then, resource), world)
    if (stored === 'no') return []
    if ('stored' in stored)
      throw new WriteRefused('the API server', `${stored.stored}, and could not be read any more: have everything stored anew first`)
    const because = `with what the values are stored cannot be seen through the API server of ${node} (${stored.unseen})`
    if (unseen === 'refuse') throw new WriteRefused('k8s-harden', `${because}, so the file that reads them stays`)
    return [because]
  } finally {
    instance.close()
  }
}
