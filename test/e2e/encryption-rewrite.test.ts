/** Everything that is stored of Secrets, stored anew on a real API server: between plain text and keys, killed, raced, refused; judged by the bytes in etcd. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
import type { Host } from '../../src/hosts/host.ts'
import { WriteRefused } from '../../src/plan/writer.ts'
import { performRewrite } from '../../src/writers/host-rewrite.ts'
import { createAuthority } from '../cluster/certificates.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'
import { BOX, contents, controlPlaneNode, fill, rewriter, stored, writeEncryption } from './rewrite-harness.ts'

const configuration = () => join(mkdtempSync(join(tmpdir(), 'k8s-harden-encryption-')), 'encryption.yaml')
const file = configuration()
await writeEncryption(file, 'identity', 'key1')
const API = 'storagemigration.k8s.io/v1'
const LONG = 300_000

/** What the scan says of what is stored: its status, and the reason of the first finding if there is one. */
async function scanned({ kubeconfig }: Cluster): Promise<readonly [string, string | undefined]> {
  const args = ['scan', '--kubeconfig', kubeconfig, '-o', 'json', '--fail-on', 'none', '--control', 'sec-etcd-encryption-coverage']
  const { stdout, stderr } = await cli(args)
  expect(stderr).toBe('')
  const [result] = SCAN.parse(JSON.parse(stdout)).results
  return [result!.status, result!.findings[0]?.reason]
}

