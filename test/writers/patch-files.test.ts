import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Change, Finding, FindingId, KubeObject, ObjectRef, Plan, Step, StepId } from '../../src/model/index.ts'
import { applyEdits, invertEdits } from '../../src/objects/path.ts'
import { patchFilesOf, writePatchFiles } from '../../src/writers/patch-files.ts'
import { directoryOf } from '../sources/manifests-helper.ts'

const cart = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop', labels: { app: 'cart' } },
  spec: {
    selector: { matchLabels: { app: 'cart' } },
    template: {
      metadata: { labels: { app: 'cart' } },
      spec: {
        hostPID: true,
        containers: [
          {
            name: 'app',
            image: 'cart:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
            securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'], drop: ['KILL'] } },
            volumeMounts: [
              { name: 'a', mountPath: '/a' },
              { name: 'b', mountPath: '/b' },
            ],
          },
          { name: 'side', image: 'side:1' },
        ],
      },
    },
  },
} as unknown as KubeObject
const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'ci:deploy.all' },
  rules: [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  ],
} as unknown as KubeObject
const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'old', namespace: 'shop' } } as KubeObject
const refTo = ({ apiVersion, kind, metadata }: KubeObject): ObjectRef => ({
  apiVersion,
  kind,
  name: metadata.name,
  ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
})
const app = (...path: string[]): (string | { name: string })[] => ['spec', 'template', 'spec', 'containers', { name: 'app' }, ...path]

const edit = (object: KubeObject, ...edits: Extract<Change, { type: 'edit' }>['edits']): Pick<Step, 'changes' | 'inverse'> => ({
  changes: [{ type: 'edit', target: refTo(object), edits }],
  inverse: [{ type: 'edit', target: refTo(object), edits: invertEdits(object, edits) }],
})
const cartEdits = edit(
  cart,
  { set: app('securityContext', 'privileged'), to: false },
  { set: app('securityContext', 'capabilities', 'drop'), to: ['ALL'] },
  { unset: app('securityContext', 'capabilities', 'add') },
  { unset: [...app('env'), { name: 'B' }] },
  {
    set: app('volumeMounts'),
    to: [
      { name: 'b', mountPath: '/b' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  },
  { unset: ['spec', 'template', 'spec', 'hostPID'] },
  { set: ['spec', 'template', 'spec', 'securityContext', 'seccompProfile'], to: { type: 'RuntimeDefault' } },
)
const roleEdits = edit(
  role,
  { set: ['rules', 0, 'verbs'], to: ['get', 'list'] },
  { set: ['metadata', 'labels', 'narrowed'], to: 'true' },
  { set: ['metadata', 'labels', 'by/whom'], to: 'us' },
  { unset: ['rules', 1] },
)
const policy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'default-deny', namespace: 'shop' },
  spec: { podSelector: {} },
} as KubeObject

let count = 0
const step = (title: string, parts: Pick<Step, 'changes' | 'inverse'> & Partial<Step>): Step => ({
  id: `s${++count}` as StepId,
  title,
  practices: ['nodes-and-pods'],
  controls: ['pod-privileged'],
  risk: 'restarts-pods',
  mayBreak: ['what needs the host'],
  mends: ['f1' as FindingId],
  after: [],
  managedBy: '',
  carriedOut: 'live',
  ...parts,
})
const file: Change = {
  type: 'file',
  name: 'encryption-config.yaml',
  text: { text: 'a: "{{key 1}}"\n', secretKeys: 1 },
  mode: 0o644,
  runbook: ['Copy it to every control-plane node.'],
  rollback: ['Put identity first.'],
}
const planOf = (...steps: Step[]): Plan => ({
  digest: 'd',
  revision: 1,
  steps,
  ledger: {
    fixable: ['f1' as FindingId],
    needsValue: [{ finding: 'f2' as FindingId, option: 'cidrs', question: 'Who may reach it?' }],
    byHand: [{ finding: 'f3' as FindingId, why: 'ask the provider' }],
    refused: [],
  },
})
const full = planOf(
  step('Deployment shop/cart: drop all', cartEdits),
  step('ClusterRole ci:deploy.all: fewer verbs', roleEdits),
  step('create it', { changes: [{ type: 'create', object: policy }], inverse: [{ type: 'delete', target: refTo(policy) }] }),
  step('delete it', { changes: [{ type: 'delete', target: refTo(account) }], inverse: [{ type: 'create', object: account }] }),
  step('encrypt', { changes: [file], inverse: [] }),
  step('close the endpoint', {
    changes: [{ type: 'command', argv: ['oci', 'ce', 'cluster', 'update', '--name', 'a b'], undo: ['oci', 'back'], where: 'your shell' }],
    inverse: [],
  }),
)
const findings = new Map<FindingId, Finding>([
  [
    'f1' as FindingId,
    {
      id: 'f1' as FindingId,
      control: 'pod-privileged',
      practice: 'nodes-and-pods',
      subject: refTo(cart),
      reason: 'runs privileged',
      detail: 'container app\n# evil: [x](javascript:y)',
      evidence: null,
      severity: 'high',
      verdict: 'fail',
      origin: 'workload',
      managedBy: '',
      excepted: false,
    },
  ],
])
const meta = { version: '0.1.0', source: { kind: 'manifests' as const, name: '/repo' }, time: '2026-11-23T00:00:00Z' }

