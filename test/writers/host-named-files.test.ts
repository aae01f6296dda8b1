/** A component that runs on with what it read at its start is not restarted while a file that its flags name is lost or broken. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { FlagsAction, Written } from '../../src/model/index.ts'
import { approvalOf, stepOf } from '../e2e/node-flags.ts'
import { type FakeNode, fakeNode, MANIFEST, POD } from './host-node.ts'

let node: FakeNode
afterEach(() => node.stop())

const KEY = Buffer.alloc(32, 'k').toString('base64')
const encrypting = (key: string) =>
  `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n- resources: [secrets]\n  providers:\n  - secretbox: {keys: [{name: one, secret: ${key}}]}\n`
const policy = (level: string) => `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: ${level}\n`

/** The manifest with flags, and the folder /etc/kubernetes/conf of the pod mounted from `from`. */
const podWith = (flags: Readonly<Record<string, string>>, from = '/etc/kubernetes/conf') =>
  POD.replace(
    '      readinessProbe',
    `${Object.entries(flags)
      .map(([flag, value]) => `        - --${flag}=${value}\n`)
      .join('')}      volumeMounts:
        - {name: conf, mountPath: /etc/kubernetes/conf, readOnly: true}
      readinessProbe`,
  ) + `  volumes:\n    - {name: conf, hostPath: {path: ${from}, type: Directory}}\n`

const action = (flags: FlagsAction['flags'], more: Partial<FlagsAction> = {}): FlagsAction => ({
  do: 'flags',
  node: 'cp-1',
  component: 'kube-apiserver',
  flags,
  mounts: [],
  files: [],
  ...more,
})
async function refusal(wanted: FlagsAction): Promise<string | undefined> {
  const result = await node.writer.rehearse(stepOf(wanted))
  return result.ok ? undefined : `${result.refusedBy}: ${result.because}`
}
async function take(wanted: FlagsAction): Promise<readonly Written[]> {
  const result = await node.writer.rehearse(stepOf(wanted))
  if (!result.ok) throw new Error(result.because)
  const written = await node.writer.intent(result.rehearsal)
  await node.writer.commit(result.rehearsal, written, approvalOf(stepOf(wanted)))
  return written
}

test.each([
  ['audit-policy-file', policy('Metadata'), policy('Everything'), 'the API server would not take it'],
  ['audit-policy-file', policy('Metadata'), 'rules: [', 'it is no valid YAML'],
  ['authentication-config', 'kind: AuthenticationConfiguration\n', 'kind: Authentication\n', 'it is no AuthenticationConfiguration'],
  ['encryption-provider-config', encrypting(KEY), encrypting('c2hvcnQ='), 'key one of secretbox has 5 bytes, not 32'],
  ['tls-cert-file', 'PEM', undefined, 'it is not there on cp-1'],
])('--%s: not restarted while the file is broken, and changed once it is mended', async (flag, good, bad, why) => {
  node = await fakeNode(podWith({ [flag]: '/etc/kubernetes/conf/file.yaml' }))
  if (bad !== undefined) node.put('/etc/kubernetes/conf/file.yaml', bad)
  const said = await refusal(action({ profiling: 'false' }))
  expect(said).toContain(`cp-1: --${flag} names /etc/kubernetes/conf/file.yaml, and ${why}`)
  expect(said).toContain('with that kube-apiserver would not start again; mend the file first')
  node.put('/etc/kubernetes/conf/file.yaml', good)
  expect(await refusal(action({ profiling: 'false' }))).toBeUndefined()
  await take(action({ profiling: 'false' }))
  expect(node.read(MANIFEST)).toContain('--profiling=false')
})

test('an undo restarts it too, and waits for the file to be mended', async () => {
  const before = podWith({ 'audit-policy-file': '/etc/kubernetes/conf/policy.yaml' })
  node = await fakeNode(before)
  node.put('/etc/kubernetes/conf/policy.yaml', policy('Metadata'))
  const written = await take(action({ profiling: 'false' }))
  node.put('/etc/kubernetes/conf/policy.yaml', policy('Everything'))
  await expect(node.writer.undo(written)).rejects.toThrow('--audit-policy-file names /etc/kubernetes/conf/policy.yaml, and')
  expect(node.read(MANIFEST)).toContain('--profiling=false')
  node.put('/etc/kubernetes/conf/policy.yaml', policy('Metadata'))
  await node.writer.undo(written)
  expect(node.read(MANIFEST)).toBe(before)
})