describeCluster(
  'everything stored anew by patches',
  { encryptionConfig: file, audit: false, runtimeConfig: `${API}=false` },
  (cluster: () => Cluster) => {
    let made = 0
    let host: Host
    let before: ReadonlyMap<string, string>
    const useProviders = async (...providers: string[]) => {
      await writeEncryption(file, ...providers)
      await cluster().restartApiServer()
    }
    const state = async (prefix: string, to?: Host) => {
      const { world, written } = rewriter(cluster().kubeconfig, { prefix }, to ? { host: to } : {})
      return performRewrite.state((await written())[0]!, world)
    }

    beforeAll(async () => {
      made = await fill(cluster(), 80)
      host = controlPlaneNode(cluster())
      before = await contents(cluster())
      expect(made).toBeGreaterThan(300)
      expect(await stored(cluster())).toEqual({ plain: made })
    }, 120_000)

    test('the API server must write as is expected: otherwise nothing goes on', { timeout: LONG }, async () => {
      const { run } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` })
      // Nothing is stale yet, so only the proof can tell.
      await expect(run()).rejects.toThrow(/not everything of secrets is stored as k8s:enc:secretbox:v1:key1:: \d+ are stored as plain text/)
      expect(await stored(cluster())).toEqual({ plain: made })
      await useProviders('key2', 'identity', 'key1')
      await expect(run()).rejects.toThrow(
        /the API server writes secrets as k8s:enc:secretbox:v1:.*not as k8s:enc:secretbox:v1:key1:|writes secrets as key2:/,
      )
      expect(await stored(cluster())).toEqual({ plain: made - 1, [`${BOX}key2:`]: 1 })
      await useProviders('key1', 'identity', 'key2')
    })

    test('killed in the middle, everything can be read, and the next run finishes it', { timeout: LONG }, async () => {
      expect(await state(`${BOX}key1:`, host)).toBe('before')
      expect(await state(`${BOX}key1:`)).toBe('before')
      const child = fork(join(import.meta.dirname, 'rewrite-killed.ts'), [cluster().kubeconfig, `${BOX}key1:`], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      await once(child, 'message')
      await expect.poll(async () => (await stored(cluster()))[`${BOX}key1:`] ?? 0, { timeout: 20_000 }).toBeGreaterThan(40)
      child.kill('SIGKILL')
      await once(child, 'exit')
      const half = await stored(cluster())
      expect(half['plain']).toBeGreaterThan(40)
      expect(await contents(cluster())).toEqual(before)
      expect(await scanned(cluster())).toEqual(['fail', 'holds secrets in plain text from before it encrypted them'])
      // What was begun counts as written, so that an undo of the run passes through it.
      expect(await state(`${BOX}key1:`)).toBe('after')
    })

    test('a client that writes all the time loses nothing, and in the end etcd holds nothing in plain text', {
      timeout: LONG,
    }, async () => {
      const { run } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { pace: { perSecond: 80, atOnce: 4 } })
      const last = new Map<string, string>()
      let writing = true
      const writer = (async () => {
        for (let count = 0; writing; count++) {
          const name = `busy-${count % 25}`
          const path = '/api/v1/namespaces/wiki/secrets'
          const stringData = { count: `number ${count}` }
          const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData }
          const known = last.has(name)
          const { status } = await cluster().api.request(
            known ? 'PATCH' : 'POST',
            known ? `${path}/${name}` : path,
            known ? { contentType: 'application/merge-patch+json', body: { stringData } } : { body },
          )
          expect(status).toBeLessThan(300)
          last.set(name, stringData.count)
          await sleep(5)
        }
      })()
      await sleep(300)
      expect(await run()).toEqual([])
      writing = false
      await writer
      for (const [name, count] of last) {
        const { data } = await cluster().api.get<{ data: { count: string } }>(`/api/v1/namespaces/wiki/secrets/${name}`)
        expect(Buffer.from(data.count, 'base64').toString()).toBe(count)
      }
      made += last.size
      expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
      expect(await scanned(cluster())).toEqual(['pass', undefined])
      const now = await contents(cluster())
      for (const [name, digest] of before) expect(now.get(name), name).toBe(digest)
      before = now
    })

    test('once more changes nothing: no resourceVersion moves, and the bytes prove it at once', { timeout: LONG }, async () => {
      const versions = async () =>
        (await cluster().api.get<{ items: { metadata: { resourceVersion: string } }[] }>('/api/v1/secrets')).items.map(
          ({ metadata }) => metadata.resourceVersion,
        )
      const was = await versions()
      const { run, told } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { host })
      expect(await run()).toEqual([])
      expect(told).toEqual([])
      expect(await rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }).run()).toEqual([])
      expect(await versions()).toEqual(was)
      expect(await state(`${BOX}key1:`, host)).toBe('after')
    })

    test('to another key, whereupon the old one can go; without /metrics the API server itself compares', { timeout: LONG }, async () => {
      await useProviders('key2,key1', 'identity')
      // Who has written nothing yet with the new key is not told by what is stored, which is no pass.
      expect(await scanned(cluster())).toEqual(['unknown', undefined])
      await cluster().kubectl(['-n', 'wiki', 'annotate', 'secret', 'busy-0', 'note=newest'])
      expect(await scanned(cluster())).toEqual(['fail', 'holds secrets encrypted with an older key'])
      const { api } = cluster()
      const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'patch'] }]
      const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' }
      const root = '/apis/rbac.authorization.k8s.io/v1'
      await api.create(`${root}/clusterroles`, { ...rbac, kind: 'ClusterRole', metadata: { name: 'rewriter' }, rules })
      await api.create(`${root}/clusterrolebindings`, {
        ...rbac,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'rewriter' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'rewriter' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'rita' }],
      })
      const rita = await cluster().kubeconfigFor({ user: 'rita' })
      await expect.poll(async () => (await cluster().kubectl(['auth', 'can-i', 'patch', 'secrets'], { as: rita })).trim()).toBe('yes')
      expect(await rewriter(rita, { prefix: `${BOX}key2:` }).run()).toEqual([
        expect.stringMatching(/stored as it writes now; that this is .*key2: is not proved: \/metrics may not be read; no node/),
      ])
      expect(await stored(cluster())).toEqual({ [`${BOX}key2:`]: made })
      expect(await scanned(cluster())).toEqual(['pass', undefined])
      await useProviders('key2')
      const now = await contents(cluster())
      expect([...now.keys()]).toEqual([...before.keys()])
      for (const [name, digest] of before) if (name !== 'wiki/busy-0') expect(now.get(name), name).toBe(digest)
      before = now
    })

    describe('where an admission webhook refuses updates', () => {
      let server: Server
      const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
      afterAll(async () => {
        await cluster().api.request('DELETE', `${path}/guard`)
        server?.close()
      })

      test('it is named, nothing is lost, and without it the rewrite goes through', { timeout: LONG }, async () => {
        await useProviders('identity', 'key2')
        const authority = await createAuthority('webhooks')
        const { certificate: cert, key } = await authority.issueServer(['localhost'], ['127.0.0.1'])
        server = createServer({ cert, key }, async (request, response) => {
          let text = ''
          for await (const chunk of request) text += chunk
          const { uid } = (JSON.parse(text) as { request: { uid: string } }).request
          const answer = { uid, allowed: false, status: { message: 'the bank writes its own Secrets' } }
          response.setHeader('Content-Type', 'application/json')
          response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }))
        })
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        await cluster().api.create(path, {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingWebhookConfiguration',
          metadata: { name: 'guard' },
          webhooks: [
            {
              name: 'guard.example.com',
              clientConfig: {
                url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
                caBundle: Buffer.from(authority.certificate).toString('base64'),
              },
              rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['secrets'] }],
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } },
              sideEffects: 'None',
              admissionReviewVersions: ['v1'],
            },
          ],
        })
        const { run } = rewriter(cluster().kubeconfig, { prefix: '' }, { host })
        await expect
          .poll(() =>
            run().then(String, (error: unknown) => (error instanceof WriteRefused ? [error.refusedBy, error.message] : String(error))),
          )
          .toEqual(['admission webhook guard.example.com', expect.stringMatching(/secrets bank\/.*the bank writes its own Secrets/)])
        // The rehearsal told; whoever goes on all the same changes what may be changed, and hears of the rest.
        const blind = rewriter(cluster().kubeconfig, { prefix: '' }, { host })
        const { storedResources } = await import('../../src/writers/stored-items.ts')
        const prepared = { resources: await storedResources(blind.world.client, ['secrets']) }
        const failed = await performRewrite.commit(blind.action, prepared, [], blind.world).catch((error: unknown) => error)
        expect(failed).toMatchObject({
          refusedBy: 'admission webhook guard.example.com',
          message: expect.stringMatching(/^80 of \d+ secrets stay/),
        })
        expect(await stored(cluster())).toEqual({ [`${BOX}key2:`]: 80, plain: made - 80 })
        expect(await contents(cluster())).toEqual(before)
      })
    })

    test('back to plain text, so that the keys can go', { timeout: LONG }, async () => {
      const { run } = rewriter(cluster().kubeconfig, { prefix: '' }, { host })
      await expect.poll(() => run().catch(String), { timeout: 30_000, interval: 1000 }).toEqual([])
      expect(await stored(cluster())).toEqual({ plain: made })
      await useProviders('identity')
      expect(await contents(cluster())).toEqual(before)
    })

    test('what is only for the way back reads everything now, and stores it anew when it is taken back', { timeout: LONG }, async () => {
      await useProviders('key1', 'identity')
      const { world, action, written, run } = rewriter(cluster().kubeconfig, { prefix: '', onlyUndo: true }, { host })
      expect(await run()).toEqual([])
      expect(await stored(cluster())).toEqual({ plain: made })
      await rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { host }).run()
      expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
      expect(action.onlyUndo).toBe(true)
      const writes = await written()
      // As long as it is not plain text that is written, it refuses.
      await expect(performRewrite.undo(writes, false, world)).rejects.toThrow(/not everything of secrets is stored as plain text/)
      await useProviders('identity', 'key1')
      await performRewrite.undo(writes, true, world)
      expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
      await performRewrite.undo(writes, false, world)
      expect(await stored(cluster())).toEqual({ plain: made })
    })

    test('the operator stops it: what is under way is finished, nothing new is begun, and it says how far it came', {
      timeout: LONG,
    }, async () => {
      await useProviders('key1', 'identity')
      const stop = new AbortController()
      const { run } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { signal: stop.signal, pace: { perSecond: 50, atOnce: 2 } })
      setTimeout(() => stop.abort(), 3000)
      await expect(run()).rejects.toThrow(/interrupted after \d+ of \d+ secrets: all of them can be read/)
      expect((await stored(cluster()))['plain']).toBeGreaterThan(0)
      expect(await contents(cluster())).toEqual(before)
    })
  },
)

const migrated = configuration()
await writeEncryption(migrated, 'identity', 'key1')

describeCluster(
  'everything stored anew by the controller manager',
  { encryptionConfig: migrated, controllerManager: true },
  (cluster: () => Cluster) => {
    test('a StorageVersionMigration does it, is followed to its end, and is gone afterwards', { timeout: LONG }, async () => {
      const made = await fill(cluster(), 20)
      const before = await contents(cluster())
      await writeEncryption(migrated, 'key1', 'identity')
      await cluster().restartApiServer()
      // As a run that was killed leaves it.
      const migrations = '/apis/storagemigration.k8s.io/v1/storageversionmigrations'
      await cluster().api.create(migrations, {
        apiVersion: API,
        kind: 'StorageVersionMigration',
        metadata: { name: 'k8s-harden-left', labels: { 'app.kubernetes.io/managed-by': 'k8s-harden' } },
        spec: { resource: { group: '', resource: 'secrets' } },
      })
      const mark = await cluster().auditMark()
      const { run, told } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { host: controlPlaneNode(cluster()) })
      expect(await run()).toEqual([])
      expect(Object.entries(await stored(cluster()))).toEqual([[`${BOX}key1:`, expect.any(Number)]])
      expect(await contents(cluster())).toEqual(before)
      const events = (await cluster().auditSince(mark)).filter(({ stage }) => stage === 'ResponseComplete')
      const ours = events.filter(
        ({ userAgent, objectRef }) => userAgent === 'k8s-harden' && objectRef?.resource === 'storageversionmigrations',
      )
      expect(ours.map(({ verb }) => verb).filter((verb) => verb !== 'get')).toEqual(['list', 'delete', 'create', 'delete'])
      expect((await cluster().api.get<{ items: unknown[] }>(migrations)).items).toEqual([])
      const patches = (agent: RegExp) =>
        events.filter(
          ({ verb, userAgent, objectRef }) => verb === 'patch' && objectRef?.resource === 'secrets' && agent.test(userAgent ?? ''),
        )
      // Of ours: dry runs of one a namespace, and the first one.
      expect(patches(/^k8s-harden/).length).toBeLessThan(10)
      expect(patches(/controller-manager/).length).toBeGreaterThanOrEqual(made)
      expect(told.join()).toMatch(/^$|StorageVersionMigration of secrets: (not begun|running)/)
    })
  },
)

const waiting = configuration()
await writeEncryption(waiting, 'identity', 'key1')

describeCluster('a StorageVersionMigration that nobody takes up', { encryptionConfig: waiting, audit: false }, (cluster: () => Cluster) => {
  test('is given up, and each object patched', { timeout: LONG }, async () => {
    const made = await fill(cluster(), 5)
    await writeEncryption(waiting, 'key1', 'identity')
    await cluster().restartApiServer()
    const { run, told } = rewriter(cluster().kubeconfig, { prefix: `${BOX}key1:` }, { pace: { migrationStartMs: 2500 } })
    expect(await run()).toEqual(['the StorageVersionMigration of secrets was given up, and each object patched: no controller takes it up'])
    expect(told[0]).toBe('the StorageVersionMigration of secrets: not begun (1 s)')
    expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
    const left = await cluster().api.get<{ items: unknown[] }>('/apis/storagemigration.k8s.io/v1/storageversionmigrations')
    expect(left.items).toEqual([])
  })
})
