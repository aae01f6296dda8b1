import { describe, expect, it } from 'vitest'
import { isStableLabel, selectionOf, unitedSelectors } from '../../src/objects/network-pod-selector.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const deployment = (name: string, labels: string, selector = labels) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: shop, uid: u-${name}}\nspec: {selector: {matchLabels: ${selector}}, template: {metadata: {labels: ${labels}}, spec: {containers: [{name: a, image: a}]}}}\n`
function selection(name: string, ...documents: string[]) {
  const { snapshot } = worldOf(documents.join('---\n'))
  const found = selectionOf(snapshot, workloads(snapshot).find(({ ref }) => ref.name === name)!)
  return found && { selector: found.selector, others: found.others.map(({ ref }) => ref.name) }
}

describe('the selector of a workload', () => {
  it('is that of its controller, without what changes', () =>
    expect(
      selection(
        'web',
        deployment('web', '{app: web, version: v2, helm.sh/chart: web-1.2, pod-template-hash: 5f}', '{app: web, version: v2}'),
      ),
    ).toEqual({
      selector: { matchLabels: { app: 'web' } },
      others: [],
    }))

  it('names a label more where a neighbour has the first one too', () =>
    expect(selection('web', deployment('web', '{app: shop, tier: web}', '{app: shop}'), deployment('db', '{app: shop, tier: db}'))).toEqual(
      {
        selector: { matchLabels: { app: 'shop', tier: 'web' } },
        others: [],
      },
    ))

  it('leaves a neighbour out that has all its labels and one more', () =>
    expect(selection('web', deployment('web', '{app: web}'), deployment('canary', '{app: web, track: canary}'))).toEqual({
      selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'track', operator: 'DoesNotExist' }] },
      others: [],
    }))

  it('says whom it selects beside its own, where no label tells them apart', () =>
    expect(selection('web', deployment('web', '{app: web, version: v1}'), deployment('web-2', '{app: web, version: v2}'))).toEqual({
      selector: { matchLabels: { app: 'web' } },
      others: ['web-2'],
    }))

  it('goes by what all pods have, not by what the last roll-out changed', () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, labels: {app: web, team: old}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u-web, controller: true}]}\nspec: {containers: [{name: a, image: a}]}\n'
    expect(selection('web', deployment('web', '{app: web, team: new}'), pod)!.selector).toEqual({ matchLabels: { app: 'web' } })
  })

  it('is the name of its Job for pods without a label', () => {
    const job =
      'apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: shop}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n'
    expect(selection('once', job)!.selector).toEqual({ matchExpressions: [{ key: 'batch.kubernetes.io/job-name', operator: 'Exists' }] })
  })

  it('is what all others have and pods without a label lack', () => {
    const bare =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop, labels: {version: v1}}\nspec: {containers: [{name: a, image: a}]}\n'
    expect(selection('bare', bare)).toEqual({ selector: {}, others: [] })
    const labelled = [deployment('web', '{app: web, tier: x}'), deployment('db', '{app: db}'), deployment('etl', '{k8s-app: etl}')]
    expect(selection('bare', bare, ...labelled)).toEqual({
      selector: {
        matchExpressions: [
          { key: 'app', operator: 'DoesNotExist' },
          { key: 'k8s-app', operator: 'DoesNotExist' },
        ],
      },
      others: [],
    })
    expect(selection('bare', bare, bare.replace('name: bare', 'name: other'))!.others).toEqual(['other'])
  })
})

it.each([
  ['app', 'web', true],
  ['app.kubernetes.io/name', 'web', true],
  ['pod-template-hash', '5f6d', false],
  ['controller-revision-hash', 'x', false],
  ['statefulset.kubernetes.io/pod-name', 'db-0', false],
  ['app.kubernetes.io/version', '1.2', false],
  ['version', 'v1', false],
  ['helm.sh/chart', 'web-1', false],
  ['batch.kubernetes.io/controller-uid', 'x', false],
  ['git', '0a1b2c3d4e', false],
  ['tier', 'deadbeef', true],
  ['conversion', 'a', true],
])('label %s: %s is stable: %s', (key, value, stable) => expect(isStableLabel(key, value)).toBe(stable))

it('unites selectors of one label', () =>
  expect(
    unitedSelectors([{ matchLabels: { app: 'web' } }, { matchLabels: { app: 'db' } }, { matchLabels: { app: 'x', tier: 'y' } }]),
  ).toEqual([{ matchExpressions: [{ key: 'app', operator: 'In', values: ['db', 'web'] }] }, { matchLabels: { app: 'x', tier: 'y' } }]))
