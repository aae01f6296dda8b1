import { Readable as Stream } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { managedBy } from '../../src/objects/ownership.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { directoryOf, scan } from './manifests-helper.ts'

const account = (name: string): string => `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}}\n`
const chart = {
  'shop/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 0.1.0\n',
  'shop/values.yaml': 'kind: Deployment\npodSecurityContext: {}\nimage: {tag: x}\n',
  'shop/values-prod.yaml': 'kind: Pod\n',
  'shop/templates/a.yaml':
    '{{- if .Values.on }}\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\n{{- end }}\n',
  'shop/templates/b.yaml': `${account('"{{ .Release.Name }}"')}---\n${account('torn')}`,
  'shop/templates/plain.yaml': account('plain'),
  'shop/charts/redis/Chart.yaml': 'apiVersion: v2\nname: redis\nversion: 0.1.0\n',
  'shop/charts/redis/templates/c.yaml': `${account('{{ .Release.Name }}')}`,
}

test('templates are not judged unrendered, which is said once a chart; values are no manifests; plain files are', async () => {
  using directory = directoryOf(chart)
  const seen = await scan(manifestsSource(directory.path))
  expect(Object.fromEntries(seen.problems)).toEqual({
    'shop/Chart.yaml': {
      line: 1,
      message: '2 Helm templates are not judged unrendered: helm template shop | k8s-harden scan --manifests -',
    },
    'shop/charts/redis/Chart.yaml': {
      line: 1,
      message: expect.stringContaining('1 Helm template is not judged unrendered: helm template shop/charts/redis |'),
    },
  })
  expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['default/plain'])
  const plain = seen.kinds.get('ServiceAccount')!.get('default/plain')!
  expect([managedBy(plain), refOf(plain).helm]).toEqual(['', undefined])
})

test('a chart alone holds nothing to judge', async () => {
  using directory = directoryOf({ 'Chart.yaml': chart['shop/Chart.yaml'], 'templates/a.yaml': chart['shop/templates/a.yaml'] })
  await expect(scan(manifestsSource(directory.path))).rejects.toThrow(/1 Helm template is not judged unrendered: helm template \. \|/)
})

describe('what helm template has rendered', () => {
  const rendered = `---\n# Source: shop/templates/sa.yaml\n${account('a')}---\n# Source: shop/charts/redis/templates/sa.yaml\n${account('b')}---\n${account('c')}`
  test('is Helm’s, with the values of its chart where they are here', async () => {
    using directory = directoryOf({ ...chart, 'rendered.yaml': rendered.replaceAll('\n', '\r\n') })
    const found = (await scan(manifestsSource(directory.path))).kinds.get('ServiceAccount')!
    const values = { values: 'shop/values.yaml', keys: ['kind', 'podSecurityContext', 'image'] }
    expect(refOf(found.get('default/a')!).helm).toEqual({ template: 'shop/templates/sa.yaml', ...values })
    expect(refOf(found.get('default/b')!).helm).toEqual({ template: 'shop/charts/redis/templates/sa.yaml', ...values })
    expect(managedBy(found.get('default/a')!)).toBe('helm')
    expect(managedBy(found.get('default/c')!)).toBe('')
  })
  test('also on standard input', async () => {
    const found = (await scan(manifestsSource('-', { stdin: Stream.from([rendered]) }))).kinds.get('ServiceAccount')!
    expect(refOf(found.get('default/a')!).helm).toEqual({ template: 'shop/templates/sa.yaml' })
  })
})
