import { Readable as Stream } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { ConfigMapObject, ControllerObject, Readable, SecretObject } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource, SourceProblem } from '../../src/sources/manifests.ts'
import { directoryOf, scan } from './manifests-helper.ts'

const deployment = (name: string, more = ''): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: ${name}\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: a:1\n${more}`

async function scanText(text: string) {
  using directory = directoryOf({ 'a.yaml': text })
  return await scan(manifestsSource(directory.path))
}

describe('what is read', () => {
  test('a directory with its sub-directories, JSON and lists, and what the tool itself wrote', async () => {
    using directory = directoryOf({
      'b/deep.yml': deployment('deep'),
      'list.yaml': `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata: {name: one, namespace: shop}\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata:\n    name: two\n    namespace: shop\n`,
      'typed.json': JSON.stringify({
        apiVersion: 'v1',
        kind: 'PodList',
        items: [{ metadata: { name: 'web' }, spec: { containers: [{ name: 'c' }] } }],
      }),
      'k8s-harden/networkpolicy-shop-default-deny.yaml':
        'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: default-deny, namespace: shop}\nspec: {podSelector: {}}\n',
      'node_modules/x/a.yaml': deployment('not-ours'),
      '.git/a.yaml': deployment('not-ours'),
      'notes.txt': deployment('not-yaml'),
    })
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.kinds.get('Deployment')!.keys()]).toEqual(['default/deep'])
    expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['shop/one', 'shop/two'])
    expect([...seen.kinds.get('Pod')!.keys()]).toEqual(['default/web'])
    expect([...seen.kinds.get('NetworkPolicy')!.keys()]).toEqual(['shop/default-deny'])
    expect(refOf(seen.kinds.get('ServiceAccount')!.get('shop/two')!)).toMatchObject({ file: 'list.yaml', document: 0, item: 1, line: 7 })
    expect(seen.problems.size).toBe(0)
  })

  test('several documents, comments of Helm, a leading separator, CRLF, a byte order mark', async () => {
    const text =
      `\uFEFF# Source: chart/templates/a.yaml\n---\n${deployment('one')}---\n# Source: chart/templates/empty.yaml\n---\n${deployment('two')}`.replaceAll(
        '\n',
        '\r\n',
      )
    const seen = await scanText(text)
    expect(
      seen.kinds
        .get('Deployment')!
        .values()
        .map((object) => refOf(object))
        .toArray(),
    ).toMatchObject([
      { name: 'one', document: 0, line: 3 },
      { name: 'two', document: 2, line: 16 },
    ])
  })

  test('UTF-16, as PowerShell writes it', async () => {
    using directory = directoryOf({ 'a.yaml': Buffer.from(`\uFEFF${deployment('wide')}`, 'utf16le') })
    expect((await scan(manifestsSource(directory.path))).kinds.get('Deployment')!.has('default/wide')).toBe(true)
  })

  test('standard input', async () => {
    const seen = await scan(manifestsSource('-', { stdin: Stream.from([deployment('piped')]) }))
    expect(refOf(seen.kinds.get('Deployment')!.get('default/piped')!)).toMatchObject({ file: '-', document: 0, line: 1 })
  })

  test('a single file is known by its base name', async () => {
    using directory = directoryOf({ 'sub/a.yaml': deployment('one'), 'sub/b.yaml': deployment('two') })
    const seen = await scan(manifestsSource(`${directory.path}/sub/a.yaml`))
    expect(
      seen.kinds
        .get('Deployment')!
        .values()
        .map((object) => refOf(object).file)
        .toArray(),
    ).toEqual(['a.yaml'])
  })

  test('files of the control plane and of the nodes are named after their file', async () => {
    using directory = directoryOf({
      'kubeadm.yaml':
        'apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: 1.36.1\napiServer:\n  extraArgs: {profiling: "false"}\n---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n',
      'kubeadm-new.yaml': 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n',
      'nodes/kubelet.yaml': 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
      'audit.yaml': 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n',
      'authn.yaml': 'apiVersion: apiserver.config.k8s.io/v1beta1\nkind: AuthenticationConfiguration\n',
      'admission.yaml': 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: []\n',
      'manifests/kube-apiserver.yaml':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system}\nspec: {containers: [{name: kube-apiserver, image: registry.k8s.io/kube-apiserver:v1.35.0}]}\n',
    })
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.kinds.get('ClusterConfiguration')!.keys()]).toEqual(['kubeadm-new.yaml', 'kubeadm.yaml'])
    expect([...seen.kinds.get('KubeletConfiguration')!.keys()]).toEqual(['kubelet.yaml'])
    for (const kind of ['AuditPolicy', 'AuthenticationConfiguration', 'AdmissionConfiguration'] as const)
      expect(seen.kinds.get(kind)!.size, kind).toBe(1)
    expect(seen.kubernetes).toBe('v1.36.1')
  })

  test('the version of the API server, where only its image tells', async () => {
    const seen = await scanText(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system}\nspec: {containers: [{name: kube-apiserver, image: "registry.k8s.io/kube-apiserver:v1.35.0"}]}\n',
    )
    expect(seen.kubernetes).toBe('v1.35.0')
  })

  test('YAML as Kubernetes reads it: `yes` is true, 0644 is octal, 12:30 is text', async () => {
    const seen = await scanText(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: yes\n  hostNetwork: off\n  containers:\n  - {name: a, securityContext: {runAsUser: 1_000, privileged: True}, ports: [{containerPort: 0x50}]}\n  securityContext: {fsGroup: 0644}\n  nodeName: 12:30\n',
    )
    expect(seen.kinds.get('Pod')!.get('default/a')).toMatchObject({
      spec: {
        hostPID: true,
        hostNetwork: false,
        nodeName: '12:30',
        securityContext: { fsGroup: 420 },
        containers: [{ securityContext: { runAsUser: 1000, privileged: true }, ports: [{ containerPort: 80 }] }],
      },
    })
  })

  test('two objects of one name both count', async () => {
    using directory = directoryOf({ 'a.yaml': deployment('app'), 'b.yaml': `${deployment('app')}---\n${deployment('app')}` })
    expect([...(await scan(manifestsSource(directory.path))).kinds.get('Deployment')!.keys()]).toEqual([
      'default/app',
      'default/app@b.yaml#0',
      'default/app@b.yaml#1',
    ])
  })

  test('only the namespaces asked for', async () => {
    using directory = directoryOf({
      'a.yaml': `${deployment('app', '')}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: shop}\n`,
    })
    const seen = async (...wanted: readonly Readable[]) =>
      scan(manifestsSource(directory.path, { namespaces: ['shop'] }), new Set<Readable>(['Deployment', 'ServiceAccount', ...wanted]))
    const sizes = ({ kinds }: Awaited<ReturnType<typeof seen>>) => [kinds.get('Deployment')!.size, kinds.get('ServiceAccount')!.size]
    expect(sizes(await seen())).toEqual([0, 1])
    // Who needs their pods may be anywhere.
    expect(sizes(await seen('NetworkPolicy'))).toEqual([1, 1])
  })

  test('what is null is not there', async () => {
    const seen = await scanText(
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, labels: , annotations: null}\nspec:\n  template:\n    spec:\n      securityContext:\n      containers:\n',
    )
    const object = seen.kinds.get('Deployment')!.get('default/a') as ControllerObject
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', namespace: 'default' },
      spec: { template: { spec: { containers: [] } } },
    })
  })
})

