/** Audit switched on for an API server that the real kubelet runs, by the steps that are proposed for a node that is reached. */
import { readFile, stat } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import auditEnabled from '../../src/controls/audit/audit-enabled.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Change, RegisteredControl } from '../../src/model/index.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { worldOf } from '../helpers/world.ts'
import { type Hands, handsOn } from './node-flags.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 240_000 })

describeNode('audit of an API server in a static pod', {}, (cluster) => {
  let server: StaticApiServer
  let hands: Hands
  const node = () => cluster().nodes[0]!
  const log = () => readFile(node().path('/var/log/kubernetes/audit/audit.log'), 'utf8')
  beforeAll(async () => {
    server = await node().runApiServer()
    hands = handsOn(node().name, node().path('/'), server.kubeconfig)
  })
  afterAll(async () => {
    hands?.close()
    await server?.remove()
  })

  test('is switched on by one action: policy, flags and mounts; the log is written, and undo takes it back', async () => {
    const before = await readFile(server.manifest, 'utf8')
    const action = proposedFor(node().name)
    const { written } = await hands.take(action)
    expect((await stat(node().path('/etc/kubernetes/audit-policy.yaml'))).mode & 0o777).toBe(0o600)
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'on-the-node' }, stringData: { password: 'never-in-the-log' } }
    expect((await server.api.request('POST', '/api/v1/namespaces/default/secrets', { body: secret })).status).toBe(201)
    await expect.poll(async () => (await log()).includes('"name":"on-the-node"'), { timeout: 20_000 }).toBe(true)
    expect(await log()).not.toContain('never-in-the-log')
    await hands.writer.undo(written)
    expect(await readFile(server.manifest, 'utf8')).toBe(before)
    await expect(stat(node().path('/etc/kubernetes/audit-policy.yaml'))).rejects.toThrow('ENOENT')
  })
})

function proposedFor(node: string) {
  const control = { ...auditEnabled, id: 'audit-enabled', practice: 'audit' } as unknown as RegisteredControl
  const { snapshot } = worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
facts:
  Hosts: {hosts: [{node: ${node}, carrier: local, controlPlane: true, unread: [], files: [{path: /etc/kubernetes/manifests/kube-apiserver.yaml, is: file, mode: 384, uid: 0, gid: 0}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-${node}, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {nodeName: ${node}, containers: [{name: kube-apiserver, command: [kube-apiserver, --profiling=false]}]}
`)
  const [finding] = judge(control, snapshot).findings
  if (!('propose' in control.remedy)) throw new Error('no remedy')
  const { changes } = control.remedy.propose(finding!, { view: snapshot, options: {}, alongside: [] }) as { changes: readonly Change[] }
  const [change] = changes
  if (change?.type !== 'host' || change.action.do !== 'flags') throw new Error('no action')
  return change.action
}
