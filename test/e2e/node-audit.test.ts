/** Audit by the whole command line, on a node where the real kubelet runs the API server: switched on, used, shipped, mended, taken back. */
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'

vi.setConfig({ hookTimeout: 240_000 })
const LONG = 400_000

const WEAK = `# of the security team, 2024
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  # the shop is audited by another team
  - {level: None, namespaces: [shop]} # agreed in March
  - level: RequestResponse
`

describeNode('audit of an API server in a static pod', {}, (cluster) => {
  let server: StaticApiServer
  let program: ContainerProgram
  let sink: Server
  let arrived = ''
  let untouched = ''
  const state = freshState()
  const node = () => cluster().nodes[0]!
  const log = () => readFile(node().path('/var/log/kubernetes/audit/audit.log'), 'utf8')
  const manifest = () => readFile(server.manifest, 'utf8')
  const harden = async (...args: string[]) => {
    const env = { XDG_STATE_HOME: state, PATH: `${program.folder}:${process.env['PATH']}` }
    const { exitCode, stdout, stderr } = await cli([...args, '--kubeconfig', server.kubeconfig, '--host', '*=docker:{node}'], {
      env,
      timeout: LONG,
    })
    return { exitCode, said: `${stdout}${stderr}`, run: /undo with: k8s-harden undo (\S+)/.exec(stdout)?.[1] ?? '' }
  }
  const apply = (...args: string[]) => harden('apply', '--yes', '--accept-risk', 'may-break', '--steady', '0', ...args)
  const send = async (method: string, path: string, body?: object) => (await server.api.request(method, path, { body })).status
  const runs: string[] = []

  beforeAll(async () => {
    server = await node().runApiServer()
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
    untouched = await manifest()
    const [key, cert] = await Promise.all(['apiserver.key', 'apiserver.crt'].map((name) => readFile(join(cluster().dir, name))))
    sink = createServer({ key, cert }, async (request, response) => {
      arrived += `${await text(request)}\n`
      response.end()
    }).listen(0, node().hostAddress)
    await once(sink, 'listening')
  })
  afterAll(async () => {
    sink?.closeAllConnections()
    sink?.close()
    await program?.close()
    await server?.remove()
  })

  test(
    'is switched on with other flags by one restart; the log has every write and no content',
    async () => {
      const { exitCode, said, run } = await apply('--control', 'audit-enabled,api-profiling-limits,sec-token-lifetime')
      expect([exitCode, said]).toEqual([0, expect.stringContaining('kube-apiserver on node-0: write an audit log; set --')])
      runs.push(run)
      expect(said.match(/^\d+\/\d+ kube-apiserver on node-0/gm)).toHaveLength(1)
      expect((await stat(node().path('/etc/kubernetes/audit-policy.yaml'))).mode & 0o777).toBe(0o600)
      const namespaced = '/api/v1/namespaces/default'
      const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles'
      const named = (name: string) => ({ metadata: { name } })
      const secret = { ...named('first'), stringData: { password: 'never-in-the-log' } }
      expect([
        await send('POST', `${namespaced}/secrets`, secret),
        await send('PUT', `${namespaced}/secrets/first`, { ...secret, stringData: { password: 'never-in-the-log-2' } }),
        await send('GET', `${namespaced}/secrets/first`),
        await send('GET', `${namespaced}/secrets`),
        await send('POST', `${namespaced}/configmaps`, { ...named('second'), data: { x: 'never-in-the-log' } }),
        await send('POST', roles, { ...named('third'), rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }),
        await send('POST', `${namespaced}/serviceaccounts/default/token`, { spec: {} }),
        await send('POST', `${namespaced}/pods/fourth/exec?command=id`),
        await send('DELETE', `${namespaced}/secrets/first`),
      ]).toEqual([201, 200, 200, 200, 201, 201, 201, 404, 200])
      const seen = async () =>
        (await log())
          .split('\n')
          .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Event]))
          .filter(({ user }) => user?.username === 'kubernetes-admin')
          .map(({ verb, objectRef: of, responseStatus }) =>
            [verb, of?.resource, of?.subresource, of?.name, responseStatus?.code].filter(Boolean).join(' '),
          )
      await expect
        .poll(seen, { timeout: 20_000 })
        .toEqual(
          expect.arrayContaining([
            'create secrets first 201',
            'update secrets first 200',
            'get secrets first 200',
            'list secrets 200',
            'create configmaps second 201',
            'create roles third 201',
            'create serviceaccounts token default 201',
            'create pods exec fourth 404',
            'delete secrets first 200',
          ]),
        )
      for (const hidden of ['never-in-the-log', Buffer.from('never-in-the-log').toString('base64').slice(0, 20), '"token":"ey'])
        expect(await log()).not.toContain(hidden)
      expect(await harden('try-audit', '--yes')).toMatchObject({
        exitCode: 0,
        said: expect.stringContaining('the log of node-0 has the event, without the content'),
      })
    },
    LONG,
  )

  test(
    'is shipped to a store behind a CA of its own, and arrives there',
    async () => {
      const { port } = sink.address() as AddressInfo
      const url = `https://${node().hostAddress}:${port}/audit`
      const settings = [`audit-shipped.webhook=${url}`, 'audit-shipped.webhookCa=/etc/kubernetes/pki/ca.crt']
      const { exitCode, said, run } = await apply('--control', 'audit-shipped', '--set', ...settings)
      expect([exitCode, said]).toEqual([0, expect.stringContaining(`send the audit log to ${url}`)])
      runs.push(run)
      expect(await send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'shipped' } })).toBe(201)
      await expect.poll(() => arrived, { timeout: 60_000 }).toContain('"name":"shipped"')
    },
    LONG,
  )

  test(
    'and is taken back byte for byte',
    async () => {
      for (const run of runs.splice(0).toReversed()) {
        const { exitCode, said } = await harden('undo', run, '--yes')
        expect([exitCode, said]).toEqual([0, expect.anything()])
      }
      expect(await manifest()).toBe(untouched)
      const left = await readdir(node().path('/etc/kubernetes'))
      expect(left.filter((name) => name.startsWith('audit'))).toEqual([])
    },
    LONG,
  )

  test(
    "an operator's own weak policy is mended in its place, its words kept, and kept long enough",
    async () => {
      const path = node().path('/etc/kubernetes/own/policy.yaml')
      await node().run(['mkdir', '-p', '/etc/kubernetes/own', '/var/log/kubernetes/audit'])
      await writeFile(path, WEAK, { mode: 0o640 })
      const own = untouched
        .replace('- kube-apiserver\n', (line) =>
          [
            line,
            '--audit-policy-file=/etc/kubernetes/own/policy.yaml\n',
            '--audit-log-path=/var/log/kubernetes/audit/audit.log\n',
            '--audit-log-maxage=7\n',
          ].join('        - '),
        )
        .replace('volumeMounts:\n', (line) => `${line}${MOUNTS}`)
        .replace('  volumes:\n', (line) => `${line}${VOLUMES}`)
      await writeFile(server.manifest, own)
      await expect.poll(() => send('GET', '/readyz').catch(() => 0), { timeout: 60_000 }).not.toBe(200)
      await expect.poll(() => send('GET', '/readyz').catch(() => 0), { timeout: 60_000 }).toBe(200)
      const { exitCode, said, run } = await apply('--control', 'audit-policy-coverage,audit-log-retention')
      expect([exitCode, said]).toEqual([0, expect.stringContaining('/etc/kubernetes/own/policy.yaml on node-0: log what matters')])
      const mended = await readFile(path, 'utf8')
      for (const kept of ['# of the security team, 2024', '# agreed in March', 'level: RequestResponse']) expect(mended).toContain(kept)
      expect((await stat(path)).mode & 0o777).toBe(0o640)
      expect(await manifest()).toContain('--audit-log-maxage=30')
      const secret = { metadata: { name: 'fifth' }, stringData: { password: 'never-in-the-log-3' } }
      expect(await send('POST', '/api/v1/namespaces/default/secrets', secret)).toBe(201)
      await expect.poll(async () => (await log()).includes('"name":"fifth"'), { timeout: 20_000 }).toBe(true)
      expect(await log()).not.toContain('never-in-the-log-3')
      expect((await harden('undo', run, '--yes')).exitCode).toBe(0)
      expect([await readFile(path, 'utf8'), await manifest()]).toEqual([WEAK, own])
    },
    LONG,
  )
})

interface Event {
  readonly verb: string
  readonly user?: { readonly username?: string }
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string }
  readonly responseStatus?: { readonly code?: number }
}
const MOUNTS = `        - {mountPath: /etc/kubernetes/own, name: own, readOnly: true}
        - {mountPath: /var/log/kubernetes/audit, name: log}
`
const VOLUMES = `    - {hostPath: {path: /etc/kubernetes/own, type: Directory}, name: own}
    - {hostPath: {path: /var/log/kubernetes/audit, type: DirectoryOrCreate}, name: log}
`
