/** Two hundred nodes, some of which never answer. */
import { expect, test } from 'vitest'
import { type Host, HostUnreachable } from '../../src/hosts/host.ts'
import type { ClusterSource, Facts, KubeObject, Readable, SourceEvent, Unread } from '../../src/model/index.ts'
import { withHosts } from '../../src/sources/hosts.ts'

const CONFIG = '/var/lib/kubelet/config.yaml'
const WANTED = new Set<Readable>(['Hosts', 'KubeletConfiguration'])
const names = Array.from({ length: 200 }, (_, index) => `node-${String(index).padStart(3, '0')}`)
const stat = { is: 'file', mode: 0o600, uid: 0, gid: 0, size: 1 } as const

/** How many nodes are asked something at this moment. */
class Fleet {
  most = 0
  readonly asked = new Set<string>()
  readonly configs = new Map<string, string>()
  readonly #busy = new Map<string, number>()

  /** `answers` undefined: never. */
  host(node: string, answers: () => Promise<void> | undefined): Host {
    const ask = async <T>(answer: () => T): Promise<T> => {
      this.asked.add(node)
      this.#busy.set(node, (this.#busy.get(node) ?? 0) + 1)
      this.most = Math.max(this.most, this.#busy.size)
      await (answers() ?? new Promise(() => {}))
      const left = this.#busy.get(node)! - 1
      if (left > 0) this.#busy.set(node, left)
      else this.#busy.delete(node)
      return answer()
    }
    return {
      node,
      carrier: 'ssh',
      words: `ssh root@${node}`,
      stat: () => ask(() => undefined),
      list: () => ask(() => undefined),
      read: (path: string) =>
        ask(() =>
          path === CONFIG
            ? {
                text: this.configs.get(node) ?? 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
                sha256: 'x',
                stat,
              }
            : undefined,
        ),
      run: () => ask(() => ({ exitCode: 1, stdout: '', stderr: '' })),
      close: async () => {},
    } as unknown as Host
  }
}
const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 2))

function cluster(): ClusterSource {
  const info = { kind: 'live', name: 'test' } as const
  return {
    info,
    async *events({ signal, follow }) {
      const node = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
      yield [
        { type: 'source', info },
        { type: 'replace', kind: 'Node', items: names.map((name) => [name, node(name)] as const) },
        { type: 'replace', kind: 'Pod', items: [] },
        { type: 'synced' },
      ]
      if (follow) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
  }
}
async function* eventsOf(source: ClusterSource, signal: AbortSignal, follow: boolean): AsyncGenerator<SourceEvent> {
  for await (const batch of source.events({ signal, follow, wanted: WANTED }))
    yield* Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]
}

test('they are looked at 32 at a time; one that hangs is given up after its time, named, and no pass', async () => {
  const fleet = new Fleet()
  const hosts = names.map((name) => fleet.host(name, name === 'node-007' ? () => undefined : soon))
  let hostsSeen: Facts['Hosts'] | undefined
  let unread: Unread | undefined
  const began = Date.now()
  for await (const event of eventsOf(withHosts(cluster(), hosts, { nodeMs: 6000 }).source, new AbortController().signal, false)) {
    if (event.type === 'fact') hostsSeen = event.value as Facts['Hosts']
    if (event.type === 'unread') unread = event.unread
  }
  expect(Date.now() - began).toBeLessThan(20_000)
  expect(fleet.most).toBeGreaterThan(8)
  // With the one that was given up, whose question stays open.
  expect(fleet.most).toBeLessThanOrEqual(33)
  const refused = hostsSeen!.hosts.filter((one) => one.refused !== undefined)
  expect(refused.map(({ node, refused: why }) => [node, why])).toEqual([['node-007', 'ssh root@node-007: not done within 6 s']])
  expect(unread).toMatchObject({ what: 'KubeletConfiguration', why: 'partial', because: expect.stringContaining('node-007') })
})

test('a node that did not answer does not hold up later looks at the others, and is there once it answers', {
  timeout: 60_000,
}, async () => {
  const fleet = new Fleet()
  let isDead = true
  const dead = () =>
    isDead
      ? new Promise<void>((_, reject) => {
          setTimeout(() => reject(new HostUnreachable('ssh root@node-001: no connection in time')), 4000)
        })
      : soon()
  const hosts = [fleet.host('node-000', soon), fleet.host('node-001', dead)]
  const stop = new AbortController()
  const told: [ms: number, config: boolean, refused: string | undefined][] = []
  let changed = 0
  for await (const event of eventsOf(withHosts(cluster(), hosts, { everyMs: 20 }).source, stop.signal, true)) {
    if (event.type !== 'fact') continue
    const [first, second] = (event.value as Facts['Hosts']).hosts
    told.push([Date.now() - changed, first!.files.some(({ text }) => text?.includes('podPidsLimit') === true), second!.refused])
    if (told.length === 1) {
      fleet.configs.set('node-000', 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\npodPidsLimit: 9\n')
      changed = Date.now()
    }
    if (told.length === 2) isDead = false
    if (told.length === 3) stop.abort()
  }
  expect(told[0]!.slice(1)).toEqual([false, 'ssh root@node-001: no connection in time'])
  expect(told[1]!.slice(1)).toEqual([true, 'ssh root@node-001: no connection in time'])
  expect(told[1]![0]).toBeLessThan(3500)
  expect(told[2]!.slice(1)).toEqual([true, undefined])
})
