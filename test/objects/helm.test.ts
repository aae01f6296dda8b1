import { describe, expect, test } from 'vitest'
import type { Edit, HelmTemplate } from '../../src/model/index.ts'
import { chartsOf, releaseOf, templateOf, valuesHint } from '../../src/objects/helm.ts'

test('the template of a document is told by its comment', () => {
  expect(templateOf('---\n# Source: shop/templates/a.yaml\nkind: Pod\n')).toBe('shop/templates/a.yaml')
  expect(templateOf('# Source: shop/charts/redis/templates/b/c.yaml\r\nkind: Pod\r\n')).toBe('shop/charts/redis/templates/b/c.yaml')
  expect(templateOf('# Source: https://example.com/a.yaml\nkind: Pod\n')).toBeUndefined()
  expect(templateOf('data: |\n  # Source: shop/templates/a.yaml\n')).toBeUndefined()
  expect(chartsOf('shop/charts/redis/templates/b/c.yaml')).toEqual(['shop', 'redis'])
})

test('the release is told by annotations, else by labels', () => {
  const object = (metadata: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', ...metadata } })
  expect(releaseOf(object({ annotations: { 'meta.helm.sh/release-name': 'cart', 'meta.helm.sh/release-namespace': 'shop' } }))).toBe(
    'cart in namespace shop',
  )
  expect(releaseOf(object({ labels: { 'app.kubernetes.io/instance': 'cart' } }))).toBe('cart')
  expect(releaseOf(object({}))).toBeUndefined()
})

describe('values to set', () => {
  const spec = ['spec', 'template', 'spec'] as const
  const edits: Edit[] = [
    { set: [...spec, 'containers', { name: 'app' }, 'securityContext', 'capabilities', 'drop'], to: ['ALL'] },
    { set: [...spec, 'containers', { name: 'app' }, 'securityContext', 'privileged'], to: false },
    { set: [...spec, 'securityContext', 'runAsNonRoot'], to: true },
    { set: [...spec, 'automountServiceAccountToken'], to: false },
    { set: [...spec, 'hostNetwork'], to: false },
    { unset: [...spec, 'containers', { name: 'app' }, 'securityContext', 'runAsUser'] },
  ]
  const template = 'shop/templates/cart.yaml'
  test('by the usual names, where the chart is not here', () => {
    expect(valuesHint(edits)).toEqual([
      'values to set, where the chart follows the usual names: {"securityContext":{"capabilities":{"drop":["ALL"]},"privileged":false},"podSecurityContext":{"runAsNonRoot":true},"serviceAccount":{"automount":false}}',
      'in the template of the chart: spec.template.spec.hostNetwork to false; no spec.template.spec.containers[name=app].securityContext.runAsUser',
    ])
  })
  test.each<[string, HelmTemplate, readonly string[]]>([
    [
      'only keys that the chart has',
      { template, values: 'shop/values.yaml', keys: ['containerSecurityContext'] },
      [
        'set in shop/values.yaml: {"containerSecurityContext":{"capabilities":{"drop":["ALL"]},"privileged":false}}',
        'in shop/templates/cart.yaml: spec.template.spec.securityContext.runAsNonRoot to true; spec.template.spec.automountServiceAccountToken to false; spec.template.spec.hostNetwork to false; no spec.template.spec.containers[name=app].securityContext.runAsUser',
      ],
    ],
    [
      'below the name of a dependency',
      { template: 'shop/charts/redis/templates/a.yaml' },
      [expect.stringContaining('{"redis":{"securityContext":'), expect.stringContaining('in shop/charts/redis/templates/a.yaml: ')],
    ],
  ])('%s', (_name, helm, lines) => {
    expect(valuesHint(edits, helm)).toEqual(lines)
  })
})
