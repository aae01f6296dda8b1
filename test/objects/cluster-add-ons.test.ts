import { expect, test } from 'vitest'
import { addOnStanding } from '../../src/objects/cluster-add-ons.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const standing = (...images: string[]) =>
  addOnStanding(
    workloads(
      worldOf(
        `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}\nspec: {template: {spec: {containers: [${images.map((image, index) => `{name: c${index}, image: '${image}'}`).join(', ')}]}}}\n`,
      ).snapshot,
    )[0]!,
  )

test.each([
  'registry.k8s.io/coredns/coredns:v1.12.1',
  'coredns/coredns',
  '602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1',
  'gke.gcr.io/metrics-server:v0.7',
  'mcr.microsoft.com/oss/kubernetes/coredns:v1',
  'rancher/mirrored-metrics-server:v0.7',
  'quay.io/cilium/operator-generic:v1.18',
])('%s is shipped', (image) => expect(standing(image)).toBe('shipped'))

test.each(['mirror.example/coredns:v1', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/eks/metrics-server:v1', 'datadog/agent:7'])(
  '%s may be meant to be there',
  (image) => expect(standing(image)).toBe('perhaps'),
)

test.each([
  'registry.example/shop/web:1',
  '111122223333.dkr.ecr.eu-west-1.amazonaws.com/eks/my-app:1',
  'registry.k8s.io.evil.example/app:1',
  'evil.example/registry.k8s.io/app:1',
  'Not An Image',
])('%s is foreign, whatever the pod is called', (image) => expect(standing(image)).toBe('foreign'))

test('one image from elsewhere makes it none of the platform', () =>
  expect(standing('registry.k8s.io/pause:3.10', 'registry.example/miner:1')).toBe('foreign'))
