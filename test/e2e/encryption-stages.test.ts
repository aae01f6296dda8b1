/** Two real API servers on one etcd while encryption is turned on: never a moment in which one cannot read what the other wrote. A new key and turning off: node-encryption.test.ts. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execaNode } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import type { EncryptionAction, Written } from '../../src/model/index.ts'
import type { EncryptionForm } from '../../src/objects/encryption-forms.ts'
import { type EncryptionStage, type EncryptionWish, encryptionStages } from '../../src/objects/encryption-stages.ts'
import { performEncryption } from '../../src/writers/host-encryption.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'
import { whyNoBinaries } from '../cluster/binaries.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { FLAG, manifest, PATH, perform, presentOn, worldOf } from './encryption-nodes.ts'

const skip = whyNoBinaries()
if (skip !== undefined) console.warn(`SKIPPED e2e: stages of encryption: ${skip}`)
const MINUTE = 60_000
const SECRETS = '/api/v1/namespaces/default/secrets'
const NODES = ['cp-1', 'cp-2'] as const
const key = (name: string): EncryptionForm => ({ kind: 'secretbox', keys: [name] })

describe.skipIf(skip !== undefined)('stages of encryption on two API servers', () => {
  const roots = Object.fromEntries(NODES.map((node) => [node, mkdtempSync(join(tmpdir(), `k8s-harden-${node}-`))]))
  let cluster: Cluster
  let world: HostWorld
  let clients: Record<string, ApiClient>
  const down = new Set<string>()
  const client = {} as { poll: Promise<void>; stop: boolean }
  const failures: string[] = []
  let reads = 0
  let rounds = 0
  const names: string[] = []
  const restart: Record<string, (flags: Record<string, string | null>) => Promise<unknown>> = {}

  beforeAll(async () => {
    cluster = await startCluster()
    const second = await cluster.secondApiServer()
    clients = {
      'cp-1': new ApiClient(pickContext({ kubeconfig: cluster.kubeconfig })),
      'cp-2': new ApiClient(pickContext({ kubeconfig: second.kubeconfig })),
    }
    world = worldOf(cluster.kubeconfig, roots)
    restart['cp-1'] = (flags) => cluster.restartApiServer({ flags })
    restart['cp-2'] = (flags) => cluster.secondApiServer({ flags })
    manifest(roots['cp-1']!, cluster.url)
    manifest(roots['cp-2']!, second.url)
    for (let index = 0; index < 30; index++) await write('cp-1', `old-${index}`)
    client.stop = false
    client.poll = poll()
  }, 5 * MINUTE)
  afterAll(async () => {
    client.stop = true
    await client.poll
    for (const one of Object.values(clients)) one.close()
    await cluster.stop()
  }, 2 * MINUTE)

  async function write(node: string, name: string): Promise<void> {
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { number: `4111-${name}` } }
    const answer = await clients[node]!.create(SECRETS, object)
    if (!answer.ok) throw new Error(`${node} cannot write ${name}: ${answer.refusal.message}`)
    names.push(name)
  }
  /** Only while a server is restarted for its flags it may fail to answer. */
  async function poll(): Promise<void> {
    for (let count = 0; !client.stop; count++) {
      for (const [writer, reader] of [
        ['cp-1', 'cp-2'],
        ['cp-2', 'cp-1'],
      ] as const) {
        if (down.size > 0) continue
        const name = `poll-${count}-${writer}`
        const old = names[(count * 7) % names.length]!
        await write(writer, name).catch((error: Error) => down.size > 0 || failures.push(error.message))
        for (const [node, wanted] of [
          [reader, name],
          [writer, old],
          [reader, old],
        ] as const) {
          const answer = await clients[node]!.get<{ data: { number: string } }>(`${SECRETS}/${wanted}`)
          reads++
          if (down.size > 0) continue
          if (!answer.ok) failures.push(`${node} cannot read ${wanted}: ${answer.refusal.message}`)
          else if (Buffer.from(answer.body.data.number, 'base64').toString() !== `4111-${wanted}`) failures.push(`${wanted} is another`)
        }
      }
      rounds++
      await sleep(200)
    }
  }

  async function setFlags(node: string, flags: Record<string, string | null>): Promise<void> {
    down.add(node)
    await sleep(300)
    await restart[node]!(flags)
    down.delete(node)
    manifest(roots[node]!, clients[node]!.server, flags[FLAG] === null ? undefined : PATH)
  }
  const actionOf = (node: string, rules: EncryptionAction['rules'], loadedBy: EncryptionAction['loadedBy']): EncryptionAction => ({
    do: 'encryption',
    node,
    nodes: NODES,
    path: PATH,
    rules,
    loadedBy,
  })
  /** Stored anew through one server, guarded by resourceVersion; whoever writes meanwhile writes in the new form himself. */
  async function rewrite(): Promise<void> {
    // A write that was under way when the new form was loaded is stored in the old one.
    for (const begun = rounds; rounds < begun + 2; ) await sleep(50)
    for (const name of [...names])
      for (;;) {
        const now = await clients['cp-2']!.get(`${SECRETS}/${name}`)
        if (!now.ok) throw new Error(now.refusal.message)
        const put = await clients['cp-2']!.replace(`${SECRETS}/${name}`, now.body)
        if (put.ok) break
        if (put.refusal.kind !== 'conflict') throw new Error(put.refusal.message)
      }
  }
  async function stored(): Promise<readonly string[]> {
    const beginnings = new Set<string>()
    for (const name of names) {
      const raw = (await cluster.etcdRaw(`/registry/secrets/default/${name}`))!.toString('latin1')
      beginnings.add(/^k8s:enc:[a-z]+:v\d:[^:]+:/.exec(raw)?.[0] ?? 'plain')
    }
    return [...beginnings]
  }
  /** Every step is planned anew from what the nodes' files say, as after a crash. */
  async function take(
    wish: EncryptionWish,
    loadedBy: EncryptionAction['loadedBy'],
    also?: (action: EncryptionAction, stage: EncryptionStage) => Promise<void>,
  ) {
    const diffs: string[] = []
    const written: Written[] = []
    let isRewritten = false
    for (;;) {
      const stages = encryptionStages(await presentOn(world, NODES), wish)
      const stage = stages.find((one) => (one.is === 'rewrite' ? !one.onlyUndo && !isRewritten : true))
      if (stage === undefined) return { diffs, written }
      if (stage.is === 'rewrite') {
        isRewritten = true
        const [, name] = /:([^:]+):$/.exec(stage.prefix) ?? []
        if (name !== undefined) {
          // What is stored in the old form holds what reads it in the file.
          const early = actionOf('cp-1', [{ resources: ['secrets'], providers: [key(name)] }], 'reload')
          await expect(perform(early, world)).rejects.toThrow(/is stored in plain text|is encrypted with k8s:enc:secretbox:v1:key-1:/)
        }
        await rewrite()
        expect(await stored()).toEqual([stage.prefix || 'plain'])
        continue
      }
      const { node, rules } = stage.files[0]!
      const action = actionOf(node, rules, loadedBy)
      await also?.(action, stage)
      const step = await perform(action, world)
      expect(step.warnings.filter((warning) => !warning.includes('is drawn now'))).toEqual([])
      diffs.push(step.diff)
      written.push(...step.written)
      for (const one of step.written) expect(await performEncryption.state(one, world)).toBe('after')
      expect(failures).toEqual([])
    }
  }
  const secretsOf = () =>
    NODES.flatMap((node) => [...readFileSync(join(roots[node]!, PATH), 'utf8').matchAll(/secret: (\S+)/g)].map(([, secret]) => secret!))

  test('turned on: plain text, then the files and flags one node after the other, then, with a kill on the way, the key writes', {
    timeout: 10 * MINUTE,
  }, async () => {
    expect(await stored()).toEqual(['plain'])
    const wish: EncryptionWish = { goal: { to: 'encrypt', with: key('key-1'), resources: ['secrets'] }, drop: 'nothing' }
    // The first stage lies there before any API server is given it; then each gets its flags.
    const [first] = encryptionStages(await presentOn(world, NODES), wish)
    const early: Written[] = []
    for (const { node, rules } of (first as Extract<EncryptionStage, { is: 'files' }>).files) {
      const step = await perform(actionOf(node, rules, 'later'), world)
      early.push(...step.written)
      expect(step.diff).toMatch(/‹key key-1: 32 bytes›/)
      expect(statSync(join(roots[node]!, PATH)).mode & 0o777).toBe(0o600)
      await setFlags(node, { [FLAG]: join(roots[node]!, PATH), [`${FLAG}-automatic-reload`]: 'true' })
    }
    expect(readFileSync(join(roots['cp-1']!, PATH))).toEqual(readFileSync(join(roots['cp-2']!, PATH)))
    let isKilled = false
    const { diffs, written } = await take(wish, 'reload', async (action, stage) => {
      if (isKilled || stage.is !== 'files' || stage.step !== 'write') return
      isKilled = true
      const file = join(roots[action.node]!, PATH)
      const before = readFileSync(file, 'utf8')
      const child = execaNode({
        reject: false,
      })`${join(import.meta.dirname, 'encryption-killed.ts')} ${cluster.kubeconfig} ${JSON.stringify(roots)} ${JSON.stringify(action)}`
      while (readFileSync(file, 'utf8') === before) await sleep(20)
      child.kill('SIGKILL')
      await child
    })
    expect(isKilled).toBe(true)
    for (const secret of secretsOf()) {
      expect(Buffer.from(secret, 'base64')).toHaveLength(32)
      expect(diffs.join()).not.toContain(secret)
      expect(JSON.stringify([...early, ...written])).not.toContain(secret)
    }
    expect(await stored()).toEqual(['k8s:enc:secretbox:v1:key-1:'])
    // The first stage cannot be taken back by itself: the API server is given the file.
    await expect(performEncryption.undo([early[0]!], true, world)).rejects.toThrow(/changed since/)
    expect(failures).toEqual([])
    expect(reads).toBeGreaterThan(200)
    // What was replaced is kept on the node, for root only.
    const kept = join(roots['cp-1']!, 'var/lib/k8s-harden')
    for (const name of readdirSync(kept, { recursive: true, encoding: 'utf8' }).filter((one) => one.includes('encryption-')))
      expect(statSync(join(kept, name)).mode & 0o777).toBe(0o600)
  })

  test('a configuration that the API server cannot load: the old one is back, and the reason told', { timeout: 6 * MINUTE }, async () => {
    const before = readFileSync(join(roots['cp-1']!, PATH), 'utf8')
    const [first] = await presentOn(world, NODES)
    const rules = first!.rules
    const plugin: EncryptionForm = {
      kind: 'kms',
      apiVersion: 'v2',
      name: 'vault',
      endpoint: 'unix:///run/k8s-harden-no-plugin.sock',
      timeout: '1s',
    }
    const broken = actionOf('cp-1', [{ ...rules[0]!, providers: [...rules[0]!.providers, plugin] }], 'reload')
    await expect(perform(broken, world)).rejects.toThrow(/socket of kms vault is not there/)
    mkdirSync(join(roots['cp-1']!, 'run'))
    writeFileSync(join(roots['cp-1']!, 'run/k8s-harden-no-plugin.sock'), '')
    await expect(perform(broken, world)).rejects.toThrow(/could not load it .*the old file is back/)
    expect(readFileSync(join(roots['cp-1']!, PATH), 'utf8')).toBe(before)
    expect(failures).toEqual([])
  })
})
