import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Approval, Edit, FindingId, ObjectRef, Step, StepId } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { ManifestsWriter } from '../../src/writers/manifests.ts'
import { patchFilesOf, writePatchFiles } from '../../src/writers/patch-files.ts'
import { directoryOf, scan } from '../sources/manifests-helper.ts'

const base = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  template:
    spec:
      containers:
      - name: app
        args: [a]
      # sidecar
      - name: side
`
const patch = `# for the mesh
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  template:
    spec:
      hostNetwork: true # why
      containers:
      - name: app
        tty: true
`
const files = {
  'base/kustomization.yaml': 'resources: [cart.yaml]\n',
  'base/cart.yaml': base,
  'prod/kustomization.yaml':
    'namespace: prod\nresources: [../base]\npatches:\n- path: patch.yaml\n- patch: |\n    {apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}, spec: {replicas: 3}}\n',
  'prod/patch.yaml': patch,
}
const spec = ['spec', 'template', 'spec'] as const
const stepOf = (target: ObjectRef, edits: readonly Edit[]): Step => ({
  id: 's1' as StepId,
  title: 'Deployment prod/cart: set it',
  practices: [],
  controls: [],
  risk: 'safe',
  mayBreak: [],
  changes: [{ type: 'edit', target, edits }],
  inverse: [],
  mends: ['f1' as FindingId],
  after: [],
  managedBy: '',
  carriedOut: 'live',
})
const approved = { digest: 'd', steps: new Set(['s1' as StepId]), by: 'test' } as unknown as Approval
const targetIn = async (path: string): Promise<ObjectRef> =>
  refOf((await scan(manifestsSource(path))).kinds.get('Deployment')!.get('prod/cart')!)

describe('the edits of an object that a kustomization builds', () => {
  test('go into the patch that sets the value, else into its own file; undo gives the bytes back', async () => {
    using directory = directoryOf(files)
    const text = (name: string): string => readFileSync(`${directory.path}/${name}`, 'utf8')
    const target = await targetIn(directory.path)
    const writer = new ManifestsWriter(directory.path)
    const result = await writer.rehearse(
      stepOf(target, [
        { set: [...spec, 'hostNetwork'], to: false },
        { set: [...spec, 'containers', { name: 'app' }, 'securityContext', 'privileged'], to: false },
        { unset: [...spec, 'containers', { name: 'app' }, 'tty'] },
      ]),
    )
    if (!result.ok) throw new Error(result.because)
    const written = await writer.intent(result.rehearsal)
    await writer.commit(result.rehearsal, written, approved)
    expect(text('prod/patch.yaml')).toBe(patch.replace('true # why', 'false # why').replace('        tty: true\n', ''))
    expect(text('base/cart.yaml')).toBe(base.replace('[a]\n', '[a]\n        securityContext:\n          privileged: false\n'))
    expect(await writer.state(written[0]!)).toBe('after')
    await writer.undo(written)
    for (const [name, before] of Object.entries(files)) expect(text(name)).toBe(before)
  })

  test.each<[string, Edit, RegExp, Record<string, string>]>([
    [
      'a value that a patch in the kustomization sets',
      { set: ['spec', 'replicas'], to: 1 },
      /set by a patch in prod\/kustomization\.yaml: change it there/,
      {},
    ],
    ['a list that comes from both', { set: [...spec, 'containers'], to: [{ name: 'app' }] }, /list|change it there/, {}],
    [
      'what a patch takes away again',
      { set: [...spec, 'containers', { name: 'app' }, 'securityContext', 'privileged'], to: false },
      /changed by prod\/patch\.yaml: change it there/,
      { 'prod/patch.yaml': `${patch}        securityContext: null\n` },
    ],
    [
      'what a JSON patch sets',
      { set: ['metadata', 'labels', 'a'], to: 'c' },
      /changed by the patches of prod/,
      {
        'prod/kustomization.yaml':
          'namespace: prod\nresources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /metadata/labels, value: {a: b}}\n',
      },
    ],
  ])('%s is refused', async (_name, edit, words, changed) => {
    using directory = directoryOf({ ...files, ...changed })
    const result = await new ManifestsWriter(directory.path).rehearse(stepOf(await targetIn(directory.path), [edit]))
    expect(result).toMatchObject({ ok: false, because: expect.stringMatching(words) })
    expect(readFileSync(`${directory.path}/base/cart.yaml`, 'utf8')).toBe(base)
  })

  test('an object is not deleted where others build on it', async () => {
    using directory = directoryOf(files)
    const target = await targetIn(directory.path)
    const step: Step = { ...stepOf(target, []), changes: [{ type: 'delete', target }] }
    expect(await new ManifestsWriter(directory.path).rehearse(step)).toMatchObject({
      ok: false,
      because: expect.stringContaining('take it out there'),
    })
  })

  test('as a patch file they name no namespace: kustomize sets it afterwards', async () => {
    using directory = directoryOf(files)
    const [file] = patchFilesOf(stepOf(await targetIn(directory.path), [{ set: [...spec, 'hostNetwork'], to: false }]))
    expect(file!.text).toContain('metadata:\n  name: cart\nspec:')
  })

  test('each build gets a component of its own, and what generate wrote is not judged', async () => {
    using directory = directoryOf(files)
    const target = await targetIn(directory.path)
    const edits: Edit[] = [{ set: [...spec, 'hostIPC'], to: false }]
    const inverse = [{ type: 'edit' as const, target, edits: [{ unset: [...spec, 'hostIPC'] }] }]
    const steps = ['prod', 'deep/dev'].map((build) => {
      const step = stepOf({ ...target, build }, edits)
      return { ...step, inverse: inverse.map((back) => ({ ...back, target: { ...target, build } })) }
    })
    const plan = { digest: 'd', revision: 1, steps, ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
    const source = { kind: 'manifests', name: 'x' } as const
    const written = await writePatchFiles(plan, new Map(), `${directory.path}/out`, { version: '0', source, time: '2026-01-01T00:00:00Z' })
    expect(written.toSorted()).toEqual([
      'README.md',
      'for-deep-dev/kustomization.yaml',
      'for-deep-dev/patches/002-deployment-prod-cart.yaml',
      'for-prod/kustomization.yaml',
      'for-prod/patches/001-deployment-prod-cart.yaml',
      'undo/001-deployment-prod-cart.yaml',
      'undo/002-deployment-prod-cart.yaml',
    ])
    expect(parse(readFileSync(`${directory.path}/out/for-prod/kustomization.yaml`, 'utf8'))).toEqual({
      apiVersion: 'kustomize.config.k8s.io/v1alpha1',
      kind: 'Component',
      patches: [
        { path: 'patches/001-deployment-prod-cart.yaml', target: { group: 'apps', version: 'v1', kind: 'Deployment', name: 'cart' } },
      ],
    })
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.kinds.get('Deployment')!.keys()]).toEqual(['prod/cart'])
  })
})
