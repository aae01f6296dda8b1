import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { valueAt } from '../../src/objects/path.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { directoryOf, nothingSeen, scan, see } from './manifests-helper.ts'

const cart = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: app
        image: cart:1.0
        securityContext:
          privileged: true
      - {name: side, image: "ghcr.io/x/side@sha256:${'0'.repeat(64)}"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cart}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: cart}
subjects: [{kind: ServiceAccount, name: default, namespace: default}]
`
const patch = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: app
        securityContext: {privileged: false}
`
const files = {
  'base/kustomization.yaml': 'resources:\n- cart.yaml\n',
  'base/cart.yaml': cart,
  'prod/kustomization.yaml': `namespace: prod
resources: [../base]
components: [../quota]
images:
- {name: cart, newName: registry.local/cart, newTag: "2.0"}
- {name: ghcr.io/x/side, newTag: v3}
patches:
- path: patch.yaml
- target: {kind: Deployment, name: ca.*|till}
  patch: |-
    - {op: add, path: /spec/replicas, value: 3}
`,
  'prod/patch.yaml': patch,
  'quota/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [quota.yaml]\n',
  'quota/quota.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: quota}\n',
  'dev/kustomization.yml': 'namespace: dev\nbases: [../base/]\n',
}

test('objects are judged as they are built; patches are none', async () => {
  using directory = directoryOf(files)
  const source = manifestsSource(directory.path)
  const seen = await scan(source)
  expect([...seen.problems]).toEqual([])
  expect([...seen.kinds.get('Deployment')!.keys()]).toEqual(['prod/cart', 'dev/cart'].toSorted())
  expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['prod/quota'])
  const prod = seen.kinds.get('Deployment')!.get('prod/cart') as unknown as Built
  expect(prod.spec.replicas).toBe(3)
  expect(prod.spec.template.spec).toEqual({
    hostNetwork: true,
    containers: [
      { name: 'app', image: 'registry.local/cart:2.0', securityContext: { privileged: false } },
      { name: 'side', image: 'ghcr.io/x/side:v3' },
    ],
  })
  expect(seen.kinds.get('RoleBinding')!.get('dev/cart')).toMatchObject({ subjects: [{ name: 'default', namespace: 'dev' }] })
  const ref = refOf(seen.kinds.get('Deployment')!.get('prod/cart')!)
  expect(ref).toMatchObject({ file: 'base/cart.yaml', build: 'prod', namespace: 'prod' })
  expect(source.locate!(ref, ['spec', 'template', 'spec', 'hostNetwork'])).toEqual({ file: 'prod/patch.yaml', line: 7 })
  expect(source.locate!(ref, ['spec', 'template', 'spec', 'containers', { name: 'side' }])).toEqual({ file: 'base/cart.yaml', line: 14 })
})
interface Built {
  readonly spec: { readonly replicas: number; readonly template: { readonly spec: unknown } }
}

test('two builds that say the same are one object, and a file of no kustomization is what it says', async () => {
  using directory = directoryOf({
    'base/kustomization.yaml': 'resources: [sa.yaml]\n',
    'base/sa.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n',
    'a/kustomization.yaml': 'resources: [../base]\n',
    'b/Kustomization': 'resources: [../base]\n',
    'alone.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: b}\n',
  })
  const seen = await scan(manifestsSource(directory.path))
  expect([...seen.kinds.get('ServiceAccount')!].map(([key, object]) => [key, refOf(object).build])).toEqual([
    ['default/b', undefined],
    ['default/a', undefined],
  ])
})

test('two builds of one name that differ are both judged', async () => {
  using directory = directoryOf({
    ...files,
    'prod/kustomization.yaml': 'resources: [../base]\npatchesStrategicMerge: [patch.yaml]\n',
    'dev/kustomization.yml': 'resources: [../base]\n',
  })
  const seen = await scan(manifestsSource(directory.path))
  expect([...seen.kinds.get('Deployment')!.keys()]).toEqual(['default/cart', 'default/cart@base/cart.yaml#0#prod'])
})

test('what a patch deletes is not there', async () => {
  using directory = directoryOf({
    ...files,
    'prod/patch.yaml': '$patch: delete\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\n',
    'prod/kustomization.yaml': 'namespace: prod\nresources: [../base]\npatches: [{path: patch.yaml}]\n',
  })
  const seen = await scan(manifestsSource(directory.path))
  expect([...seen.kinds.get('Deployment')!.keys()]).toEqual(['dev/cart'])
})