describe('what manifests cannot tell', () => {
  test('kinds that a directory need not declare are unread, others are known to be absent', async () => {
    const seen = await scanText(deployment('a'))
    expect(seen.unread.get('Node')).toBe('no Node among these manifests')
    expect(seen.unread.get('EncryptionConfiguration')).toBe('no EncryptionConfiguration among these manifests')
    expect(seen.unread.get('ServerVersion')).toBe('only a running API server can answer')
    expect(seen.kinds.get('NetworkPolicy')!.size).toBe(0)
    expect(seen.unread.has('NetworkPolicy')).toBe(false)
  })

  test('only what is wanted is reported', async () => {
    using directory = directoryOf({ 'a.yaml': deployment('a') })
    const seen = await scan(manifestsSource(directory.path), new Set(['Deployment', 'Node'] as const))
    expect([[...seen.kinds.keys()], [...seen.unread.keys()]]).toEqual([['Deployment'], ['Node']])
  })

  test('a path that is not there, a directory without an object: the source cannot be read', async () => {
    expect(() => manifestsSource('/nowhere/at/all')).toThrow(SourceProblem)
    using directory = directoryOf({ 'values.yaml': 'image: a\n', 'broken.yaml': 'kind: Pod\n a: [\n' })
    const refusal = await scan(manifestsSource(directory.path)).catch((error: SourceProblem) => error)
    expect(refusal).toBeInstanceOf(SourceProblem)
    expect((refusal as SourceProblem).message).toContain('broken.yaml:2: no valid YAML')
    expect((refusal as SourceProblem).tryNext.length).toBeGreaterThan(0)
  })
})

describe('secrets', () => {
  test('of a Secret only type and names of keys are kept, of an encryption key only its length', async () => {
    const key = Buffer.alloc(32, 7).toString('base64')
    const seen = await scanText(
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"a":"aHVudGVyMg=="}}'}\ntype: Opaque\ndata: {a: aHVudGVyMg==}\nstringData: {b: hunter2}\n---\napiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{resources: [secrets], providers: [{secretbox: {keys: [{name: k, secret: ${key}}]}}]}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbinaryData: {k.jks: aHVudGVyMg==}\n`,
    )
    const secret = seen.kinds.get('Secret')!.get('default/s') as SecretObject
    expect([secret.type, secret.keys]).toEqual(['Opaque', ['a', 'b']])
    expect((seen.kinds.get('ConfigMap')!.get('default/c') as ConfigMapObject).binaryKeys).toEqual(['k.jks'])
    expect(JSON.stringify(seen.log)).not.toMatch(/aHVudGVyMg|hunter2/)
    expect(JSON.stringify(seen.log)).not.toContain(key)
    expect(seen.kinds.get('EncryptionConfiguration')!.values().next().value).toMatchObject({
      resources: [{ providers: [{ secretbox: { keys: [{ secret: Buffer.alloc(32).toString('base64') }] } }] }],
    })
  })
})
