/** The EncryptionConfigurations of all nodes, read together: a key that any of them has is the key of that name. Holds keys in memory. */

import { randomBytes } from 'node:crypto'
import type { ReadFile } from '../hosts/host.ts'
import type { EncryptionAction, EncryptionStageRule } from '../model/index.ts'
import { configurationIn, keyId, keysIn } from '../objects/encryption-file.ts'
import { reads, stageRules, writes } from '../objects/encryption-forms.ts'
import { WriteRefused } from '../plan/writer.ts'
import type { HostWorld } from './host-performer.ts'
import { KEPT } from './host-placing.ts'

export interface NodeFileRead {
  readonly node: string
  readonly file: ReadFile | undefined
  readonly rules: readonly EncryptionStageRule[]
}
export interface NodesRead {
  readonly files: readonly NodeFileRead[]
  readonly keys: ReadonlyMap<string, string>
}

/** Throws `WriteRefused` where a file cannot be understood, or where two nodes have different keys of one name. */
export async function readNodes({ nodes, path }: Pick<EncryptionAction, 'nodes' | 'path'>, world: HostWorld): Promise<NodesRead> {
  const files: NodeFileRead[] = []
  const keys = new Map<string, string>()
  const owner = new Map<string, string>()
  for (const node of nodes) {
    const host = world.host(node)
    const stat = await host.stat(path)
    if (stat !== undefined && stat.is !== 'file') throw new WriteRefused(node, `${path} is no plain file`)
    const file = stat === undefined ? undefined : await host.read(path)
    const configuration = file === undefined ? {} : configurationIn(file.text)
    const rules = typeof configuration === 'string' ? configuration : stageRules(configuration)
    if (typeof configuration === 'string' || typeof rules === 'string') throw new WriteRefused(node, `${path} is not understood: ${rules}`)
    files.push({ node, file, rules })
    for (const [id, secret] of keysIn(configuration)) {
      const other = keys.get(id)
      if (other !== undefined && other !== secret)
        throw new WriteRefused(
          node,
          `key ${id} in ${path} is another one than on ${owner.get(id)}: neither node can read what the other writes; nothing is changed`,
        )
      keys.set(id, secret)
      owner.set(id, node)
    }
  }
  return { files, keys }
}

/** The keys that the rules need, each as a node has it; else as a copy kept by an earlier step has it; else drawn. */
export async function keysFor(
  rules: readonly EncryptionStageRule[],
  action: EncryptionAction,
  read: NodesRead,
  world: HostWorld,
): Promise<{ readonly keys: ReadonlyMap<string, string>; readonly drawn: readonly string[] }> {
  const keys = new Map(read.keys)
  const wanted = rules.flatMap(({ providers }) =>
    providers.flatMap((provider) => ('keys' in provider ? provider.keys.map((name) => keyId(provider.kind, name)) : [])),
  )
  const missing = [...new Set(wanted)].filter((id) => !keys.has(id))
  const kept = missing.length === 0 ? new Map<string, string>() : await keptKeys(action, world)
  const drawn: string[] = []
  for (const id of missing) {
    const found = kept.get(id)
    if (found === undefined) drawn.push(id)
    keys.set(id, found ?? randomBytes(32).toString('base64'))
  }
  return { keys, drawn }
}

/** Keys in the copies that earlier steps kept on the nodes: something may still be stored with them, in etcd or in a backup of it. */
async function keptKeys({ nodes }: EncryptionAction, world: HostWorld): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>()
  for (const node of nodes) {
    const host = world.host(node)
    for (const run of (await host.list(KEPT)) ?? [])
      for (const step of (await host.list(`${KEPT}/${run}`)) ?? [])
        for (const name of (await host.list(`${KEPT}/${run}/${step}`)) ?? []) {
          if (!name.startsWith('encryption-')) continue
          const configuration = configurationIn((await host.read(`${KEPT}/${run}/${step}/${name}`))?.text ?? '')
          if (typeof configuration !== 'string') for (const [id, secret] of keysIn(configuration)) keys.set(id, secret)
        }
  }
  return keys
}

/** Why one of two API servers could not read what the other writes; undefined: each can. */
export function unreadable(a: Omit<NodeFileRead, 'file'>, b: Omit<NodeFileRead, 'file'>): string | undefined {
  for (const entry of new Set([...a.rules, ...b.rules].flatMap(({ resources }) => resources)))
    for (const [writer, reader] of [
      [a, b],
      [b, a],
    ] as const)
      if (!reads(reader.rules, entry).has(writes(writer.rules, entry)))
        return `${reader.node} could not read ${entry} that ${writer.node} writes (${writes(writer.rules, entry) || 'in plain text'})`
  return undefined
}

/** What is readable with the one and not with the other, by resource. */
export function unlearnt(
  now: readonly EncryptionStageRule[],
  then: readonly EncryptionStageRule[],
): ReadonlyMap<string, readonly string[]> {
  const lost = new Map<string, readonly string[]>()
  for (const entry of new Set([...now, ...then].flatMap(({ resources }) => resources))) {
    const prefixes = unlearntOf(now, then, entry)
    if (prefixes.length > 0) lost.set(entry, prefixes)
  }
  return lost
}

export const unlearntOf = (
  now: readonly EncryptionStageRule[],
  then: readonly EncryptionStageRule[],
  resource: string,
): readonly string[] => [...reads(now, resource)].filter((prefix) => !reads(then, resource).has(prefix))
