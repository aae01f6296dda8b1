import { describe, expect, test } from 'vitest'
import { closeExposure, clusterIpEdits, limitSources } from '../../remediations/service-exposure.ts'
import type { Change, Finding, KubeObject, ServiceObject } from '../../src/model/index.ts'
import { applyEdits, invertEdits } from '../../src/objects/path.ts'
import { refOf } from '../../src/objects/ref.ts'
import { worldOf } from '../helpers/world.ts'

const finding = (object: KubeObject, backends: readonly string[] = []) =>
  ({ subject: refOf(object), evidence: { backends } }) as unknown as Finding<{ backends: readonly string[] }>
const LOAD_BALANCER = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'api', namespace: 'kube-system' },
  spec: {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 31000,
    loadBalancerSourceRanges: ['10.0.0.0/8'],
    allocateLoadBalancerNodePorts: true,
    externalIPs: ['8.8.8.8'],
    ports: [
      { name: 'a', port: 443, nodePort: 30443 },
      { port: 444, nodePort: 30444 },
    ],
  },
} as ServiceObject

describe('a Service that leaves the cluster', () => {
  test('becomes a ClusterIP Service with nothing left that one may not have', () => {
    expect(applyEdits(LOAD_BALANCER, clusterIpEdits(LOAD_BALANCER)).spec).toEqual({
      type: 'ClusterIP',
      ports: [{ name: 'a', port: 443 }, { port: 444 }],
    })
  })
  test('and back', () => {
    const edits = clusterIpEdits(LOAD_BALANCER)
    expect(applyEdits(applyEdits(LOAD_BALANCER, edits), invertEdits(LOAD_BALANCER, edits))).toEqual(LOAD_BALANCER)
  })
  test('one that is inside needs no edit', () => expect(clusterIpEdits({ ...LOAD_BALANCER, spec: { ports: [{ port: 80 }] } })).toEqual([]))
})

const ingress = (...services: readonly string[]) =>
  worldOf(
    JSON.stringify({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'i', namespace: 'default' },
      spec: {
        rules: [{ host: 'h', http: { paths: services.map((name, index) => ({ path: `/${index}`, backend: { service: { name } } })) } }],
      },
    }),
  ).snapshot
const changeOf = (view: ReturnType<typeof ingress>): Change =>
  (
    closeExposure.propose(finding(view.all('Ingress')[0]!, ['default/kubernetes']), { view, options: {}, alongside: [] }) as unknown as {
      changes: Change[]
    }
  ).changes[0]!

describe('an Ingress', () => {
  test('to nothing but the API server goes', () => expect(changeOf(ingress('kubernetes'))).toMatchObject({ type: 'delete' }))
  test('keeps its other paths', () => {
    expect(changeOf(ingress('web', 'kubernetes'))).toMatchObject({
      type: 'edit',
      edits: [{ set: ['spec', 'rules'], to: [{ host: 'h', http: { paths: [{ path: '/0', backend: { service: { name: 'web' } } }] } }] }],
    })
  })
})
test('a tunnel is for a human to close', () => {
  const { snapshot } = worldOf('')
  expect(
    closeExposure.propose(
      { subject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'tunnel' }, evidence: { backends: [] } } as unknown as Finding<{
        backends: string[]
      }>,
      { view: snapshot, options: {}, alongside: [] },
    ),
  ).toHaveProperty('byHand')
})

describe('an access list', () => {
  const propose = (cidrs?: string) =>
    limitSources.propose({ subject: refOf(LOAD_BALANCER) } as Finding, {
      view: worldOf('').snapshot,
      options: cidrs === undefined ? {} : { cidrs },
      alongside: [],
    })
  test('is asked for', () => expect(propose()).toMatchObject({ needs: { option: 'cidrs' } }))
  test('is set', () =>
    expect(propose('198.51.100.0/24, 203.0.113.7/32')).toMatchObject({
      risk: 'may-break',
      changes: [{ edits: [{ set: ['spec', 'loadBalancerSourceRanges'], to: ['198.51.100.0/24', '203.0.113.7/32'] }] }],
    }))
  test.each(['0.0.0.0/0', '34.0.0.0/8', '10.0.0.1', 'me'])('%s is none', (range) => expect(propose(range)).toHaveProperty('refused'))
})
