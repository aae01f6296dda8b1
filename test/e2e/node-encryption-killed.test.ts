/** `kill -9` of the command while it encrypts, brings a new key, turns off: then the same again, or undo. No Secret is lost, at no moment. */
import { appendFileSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type KmsPlugin, startKmsPlugin } from '../cluster/kms/plugin.ts'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import type { Poller } from './encryption-ring.ts'
import { type Done, KMS_SOCKET, Ring } from './node-encryption-ring.ts'

vi.setConfig({ hookTimeout: 240_000 })

const LONG = { timeout: 1_800_000 }
const BOXED = /^k8s:enc:secretbox:v1:[^:]+:$/
/** ACT|EVENT of dies-at.mjs|again or undo. Those few stand for the rest; KILL_ROUNDS names others, by hand. */
const ROUNDS = ['enable|half manifests#1|undo', 'enable|after encryption-config.yaml#2|again', 'rotate|before verified#2|undo']
const rounds = process.env['KILL_ROUNDS']?.split(',') ?? ROUNDS
const nodes = Number(process.env['KILL_SERVERS'] ?? 1)
/** By hand: one line for each round. Rounds of kms need KILL_BY=docker, which asks the plugin on the node. */
const table = process.env['KILL_TABLE']

/** What an act that was run again has left undone, in words. */
function unfinished(act: string, before: Stands, { stored = '', kubeadm = '' }: Stands): readonly string[] {
  if (act === 'audit') return kubeadm.includes('name: profiling') ? [] : ['kubeadm does not know the flags']
  if (act === 'kubelet') return []
  const form = act === 'disable' ? /^plain$/ : act === 'kms' ? /^k8s:enc:kms:v2:[^:]+:$/ : BOXED
  return [
    ...(form.test(stored) ? [] : [`etcd holds ${stored}`]),
    ...(kubeadm.includes('encryption-provider-config') === (act !== 'disable') ? [] : ['kubeadm is not told']),
    ...((act === 'rotate' || act === 'replace') && stored === before['stored'] ? ['the key is the old one'] : []),
  ]
}
type Stands = Readonly<Record<string, string>>

describeNode('encryption, killed', { nodes, scheduler: false }, (cluster) => {
  let servers: readonly StaticApiServer[]
  let program: ContainerProgram | undefined
  let poller: Poller
  let ring: Ring
  const plugins: KmsPlugin[] = []
  beforeAll(async () => {
    servers = await Promise.all(cluster().nodes.map((node) => node.runApiServer()))
    await cluster().handOver(servers)
    if (rounds.some((round) => round.startsWith('kms')))
      for (const { path } of cluster().nodes) {
        await mkdir(dirname(path(KMS_SOCKET)), { recursive: true })
        plugins.push(await startKmsPlugin(path(KMS_SOCKET), 'k1'))
      }
    if (process.env['KILL_BY'] === 'docker')
      program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
    ring = new Ring(cluster(), servers, program?.folder)
    poller = await ring.fill(6)
  })
  afterAll(async () => {
    await poller?.stop()
    note(
      `${poller?.reads} reads, ${poller?.writes} writes, failed: ${poller?.unexplained().length}, while a server restarted: ${poller?.failures.length}`,
    )
    for (const server of servers ?? []) await server.remove()
    await program?.close()
    for (const plugin of plugins) await plugin.stop()
  })
  const note = (words: string) => (table ? appendFileSync(table, `${words}\n`) : undefined)
  const brief = (done: Done | undefined) => (done === undefined ? 'none' : `${done.code ?? done.signal} (${done.seconds} s)`)
  const isPlain = async () => (await ring.stored()).join() === 'plain'

  for (const round of rounds) {
    const [act = '', point = '', then = ''] = round.split('|')
    test(`${act}, killed at ${point}: ${then}`, LONG, async () => {
      const wanted =
        act === 'enable' || act === 'kms' ? 'disable' : act === 'rotate' || act === 'replace' || act === 'disable' ? 'enable' : undefined
      if (wanted !== undefined && (wanted === 'enable') === (await isPlain())) {
        const made = await ring.act(wanted)
        expect(made.code, made.said).toBe(0)
      }
      const [before, known] = [await ring.stands(), await ring.runs()]
      const killed = await ring.act(act, { diesAt: point })
      const soon = await ring.faults()
      const id = await ring.last(known)
      const done = then === 'again' ? await ring.act(act) : id === undefined ? undefined : await ring.undo(id)
      const end = [...(await ring.faults(true))]
      const after = await ring.stands()
      if (then === 'undo')
        for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
          if (before[name] !== after[name]) end.push(`${name} differs`)
      if (then === 'again') end.push(...unfinished(act, before, after))
      note(`${act} | ${point} | ${brief(killed)} | ${then} ${brief(done)} | ${[...soon, ...end].join('; ') || 'ok'} | ${after['stored']}`)
      const said = `${killed.said}\n---\n${done?.said}`
      if (killed.signal !== 'SIGKILL' || (done !== undefined && done.code !== 0)) note(said)
      expect([killed.signal, done?.code ?? 0, soon, end], said).toEqual(['SIGKILL', 0, [], []])
    })
  }
})
