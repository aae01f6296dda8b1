import { describe, expect, test } from 'vitest'
import { apiServices, controlPlaneNodes, isInternalLoadBalancer, publicAddresses } from '../../src/objects/api-endpoint.ts'
import { worldOf } from '../helpers/world.ts'

const service = (name: string, namespace: string, spec: object, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, annotations },
  spec,
})
const slice = (name: string, namespace: string, ...addresses: string[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
  endpoints: [{ addresses }],
})
const view = (...objects: readonly object[]) => worldOf(objects.map((object) => JSON.stringify(object)).join('\n---\n')).snapshot
const found = (...objects: readonly object[]) =>
  apiServices(view(...objects)).services.map(({ service: { metadata } }) => `${metadata.namespace}/${metadata.name}`)
const OWN = slice('kubernetes', 'default', '10.0.0.1', '10.0.0.2')

describe('Services that lead to the API server', () => {
  test('its own', () => expect(found(service('kubernetes', 'default', {}))).toEqual(['default/kubernetes']))
  test('by selector, in kube-system only', () => {
    const selector = { component: 'kube-apiserver' }
    expect(found(service('a', 'kube-system', { selector }), service('b', 'shop', { selector }))).toEqual(['kube-system/a'])
  })
  test('by whatever labels its pods have', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'kube-apiserver-n',
        namespace: 'kube-system',
        labels: { tier: 'control-plane', own: 'yes' },
        annotations: { 'kubernetes.io/config.mirror': 'x' },
      },
      spec: { containers: [] },
    }
    expect(
      found(pod, service('a', 'kube-system', { selector: { own: 'yes' } }), service('b', 'kube-system', { selector: { own: 'no' } })),
    ).toEqual(['kube-system/a'])
  })
  test('by endpoints', () =>
    expect(found(OWN, service('a', 'x', {}), slice('a', 'x', '10.0.0.2'), service('b', 'x', {}), slice('b', 'x', '10.0.0.3'))).toEqual([
      'x/a',
    ]))
  test('by external name', () =>
    expect(
      ['kubernetes.default', 'kubernetes.default.svc.cluster.local', 'kubernetes.example.org'].map(
        (externalName) => found(service('a', 'x', { type: 'ExternalName', externalName })).length,
      ),
    ).toEqual([1, 1, 0]))
  test('is not known of one without a selector where EndpointSlices cannot be read', () => {
    const unread = {
      apiVersion: 'k8s-harden.test/v1',
      kind: 'World',
      unread: [{ what: 'EndpointSlice', why: 'forbidden', because: 'x', answer: 'y' }],
    }
    expect(
      apiServices(view(unread, service('a', 'x', {}), service('b', 'x', { selector: { a: 'b' } }))).undecided.map(
        ({ metadata }) => metadata.name,
      ),
    ).toEqual(['a'])
  })
})

test('a load balancer inside the provider network', () => {
  expect(isInternalLoadBalancer(service('a', 'x', {}, { 'networking.gke.io/load-balancer-type': 'Internal' }))).toBe(true)
  expect(isInternalLoadBalancer(service('a', 'x', {}, { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing' }))).toBe(
    false,
  )
})

test('public addresses of control-plane nodes', () => {
  const node = (name: string, labels: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: {
      addresses: [
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'ExternalIP', address: '34.1.2.3' },
        { type: 'Hostname', address: name },
      ],
    },
  })
  const nodes = controlPlaneNodes(view(node('a', { 'node-role.kubernetes.io/control-plane': '' }), node('b', {})))
  expect(nodes.map((one) => [one.metadata.name, publicAddresses(one)])).toEqual([['a', ['34.1.2.3']]])
})
