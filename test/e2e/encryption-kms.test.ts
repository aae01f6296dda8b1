/** A real KMS v2 plugin on a unix socket: refused while it is not well, then Secrets stored with it, and its key changed; judged by the bytes in etcd. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formWanted } from '../../remediations/encryption-staged.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { EncryptionAction, StepId } from '../../src/model/index.ts'
import type { EncryptionForm } from '../../src/objects/encryption-forms.ts'
import { encryptionStages } from '../../src/objects/encryption-stages.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'
import { performRewrite } from '../../src/writers/host-rewrite.ts'
import { whyNoBinaries } from '../cluster/binaries.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { type KmsPlugin, startKmsPlugin, whyNoKms } from '../cluster/kms/plugin.ts'
import { FLAG, manifest, PATH, perform, presentOn, worldOf } from './encryption-nodes.ts'
import { rewriter } from './rewrite-harness.ts'

const skip = whyNoBinaries() ?? whyNoKms()
if (skip !== undefined) console.warn(`SKIPPED e2e: a KMS v2 plugin: ${skip}`)
const MINUTE = 60_000
const SECRETS = '/api/v1/namespaces/default/secrets'
const HASH = /^apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds\{.*key_id_hash="([^"]+)".*\} (\S+)$/gm

describe.skipIf(skip !== undefined)('a KMS v2 plugin', () => {
  const root = mkdtempSync(join(tmpdir(), 'k8s-harden-kms-node-'))
  const socket = join(mkdtempSync(join(tmpdir(), 'k8s-harden-kms-')), 'run', 'vault.sock')
  let cluster: Cluster
  let plugin: KmsPlugin
  let world: HostWorld
  let form: EncryptionForm
  const names = Array.from({ length: 12 }, (_, index) => `secret-${index}`)

  beforeAll(async () => {
    cluster = await startCluster({ audit: false, runtimeConfig: 'storagemigration.k8s.io/v1=false' })
    manifest(root, cluster.url)
    const local = new LocalHost('cp-1', root)
    const here = new LocalHost('cp-1', '/')
    // The node's files are a folder; sockets and programs are this machine's, as the API server's are.
    const host = new Proxy(local, {
      get(target, name) {
        if (name === 'run') return here.run.bind(here)
        if (name === 'stat') return (path: string) => (path.startsWith(dirname(socket)) ? here.stat(path) : local.stat(path))
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    world = { ...worldOf(cluster.kubeconfig, { 'cp-1': root }), host: () => host }
    for (const name of names)
      await cluster.api.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { name } })
    const options = { provider: 'kms-v2', 'kms-socket': `unix://${socket}` }
    form = formWanted({ view: { now: 0 }, options } as never, { path: PATH, nodes: [], forms: [] }) as EncryptionForm
  }, 5 * MINUTE)
  afterAll(async () => {
    world.client.close()
    await cluster.stop()
    await plugin?.stop()
  }, 2 * MINUTE)

  const filesNow = async () => {
    const goal = { to: 'encrypt', with: form, resources: ['secrets'] } as const
    const stages = encryptionStages(await presentOn(world, ['cp-1']), { goal, drop: 'nothing' })
    return stages.flatMap((stage) => (stage.is === 'files' ? stage.files : []))
  }
  const actionOf = (rules: EncryptionAction['rules'], loadedBy: EncryptionAction['loadedBy']): EncryptionAction => ({
    do: 'encryption',
    node: 'cp-1',
    nodes: ['cp-1'],
    path: PATH,
    rules,
    loadedBy,
  })
  async function stored(): Promise<readonly string[]> {
    const begins = new Set<string>()
    for (const name of names) {
      const raw = (await cluster.etcdRaw(`/registry/secrets/default/${name}`))!.toString('latin1')
      begins.add(/^k8s:enc:[a-z]+:v\d:[^:]+:/.exec(raw)?.[0] ?? 'plain')
    }
    return [...begins]
  }
  async function allRead(): Promise<void> {
    for (const name of names) {
      const { data } = await cluster.api.get<{ data: { name: string } }>(`${SECRETS}/${name}`)
      expect(Buffer.from(data.name, 'base64').toString()).toBe(name)
    }
  }
  /** The hash of the key id that the API server has seen last. */
  async function keyNow(): Promise<string | undefined> {
    const { text } = await cluster.api.request('GET', '/metrics')
    return [...text.matchAll(HASH)].toSorted((a, b) => Number(b[2]) - Number(a[2]))[0]?.[1]
  }

  test('while it is not there, or not well, nothing is written', async () => {
    const [first] = await filesNow()
    const action = actionOf(first!.rules, 'later')
    await expect(perform(action, world)).rejects.toThrow(/the socket of kms vault is not there .*run the plugin/)
    // What a plugin that was killed leaves behind.
    mkdirSync(dirname(socket))
    writeFileSync(socket, '')
    await expect(perform(action, world)).rejects.toThrow(/nobody listens on the socket of kms vault/)
    rmSync(socket)
    plugin = await startKmsPlugin(socket)
    await expect(perform(action, world)).rejects.toThrow(/the plugin of kms vault says of itself: no key/)
    expect(readdirSync(join(root, 'etc/kubernetes'))).toEqual(['manifests'])
  })

  test('Secrets are stored with it, and with its next key', { timeout: 8 * MINUTE }, async () => {
    await plugin.use('k1')
    const [first] = await filesNow()
    expect((await perform(actionOf(first!.rules, 'later'), world)).warnings).toEqual([])
    await cluster.restartApiServer({ flags: { [FLAG]: join(root, PATH), [`${FLAG}-automatic-reload`]: 'true' } })
    manifest(root, cluster.url, PATH)
    await allRead()
    const [second] = await filesNow()
    expect((await perform(actionOf(second!.rules, 'reload'), world)).warnings).toEqual([])
    expect(await filesNow()).toEqual([])
    // What is stored in plain text holds what reads it in the file.
    const early = actionOf([{ resources: ['secrets'], providers: [form] }], 'reload')
    await expect(perform(early, world)).rejects.toThrow(/some of secrets is stored in plain text/)
    const prefix = 'k8s:enc:kms:v2:vault:'
    const { run, world: own } = rewriter(cluster.kubeconfig, { prefix, nodes: [] })
    expect(await run()).toEqual([])
    expect(await stored()).toEqual([prefix])
    await allRead()

    const action = { do: 'rewrite', resources: ['secrets'], prefix, nodes: ['cp-1'], newKey: true } as const
    await expect(performRewrite.rehearse(action, world)).rejects.toThrow(/have the key of kms vault changed in the KMS/)
    // Changed in the KMS: the API server sees it when it asks for the status, once a minute.
    const old = await keyNow()
    expect(old).toMatch(/^sha256:/)
    await plugin.use('k2', 'k1')
    await expect.poll(keyNow, { timeout: 3 * MINUTE, interval: 1000 }).not.toBe(old)
    own.client.close()
    // The prefix stays the same, and still each is stored anew: the API server tells which are of another key.
    const { diff, prepared } = await performRewrite.rehearse(action, world)
    expect(diff).toMatch(/^secrets \((\d+)\)\n- \1 of \1 with another key of kms vault than sha256:/)
    const [rewrite] = await performRewrite.intent(action, prepared, 'step-1' as StepId, world)
    expect(await performRewrite.state(rewrite!, world)).toBe('before')
    expect(await performRewrite.commit(action, prepared, [rewrite!], world)).toEqual([])
    expect(await performRewrite.state(rewrite!, world)).toBe('after')
    await expect(performRewrite.rehearse(action, world)).rejects.toThrow(/everything is encrypted with the key of now/)
    await plugin.use('k2')
    await cluster.restartApiServer()
    await allRead()
    expect(await stored()).toEqual([prefix])
  })
})