describe('what cannot be reckoned is said', () => {
  test.each<[string, Record<string, string>, string, number, RegExp]>([
    [
      'a remote base',
      { 'kustomization.yaml': 'resources:\n- a.yaml\n- https://github.com/x/y?ref=v1\n' },
      'kustomization.yaml',
      3,
      /is not here, so what it brings is not judged; .*kubectl kustomize \. \|/,
    ],
    [
      'a base outside',
      { 'kustomization.yaml': 'resources:\n- a.yaml\n- ../base\n' },
      'kustomization.yaml',
      3,
      /outside of what is scanned/,
    ],
    [
      'a resource that is missing',
      { 'kustomization.yaml': 'resources: [a.yaml, b.yaml]\n' },
      'kustomization.yaml',
      1,
      /b\.yaml is not there/,
    ],
    [
      'a patch that is missing',
      { 'kustomization.yaml': 'resources: [a.yaml]\npatches:\n- path: p.yaml\n' },
      'kustomization.yaml',
      3,
      /p\.yaml is not there/,
    ],
    [
      'a patch that is no YAML',
      { 'kustomization.yaml': 'resources: [a.yaml]\npatches:\n- path: p.yaml\n', 'p.yaml': 'kind: A\nb: [\n' },
      'p.yaml',
      3,
      /no valid YAML/,
    ],
    [
      'a patch that does not fit',
      { 'kustomization.yaml': 'resources: [a.yaml]\npatches:\n- target: {kind: ServiceAccount}\n  patch: "[{op: remove, path: /x}]"\n' },
      'a.yaml',
      1,
      /kustomization\.yaml: a JSON patch names \/x, which is not there; it was judged without/,
    ],
    [
      'replacements',
      { 'kustomization.yaml': 'resources: [a.yaml]\nreplacements: []\n' },
      'kustomization.yaml',
      2,
      /replacements are not reckoned/,
    ],
    [
      'a prefix of names',
      { 'kustomization.yaml': 'resources: [a.yaml]\nnamePrefix: dev-\n' },
      'kustomization.yaml',
      2,
      /names are told as the files have them, without the namePrefix "dev-"; .*kubectl kustomize/,
    ],
    [
      'Secrets that are made',
      { 'kustomization.yaml': 'resources: [a.yaml]\nsecretGenerator:\n- {name: s, literals: [password=x]}\n' },
      'kustomization.yaml',
      2,
      /what secretGenerator makes is not judged/,
    ],
  ])('%s', async (_name, written, file, line, words) => {
    using directory = directoryOf({ 'a.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n', ...written })
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.problems]).toEqual([[file, { line, message: expect.stringMatching(words) }]])
    expect(seen.kinds.get('ServiceAccount')!.size).toBe(1)
  })

  test('kustomizations that build on each other come to an end', async () => {
    using directory = directoryOf({
      'c/kustomization.yaml': 'resources: [../a]\n',
      'a/kustomization.yaml': 'resources: [../b, sa.yaml]\n',
      'b/kustomization.yaml': 'resources: [../a]\n',
      'a/sa.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n',
    })
    expect((await scan(manifestsSource(directory.path))).kinds.get('ServiceAccount')!.size).toBe(1)
  })
})

describe('targets', () => {
  const labelled = cart.replace('{name: cart}', '{name: cart, labels: {app: cart, tier: web}}')
  test.each<[string, boolean]>([
    ['name: cart', true],
    ['name: car', false],
    ['name: ^c.*t$', true],
    ['name: (till|c.*r.*)', true],
    ['name: c.*rt.*t', false],
    [`name: ${'a.*'.repeat(3000)}b`, false],
    ['kind: Deployment, group: apps, version: v1', true],
    ['kind: Deployment, group: batch', false],
    ['labelSelector: app=cart', true],
    ['labelSelector: "app == cart, !old, tier"', true],
    ['labelSelector: app!=cart', false],
    ['labelSelector: app in (cart)', false],
    ['annotationSelector: a', false],
  ])('{%s}: %s', async (target, fits) => {
    using directory = directoryOf({
      'cart.yaml': labelled,
      'kustomization.yaml': `resources: [cart.yaml]\npatches:\n- target: {${target}}\n  patch: |\n    - {op: add, path: /metadata/labels/patched, value: "yes"}\n`,
    })
    const found = (await scan(manifestsSource(directory.path))).kinds.get('Deployment')!.get('default/cart')!
    expect(found.metadata.labels?.['patched']).toBe(fits ? 'yes' : undefined)
  })
})