test('what the pod sees at a path is looked at where its mount has it from', async () => {
  node = await fakeNode(podWith({}, '/srv/conf'))
  node.put('/etc/kubernetes/conf/policy.yaml', policy('Metadata'))
  const wanted = action({ 'audit-policy-file': '/etc/kubernetes/conf/policy.yaml' })
  expect(await refusal(wanted)).toContain('names /srv/conf/policy.yaml, and it is not there on cp-1')
  node.put('/srv/conf/policy.yaml', policy('Metadata'))
  expect(await refusal(wanted)).toBeUndefined()
})

test('a file that the API server could not load, by its own metrics, keeps it from being restarted', async () => {
  node = await fakeNode(podWith({ 'authentication-config': '/etc/kubernetes/conf/authn.yaml' }))
  node.put('/etc/kubernetes/conf/authn.yaml', 'kind: AuthenticationConfiguration\nunknown: {}\n')
  const family = 'apiserver_authentication_config_controller_'
  const metrics = (hash: string, failed: number) =>
    [
      `${family}last_config_info{apiserver_id_hash="sha256:a",hash="sha256:${hash}"} 1`,
      `${family}automatic_reload_last_timestamp_seconds{apiserver_id_hash="sha256:a",status="failure"} ${failed}`,
      `${family}automatic_reload_last_timestamp_seconds{apiserver_id_hash="sha256:a",status="success"} 1700000000`,
      '',
    ].join('\n')
  let now = metrics('b'.repeat(64), 1_700_000_060)
  node.api.routes.set('/metrics', (_asked, response) => void response.end(now))
  expect(await refusal(action({ profiling: 'false' }))).toContain('the API server could not load it and runs on with what it had before')
  // The failure was of an earlier content: this one it has not looked at yet.
  now = metrics('b'.repeat(64), 1_600_000_000)
  expect(await refusal(action({ profiling: 'false' }))).toBeUndefined()
})

test('a folder that the pod has read-only is made writable for a log, since no path may be mounted twice', async () => {
  node = await fakeNode(podWith({}))
  const mount = { name: 'logs', path: '/etc/kubernetes/conf', type: 'DirectoryOrCreate', readOnly: false } as const
  const written = await take(action({ 'audit-log-path': '/etc/kubernetes/conf/audit.log' }, { mounts: [mount] }))
  const text = node.read(MANIFEST)
  expect([text.match(/mountPath: \/etc\/kubernetes\/conf/g), text.includes('readOnly')]).toEqual([[expect.any(String)], false])
  await node.writer.undo(written)
  expect(node.read(MANIFEST)).toBe(podWith({}))
})

test('one of which no container is ever started points to the log of the kubelet', async () => {
  node = await fakeNode(POD, 1_500)
  const { routes } = node.api
  const shown = routes.get('/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-1')!
  // It does not take the new manifest, and goes on showing nothing.
  routes.set('/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-1', (asked, response) =>
    readFileSync(join(node.root, MANIFEST), 'utf8').includes('profiling') ? void response.destroy() : shown(asked, response),
  )
  await expect(take(action({ profiling: 'false' }))).rejects.toThrow(
    'no container of it was started, and the log of the kubelet says why (journalctl -u kubelet on cp-1); everything was put back',
  )
  expect([node.read(MANIFEST), existsSync(join(node.root, '/var/log/pods'))]).toEqual([POD, false])
})

describe('another program writes over the manifest as soon as it is changed', () => {
  /** `text`: what it makes of it, once. */
  async function overwrittenWith(text: string): Promise<void> {
    node = await fakeNode(POD, 2_000)
    const write = node.host.write.bind(node.host)
    node.host.write = async (...given) => {
      await write(...given)
      node.host.write = write
      node.put(MANIFEST, text)
    }
  }

  test('it put the old one back: that is said, and it is not fought', async () => {
    await overwrittenWith(POD)
    const began = Date.now()
    await expect(take(action({ profiling: 'false' }))).rejects.toThrow(
      `somebody has put the old ${MANIFEST} back on cp-1 as soon as it was changed: whatever manages that file`,
    )
    expect([node.read(MANIFEST), Date.now() - began < 2_000]).toEqual([POD, true])
  })

  test('it is another one, which does not start: the one from before is put back, and where the other is kept is said', async () => {
    const other = POD.replace('--tls-min-version=VersionTLS12', '--profiling=maybe')
    await overwrittenWith(other)
    node.fails = (text) => (text === other ? 'Error: invalid argument "maybe" for "--profiling"' : undefined)
    const kept = '/var/lib/k8s-harden/run-1/step-1/0-kube-apiserver.yaml.found'
    await expect(take(action({ profiling: 'false' }))).rejects.toThrow(
      `and it is back; somebody wrote over ${MANIFEST} meanwhile: that is in ${kept}`,
    )
    expect([node.read(MANIFEST), node.read(kept)]).toEqual([POD, other])
  })
})
