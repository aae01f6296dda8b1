/** The API server of a node is found whatever its manifest is called and however its flags are written. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ApiClient } from '../../src/apiserver/client.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import { Instance, isGiven } from '../../src/writers/encryption-loaded.ts'
import { addressOf, apiServerOn } from '../../src/writers/host-api-server.ts'

const ENC = '/etc/kubernetes/enc/encryption-config.yaml'
const MANIFESTS = '/etc/kubernetes/manifests'

function node(files: Readonly<Record<string, string>>): LocalHost {
  const root = mkdtempSync(join(tmpdir(), 'k8s-harden-manifests-'))
  mkdirSync(join(root, MANIFESTS), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, MANIFESTS, name), text)
  return new LocalHost('cp-1', root)
}
const pod = (container: object, more: object = {}) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-apiserver', namespace: 'kube-system' },
    spec: { containers: [{ name: 'kube-apiserver', ...container }], ...more },
  })
const FLAGS = ['--advertise-address=10.0.0.1', '--secure-port=443', `--encryption-provider-config=${ENC}`]
const apart = FLAGS.flatMap((flag) => flag.split('='))
const commented = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
    - name: kube-apiserver
      command:
        - kube-apiserver
        # as before: --advertise-address=10.9.9.9 --encryption-provider-config=/etc/old.yaml
${FLAGS.map((flag) => `        - ${flag}\n`).join('')}`
const fromEnvironment = pod({
  command: ['kube-apiserver', '--advertise-address=$(ADDRESS)', ...FLAGS.slice(1)],
  env: [{ name: 'ADDRESS', value: '10.0.0.1' }],
})

describe('the API server that a manifest of a node starts', () => {
  test.each([
    ['as kubeadm has it', { 'kube-apiserver.yaml': pod({ command: ['kube-apiserver', ...FLAGS] }) }],
    ['its flags in args, and their values apart', { 'kube-apiserver.yaml': pod({ command: ['kube-apiserver'], args: apart }) }],
    ['a file of another name', { '10-apiserver.manifest': pod({ command: ['kube-apiserver', ...apart] }), 'etcd.yaml': 'kind: Pod\n' }],
    ['what a comment says is no flag', { 'kube-apiserver.yaml': commented }],
    ['a header, and a document after it', { 'kube-apiserver.yaml': `# by Ansible\n---\n${commented}---\n# nothing more\n` }],
    ['lines end as on Windows', { 'kube-apiserver.yaml': commented.replaceAll('\n', '\r\n') }],
    ['a value from its environment', { 'kube-apiserver.yaml': fromEnvironment }],
    ['in a shell script', { 'a.yaml': pod({ command: ['sh', '-c', `exec kube-apiserver ${FLAGS.join(' ')}`] }) }],
    ['what begins with a dot is not run', { '.old.yaml': pod({ command: ['kube-apiserver'] }), 'api.yaml': commented }],
  ])('%s', async (_name, files) => {
    const host = node(files)
    expect(await isGiven(host, ENC)).toBe(true)
    expect(await isGiven(host, '/etc/old.yaml')).toBe(false)
    expect(await addressOf(host, { client: {} as ApiClient })).toBe('https://10.0.0.1:443')
  })

  test('a file that a mount shows it under another path is meant by the path of the node', async () => {
    const mounted = pod(
      { command: ['kube-apiserver', '--encryption-provider-config=/enc/c.yaml'], volumeMounts: [{ name: 'enc', mountPath: '/enc' }] },
      { volumes: [{ name: 'enc', hostPath: { path: '/opt/keys' } }] },
    )
    const host = node({ 'kube-apiserver.yaml': mounted })
    expect([await isGiven(host, '/opt/keys/c.yaml'), await isGiven(host, '/enc/c.yaml')]).toEqual([true, false])
  })

  test('without an address among its flags it answers where its pod does; nobody else is asked for its metrics', async () => {
    const host = node({ 'kube-apiserver.yaml': pod({ command: ['kube-apiserver', '--advertise-address=$(HOST_IP)'] }) })
    const client = (hostNetwork: boolean) =>
      ({
        get: async (path: string) => ({
          ok: path === '/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-1',
          body: { metadata: { annotations: {} }, spec: { hostNetwork, containers: [] }, status: { podIP: 'fd00::1' } },
        }),
        context: { server: 'https://elsewhere:6443', cluster: {} },
      }) as unknown as ApiClient
    expect(await addressOf(host, { client: client(true) })).toBe('https://[fd00::1]:6443')
    expect(await addressOf(host, { client: client(false) })).toBeUndefined()
    const instance = await Instance.of(host, ['cp-1', 'cp-2'], { client: client(false) })
    expect(instance.client).toBeUndefined()
  })

  test('no such manifest is no API server that is seen', async () => {
    const host = node({ 'etcd.yaml': pod({ name: 'etcd', command: ['etcd'] }) })
    expect(await apiServerOn(host)).toBe('no manifest in /etc/kubernetes/manifests runs kube-apiserver')
    expect(await isGiven(host, ENC)).toBeUndefined()
  })
})