const filesIn = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(path.length + 1))
    .sort()

describe('the directory', () => {
  test('what kustomize cannot take is left out of its list, so that it takes the rest', async () => {
    using directory = directoryOf({})
    const evil = { ...cart, metadata: { ...cart.metadata, name: 'evil\u001b[2J' } } as KubeObject
    const steps = [
      step('evil', edit(evil, { set: ['spec', 'paused'], to: true })),
      step('path', edit(cart, { set: ['spec', 'note'], to: 'C:\\foo' })),
    ]
    const names = await writePatchFiles({ ...full, steps }, findings, `${directory.path}/out`, meta)
    expect(names.filter((name) => name.startsWith('patches/'))).toHaveLength(2)
    const listed = parse(readFileSync(`${directory.path}/out/kustomization.yaml`, 'utf8')) as { patches: { path: string }[] }
    expect(listed.patches.map(({ path }) => path)).toEqual(['patches/002-deployment-shop-cart.yaml'])
  })

  test('a patch or a file for every step, each with its reasons and its way back', async () => {
    using directory = directoryOf({})
    const out = `${directory.path}/out`
    const names = await writePatchFiles(full, findings, out, meta)
    expect(names[0]).toBe('README.md')
    expect(filesIn(out)).toEqual([
      '.k8s-harden.json',
      'README.md',
      'files/encryption-config.yaml',
      'kustomization.yaml',
      'patches/001-deployment-shop-cart.yaml',
      'patches/002-clusterrole-ci-deploy.all.yaml',
      'patches/004-serviceaccount-shop-old.yaml',
      'resources/003-networkpolicy-shop-default-deny.yaml',
      'undo/001-deployment-shop-cart.yaml',
      'undo/002-clusterrole-ci-deploy.all.yaml',
      'undo/004-serviceaccount-shop-old.yaml',
    ])
    const patch = readFileSync(`${out}/patches/001-deployment-shop-cart.yaml`, 'utf8')
    const comments = patch.split('\n').filter((line) => line.startsWith('#'))
    expect(comments).toEqual([
      '# Deployment shop/cart: drop all',
      '# Mends: pod-privileged: runs privileged (container app\\n# evil: [x](javascript:y)) [f1]',
      '# Risk: restarts-pods',
      '# May break: what needs the host',
      '# Apply: kubectl patch deployment.apps cart -n shop --type strategic --patch-file patches/001-deployment-shop-cart.yaml',
      '# Undo: kubectl patch deployment.apps cart -n shop --type strategic --patch-file undo/001-deployment-shop-cart.yaml',
    ])
    expect(parse(patch).spec.template.spec.containers[0].securityContext).toEqual({
      privileged: false,
      capabilities: { drop: ['ALL'], add: null },
    })
    const readme = readFileSync(`${out}/README.md`, 'utf8')
    for (const words of [
      '3 findings: 1 are mended',
      '### 1. Deployment shop/cart: drop all',
      "`oci ce cluster update --name 'a b'   (your shell)`",
      'oci back',
      'Who may reach it?',
      'ask the provider',
      'Put identity first.',
      'keep it out of version control',
    ])
      expect(readme).toContain(words)
    expect(readme.indexOf('### 1.')).toBeLessThan(readme.indexOf('### 6.'))
    const key = /a: "(.*)"/.exec(readFileSync(`${out}/files/encryption-config.yaml`, 'utf8'))![1]!
    expect(Buffer.from(key, 'base64').length).toBe(32)
    expect(statSync(`${out}/files/encryption-config.yaml`).mode & 0o777).toBe(0o600)
    for (const name of names.filter((one) => one !== 'files/encryption-config.yaml'))
      expect(readFileSync(`${out}/${name}`, 'utf8')).not.toContain(key)
  })

  test('a JSON patch tests what it replaces and makes the parents that are missing', async () => {
    using directory = directoryOf({})
    await writePatchFiles(planOf(step('role', roleEdits)), findings, `${directory.path}/out`, meta)
    expect(parse(readFileSync(`${directory.path}/out/patches/001-clusterrole-ci-deploy.all.yaml`, 'utf8'))).toEqual([
      { op: 'test', path: '/rules/0/verbs', value: ['*'] },
      { op: 'replace', path: '/rules/0/verbs', value: ['get', 'list'] },
      { op: 'add', path: '/metadata/labels', value: { narrowed: 'true' } },
      { op: 'add', path: '/metadata/labels/by~1whom', value: 'us' },
      { op: 'test', path: '/rules/1', value: { apiGroups: [''], resources: ['pods'], verbs: ['get'] } },
      { op: 'remove', path: '/rules/1' },
    ])
  })

  test('files of the control plane, and lists that only an index could address, are told in words', async () => {
    using directory = directoryOf({})
    const kubelet = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      metadata: { name: 'kubelet.yaml' },
      readOnlyPort: 10255,
    } as unknown as KubeObject
    const widget = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'x' },
      spec: { containers: [{ name: 'a', privileged: true }] },
    } as unknown as KubeObject
    await writePatchFiles(
      planOf(
        step('kubelet', edit(kubelet, { set: ['readOnlyPort'], to: 0 })),
        step('widget', edit(widget, { set: ['spec', 'containers', { name: 'a' }, 'privileged'], to: false })),
      ),
      findings,
      `${directory.path}/out`,
      meta,
    )
    expect(filesIn(`${directory.path}/out`)).toEqual([
      '.k8s-harden.json',
      'README.md',
      'by-hand/001-kubeletconfiguration-kubelet.yaml.md',
      'by-hand/002-widget-x-w.md',
    ])
    expect(readFileSync(`${directory.path}/out/by-hand/002-widget-x-w.md`, 'utf8')).toMatch(
      /set spec.containers\[name=a\].privileged to false[\s\S]*set spec.containers\[name=a\].privileged to true/,
    )
  })

  test('the values of a Secret cannot be written down', async () => {
    using directory = directoryOf({})
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't', namespace: 'x' }, keys: ['token'] } as unknown as KubeObject
    await writePatchFiles(
      planOf(step('s', { changes: [{ type: 'delete', target: refTo(secret) }], inverse: [{ type: 'create', object: secret }] })),
      findings,
      `${directory.path}/out`,
      meta,
    )
    expect(existsSync(`${directory.path}/out/undo`)).toBe(false)
    expect(readFileSync(`${directory.path}/out/README.md`, 'utf8')).toContain('keep one before you delete it')
  })

  test('for an object that others own, the same patch without a number', () => {
    const [patch, undo] = patchFilesOf(full.steps[0]!)
    expect([patch!.name, undo!.name]).toEqual(['patches/deployment-shop-cart.yaml', 'undo/deployment-shop-cart.yaml'])
  })
})

