/** With which keys of a KMS the stored values are encrypted: the prefix says the plugin only, the API server's counters the key. */
import { keyOfNow, prefixWords } from '../objects/stored-form.ts'
import { WriteRefused } from '../plan/writer.ts'
import { Instance } from './encryption-loaded.ts'
import type { HostWorld } from './host-performer.ts'
import { type Reading, readUntil } from './stored-reads.ts'

/** The hash of the key's id that every API server has been given last. Throws `WriteRefused` where they have not seen the same one yet. */
export async function commonKey(provider: string, nodes: readonly string[], world: HostWorld): Promise<string> {
  const keys = new Map<string, string>()
  for (const node of nodes) {
    const instance = await Instance.of(world.host(node), nodes, world)
    try {
      const key = keyOfNow((await instance.samples()) ?? [], provider)
      if (key === undefined)
        throw new WriteRefused(node, `which key the KMS gives its API server is not seen: allow get on /metrics of every API server`)
      keys.set(node, key)
    } finally {
      instance.close()
    }
  }
  const [first] = keys.values()
  if (first === undefined) throw new WriteRefused('k8s-harden', 'no node of the control plane is reached')
  if (new Set(keys.values()).size > 1)
    throw new WriteRefused(
      'k8s-harden',
      `the API servers have not seen the same key of kms ${provider} yet (${[...keys].map(([node, key]) => `${node}: ${short(key)}`).join(', ')}): each asks once a minute; run this again when they do, or look at the plugin of the node that does not`,
    )
  return first
}

/** `sha256:0123456789ab`. */
export const short = (key: string): string => key.slice(0, 19)

export type KeysSeen =
  | { readonly is: 'seen'; readonly others: number; readonly read: number }
  | { readonly is: 'unknown'; readonly because: string }

/** How many are encrypted with another key of the provider; what was written meanwhile is waited for by reading again. */
export async function othersThan(key: string, provider: string, reading: Reading): Promise<KeysSeen> {
  const seen = await readUntil<KeysSeen>(
    reading,
    ({ keys, read }) => {
      const counts = keys(provider)
      const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
      if (all < read) return { is: 'unknown', because: `the counters show ${all} of ${read} reads: another API server answered the rest` }
      return { is: 'seen', others: all - (counts[key] ?? 0), read }
    },
    (one) => one.is === 'seen' && one.others === 0,
  )
  return seen.is === 'refuted' ? { is: 'unknown', because: seen.because } : seen
}

export const notOfKey = (resource: string, prefix: string, others: number): string =>
  `${others} of ${resource} are encrypted with an older key of ${prefixWords(prefix)}`