test('a change of a patch is seen', async () => {
  using directory = directoryOf(files)
  const abort = new AbortController()
  const seen = nothingSeen()
  const isPrivileged = (): unknown =>
    valueAt(seen.kinds.get('Deployment')?.get('prod/cart'), [
      ...['spec', 'template', 'spec', 'containers'],
      { name: 'app' },
      ...['securityContext', 'privileged'],
    ])
  for await (const events of manifestsSource(directory.path).events({
    signal: abort.signal,
    follow: true,
    wanted: new Set(['Deployment']),
  })) {
    see(seen, Array.isArray(events) ? events : [events])
    if (isPrivileged() === false) directory.write('prod/patch.yaml', patch.replace('privileged: false', 'privileged: true'))
    else if (isPrivileged() === true) abort.abort()
  }
  expect(isPrivileged()).toBe(true)
}, 20_000)

const kubectl = globSync(join(homedir(), '.cache/k8s-harden/test-cluster/*/bin/kubectl'))[0]
test.skipIf(kubectl === undefined)('kubectl kustomize builds the same (needs the test control plane)', async () => {
  using directory = directoryOf(files)
  const seen = await scan(manifestsSource(directory.path))
  for (const overlay of ['prod', 'dev']) {
    const built = parseAllDocuments(execFileSync(kubectl!, ['kustomize', join(directory.path, overlay)], { encoding: 'utf8' })).map(
      (one) => one.toJS() as { kind: string; metadata: { name: string } },
    )
    expect(built.length).toBe(overlay === 'prod' ? 3 : 2)
    for (const object of built)
      expect(seen.kinds.get(object.kind as 'Deployment')!.get(`${overlay}/${object.metadata.name}`)).toEqual(object)
  }
})

const selecting = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, labels: {app: db}}
spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: a}], restartPolicy: Never}}}}}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {}}, {namespaceSelector: {}}]}]
  egress: [{to: [{podSelector: {matchLabels: {app: dns}}}]}, {}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`
describe('labels and annotations of a kustomization', () => {
  const built = {
    common: 'commonLabels: {env: prod}\ncommonAnnotations: {team: a}\n',
    selecting: 'labels:\n- pairs: {env: prod}\n  includeSelectors: true\n',
    templates: 'labels:\n- pairs: {env: prod}\n  includeTemplates: true\n- pairs: {pod-security.kubernetes.io/enforce: baseline}\n',
  }
  test('count: a level that they enforce, pods that they select', async () => {
    using directory = directoryOf({ 'a.yaml': selecting, 'kustomization.yaml': `resources: [a.yaml]\n${built.templates}` })
    const { kinds } = await scan(manifestsSource(directory.path))
    expect(kinds.get('Namespace')!.get('shop')!.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'baseline' })
    expect(valueAt(kinds.get('StatefulSet')!.get('default/db'), ['spec', 'template', 'metadata', 'labels'])).toEqual({
      app: 'db',
      env: 'prod',
    })
  })

  test.skipIf(kubectl === undefined).each(Object.entries(built))('are where kustomize puts them: %s', async (_name, lines) => {
    using directory = directoryOf({ 'a.yaml': selecting, 'kustomization.yaml': `resources: [a.yaml]\n${lines}` })
    const seen = await scan(manifestsSource(directory.path))
    const texts = execFileSync(kubectl!, ['kustomize', directory.path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const objects = parseAllDocuments(texts).map((one) => one.toJS() as { kind: string; metadata: { name: string } })
    expect(objects).toHaveLength(5)
    for (const object of objects) {
      const [found] = seen.kinds.get(object.kind as 'Service')!.values()
      const namespace = object.kind === 'Namespace' ? {} : { namespace: 'default' }
      expect(found).toEqual({ ...object, metadata: { ...object.metadata, ...namespace } })
    }
  })
})