describe('safety of the directory', () => {
  test('one that is not empty and not ours is refused; of ours only our files are replaced', async () => {
    using directory = directoryOf({ 'mine.txt': 'mine' })
    await expect(writePatchFiles(full, findings, directory.path, meta)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('not empty'),
    })
    expect(readdirSync(directory.path)).toEqual(['mine.txt'])
    const out = `${directory.path}/out`
    await writePatchFiles(full, findings, out, meta)
    writeFileSync(`${out}/notes.txt`, 'mine')
    await writePatchFiles(planOf(), findings, out, meta)
    expect(filesIn(out)).toEqual(['.k8s-harden.json', 'README.md', 'notes.txt'])
  })

  test('a marker that names files elsewhere, and links out of the directory, do nothing there', async () => {
    using outside = directoryOf({ 'precious.txt': 'x', '001-deployment-shop-cart.yaml': 'x' })
    using directory = directoryOf({
      '.k8s-harden.json': JSON.stringify({ schema: 'k8s-harden/patches/v1', files: [`../${outside.path.split('/').at(-1)}/precious.txt`] }),
    })
    await expect(writePatchFiles(full, findings, directory.path, meta)).rejects.toThrow(/not a name inside/)
    writeFileSync(
      `${directory.path}/.k8s-harden.json`,
      JSON.stringify({ schema: 'k8s-harden/patches/v1', files: ['patches/001-deployment-shop-cart.yaml'] }),
    )
    symlinkSync(outside.path, `${directory.path}/patches`)
    await expect(writePatchFiles(full, findings, directory.path, meta)).rejects.toThrow(/lead out/)
    expect(readdirSync(outside.path).sort()).toEqual(['001-deployment-shop-cart.yaml', 'precious.txt'])
  })

  test('names from a cluster make plain file names, and no markup', async () => {
    using directory = directoryOf({})
    const evil = { ...policy, metadata: { name: '../../x\u001b[31m`<b>', namespace: '..' } }
    await writePatchFiles(
      planOf(step('x\n## evil <script>', { changes: [{ type: 'create', object: evil }], inverse: [] })),
      findings,
      `${directory.path}/out`,
      meta,
    )
    const [name] = readdirSync(`${directory.path}/out/resources`)
    expect(name).toMatch(/^[a-z0-9.-]+$/)
    expect(lstatSync(`${directory.path}/out/resources/${name}`).isFile()).toBe(true)
    const readme = readFileSync(`${directory.path}/out/README.md`, 'utf8')
    expect(readme).not.toMatch(/\u001b|<script>|^## evil/m)
  })
})

const kubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0
describe.skipIf(!kubectl)('with kustomize (needs kubectl)', () => {
  const build = (path: string): KubeObject[] => {
    const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', '--load-restrictor', 'LoadRestrictionsNone', path], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr)
    return stdout.split(/^---$/m).map((text) => parse(text) as KubeObject)
  }
  /** The order of lists that merge by name is kustomize's own. */
  const sorted = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (_key, inner: unknown) =>
        Array.isArray(inner) ? inner.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : inner,
      ),
    )

  test('the component makes of the objects what the plan says', async () => {
    using directory = directoryOf({
      'base/all.yaml': [cart, role, account].map((object) => JSON.stringify(object)).join('\n---\n'),
      'base/kustomization.yaml': 'resources: [all.yaml]\ncomponents: [../out]\n',
    })
    await writePatchFiles(full, findings, `${directory.path}/out`, meta)
    const built = build(`${directory.path}/base`)
    const of = (kind: string): KubeObject | undefined => built.find((object) => object.kind === kind)
    const wanted = (change: Change, object: KubeObject): unknown => applyEdits(object, (change as Extract<Change, { type: 'edit' }>).edits)
    expect(sorted(of('Deployment'))).toEqual(sorted(wanted(cartEdits.changes[0]!, cart)))
    expect(of('ClusterRole')).toEqual(wanted(roleEdits.changes[0]!, role))
    expect(of('NetworkPolicy')).toEqual(policy)
    expect(of('ServiceAccount')).toBeUndefined()
  })

  test('objects that are not in the build are passed over', async () => {
    using directory = directoryOf({
      'base/all.yaml': JSON.stringify(account),
      'base/kustomization.yaml': 'resources: [all.yaml]\ncomponents: [../out]\n',
    })
    await writePatchFiles(planOf(full.steps[0]!, full.steps[1]!), findings, `${directory.path}/out`, meta)
    expect(build(`${directory.path}/base`)).toEqual([account])
  })

  test('the undo patches give the objects back', async () => {
    using directory = directoryOf({})
    await writePatchFiles(full, findings, `${directory.path}/out`, meta)
    const [changed, narrowed] = [
      applyEdits(cart, (cartEdits.changes[0] as Extract<Change, { type: 'edit' }>).edits),
      applyEdits(role, (roleEdits.changes[0] as Extract<Change, { type: 'edit' }>).edits),
    ]
    mkdirSync(`${directory.path}/base`)
    writeFileSync(`${directory.path}/base/all.yaml`, JSON.stringify(changed))
    writeFileSync(
      `${directory.path}/base/kustomization.yaml`,
      'resources: [all.yaml]\npatches: [{path: ../out/undo/001-deployment-shop-cart.yaml}]\n',
    )
    const [back] = build(`${directory.path}/base`)
    expect(sorted(withoutEmpty(back))).toEqual(sorted(cart))
    expect(narrowed).not.toEqual(role)
  })
})

/** Setting a value back leaves no empty parents in a merge patch; those would differ in nothing that matters. */
function withoutEmpty(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) =>
      inner !== null && typeof inner === 'object' && !Array.isArray(inner) && Object.keys(inner).length === 0 ? undefined : inner,
    ),
  )
}
