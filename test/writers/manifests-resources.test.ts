import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Approval, FindingId, KubeObject, Step, StepId, Written } from '../../src/model/index.ts'
import { ManifestsWriter } from '../../src/writers/manifests.ts'
import { directoryOf } from '../sources/manifests-helper.ts'

const account = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n'
const policy = (namespace: string, name = 'deny'): KubeObject =>
  ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec: { podSelector: {} } }) as KubeObject
const stepOf = (...objects: readonly KubeObject[]): Step => ({
  id: 's1' as StepId,
  title: 'deny by default',
  practices: [],
  controls: [],
  risk: 'safe',
  mayBreak: [],
  changes: objects.map((object) => ({ type: 'create', object })),
  inverse: [],
  mends: ['f1' as FindingId],
  after: [],
  managedBy: '',
  carriedOut: 'live',
})
const approved = { digest: 'd', steps: new Set(['s1' as StepId]), by: 'test' } as unknown as Approval
const FILE = 'k8s-harden/networkpolicy-shop-deny.yaml'

async function carriedOut(path: string, step: Step) {
  const writer = new ManifestsWriter(path)
  const result = await writer.rehearse(step)
  if (!result.ok) throw new Error(result.because)
  const written: readonly Written[] = await writer.intent(result.rehearsal)
  await writer.commit(result.rehearsal, written, approved)
  return { writer, written, rehearsal: result.rehearsal }
}

describe('a new file among kustomizations', () => {
  const top = '# what is deployed\nresources:\n- a.yaml   # the account\nnamespace: shop # ours\n'
  test('is named by the one at the top, comments kept; undo gives the bytes back', async () => {
    using directory = directoryOf({ 'kustomization.yaml': top, 'a.yaml': account })
    const text = () => readFileSync(`${directory.path}/kustomization.yaml`, 'utf8')
    const { writer, written, rehearsal } = await carriedOut(directory.path, stepOf(policy('shop'), policy('shop', 'other')))
    expect(text()).toBe(top.replace('# the account\n', `# the account\n- ${FILE}\n- ${FILE.replace('deny', 'other')}\n`))
    expect(rehearsal.warnings).toEqual([])
    expect(rehearsal.diff).toContain(`+- ${FILE}`)
    expect(await Promise.all(written.map((one) => writer.state(one)))).toEqual(['after', 'after', 'after'])
    await writer.undo(written)
    expect(text()).toBe(top)
    expect(existsSync(`${directory.path}/k8s-harden`)).toBe(false)
  })

  test('is taken out of the list again where somebody has added to it since', async () => {
    using directory = directoryOf({ 'kustomization.yaml': 'namespace: shop\n', 'a.yaml': account })
    const path = `${directory.path}/kustomization.yaml`
    const { writer, written } = await carriedOut(directory.path, stepOf(policy('shop')))
    expect(readFileSync(path, 'utf8')).toBe(`namespace: shop\nresources:\n  - ${FILE}\n`)
    writeFileSync(path, `namespace: shop\nresources:\n  - ${FILE}\n  - b.yaml\n`)
    await writer.undo(written)
    expect(readFileSync(path, 'utf8')).toBe('namespace: shop\nresources:\n  - b.yaml\n')
  })

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'only overlays',
      { 'prod/kustomization.yaml': 'resources: [a.yaml]\n', 'prod/a.yaml': account },
      /no kustomization here can name it \(prod\//,
    ],
    [
      'another namespace',
      { 'kustomization.yaml': 'namespace: prod\nresources: [a.yaml]\n', 'a.yaml': account },
      /would put it into namespace prod/,
    ],
    ['a prefix', { 'kustomization.yaml': 'namePrefix: x-\nresources: [a.yaml]\n', 'a.yaml': account }, /would give it another name/],
  ])('is left to the operator, in words, where there is %s', async (_name, files, words) => {
    using directory = directoryOf(files)
    const { rehearsal } = await carriedOut(directory.path, stepOf(policy('shop')))
    expect(rehearsal.warnings).toEqual([expect.stringMatching(words)])
    expect(rehearsal.warnings[0]).toContain(`kubectl apply -f ${FILE}`)
    for (const [name, text] of Object.entries(files)) expect(readFileSync(`${directory.path}/${name}`, 'utf8')).toBe(text)
  })

  test('of no kustomization needs no list', async () => {
    using directory = directoryOf({ 'a.yaml': account })
    expect((await carriedOut(directory.path, stepOf(policy('shop')))).rehearsal.warnings).toEqual([])
  })
})
