import { expect, test } from 'vitest'
import { thirdPartyOf } from '../../src/objects/third-party.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const workload = (image: string, labels: object = {}) =>
  workloads(
    worldOf(
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'x' },
        spec: { template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } } },
      }),
    ).snapshot,
  )[0]!

test.each([
  ['example.com/datadog/agent:7', 'monitoring'],
  ['velero/velero:v1.14', 'backup'],
  ['argoproj/argocd:v2', 'GitOps'],
  ['registry.example.com:5000/mirror/trivy-operator:1', 'security scanner'],
  ['jenkins/jenkins@sha256:00', 'CI or build'],
])('%s is %s', (image, purpose) => expect(thirdPartyOf(workload(image))?.purpose).toBe(purpose))

test.each(['example.com/shop/cart:1', 'vault.example.com/shop/cart:1', 'cart'])('%s is none', (image) =>
  expect(thirdPartyOf(workload(image))).toBeUndefined(),
)

test('a chart tells as well as an image does', () =>
  expect(thirdPartyOf(workload('mirror/x', { 'helm.sh/chart': 'kubecost-2.1.0' }))).toMatchObject({
    purpose: 'cost or scaling',
    mark: 'chart kubecost-2.1.0',
  }))
