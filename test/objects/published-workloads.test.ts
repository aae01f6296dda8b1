import { describe, expect, test } from 'vitest'
import { publicWorkloads } from '../../src/objects/public-workloads.ts'
import { exposedBy, publishedBy } from '../../src/objects/published-workloads.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const POD =
  '---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: a, image: a}]}\n'
const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n'
const seen = (more: string, service = SERVICE) => {
  const { snapshot } = worldOf(`${service}${POD}${more}`)
  const [workload] = workloads(snapshot)
  return {
    published: publishedBy(snapshot, workload!),
    exposed: exposedBy(snapshot, workload!),
    reached: publicWorkloads(snapshot).get(workload!),
  }
}
const route = (kind: string, spec: string) =>
  `---\napiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: r, namespace: edge}\nspec: {${spec}, rules: [{backendRefs: [{name: web, namespace: shop, port: 80}]}]}\n`
const virtualService = (spec: string, host: string) =>
  `---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: shop}\nspec: {${spec}http: [{route: [{destination: {host: ${host}}}]}]}\n`

describe('a workload is published', () => {
  test.each(['HTTPRoute', 'TLSRoute', 'GRPCRoute', 'TCPRoute', 'UDPRoute'])('by a %s of another namespace', (kind) => {
    const { published, exposed, reached } = seen(route(kind, 'parentRefs: [{name: edge}]'))
    expect([published, exposed, reached]).toEqual([[`${kind} edge/r`], [`${kind} edge/r`], `${kind} edge/r`])
  })
  test('not by a route of a mesh, whose parent is a Service', () => {
    expect(seen(route('HTTPRoute', "parentRefs: [{kind: Service, group: '', name: web}]")).published).toEqual([])
    expect(seen(route('HTTPRoute', "parentRefs: [{kind: Service, group: '', name: web}, {name: edge}]")).published).toHaveLength(1)
  })
  test.each(['web', 'web.shop', 'web.shop.svc.cluster.local'])('by a VirtualService to %s that is bound to a gateway', (host) => {
    expect(seen(virtualService('gateways: [istio-system/edge], ', host)).published).toEqual(['VirtualService shop/v'])
  })
  test('not by one of the mesh alone, nor by one that leads elsewhere', () => {
    expect(seen(virtualService('', 'web')).published).toEqual([])
    expect(seen(virtualService('gateways: [mesh], ', 'web')).published).toEqual([])
    expect(seen(virtualService('gateways: [edge], ', 'web.shop.example.com')).published).toEqual([])
    expect(seen(virtualService('gateways: [edge], ', 'web.blog')).published).toEqual([])
  })
  test('but not exposed where its load balancer stands inside', () => {
    const balancer = (annotations: string) =>
      SERVICE.replace('namespace: shop', `namespace: shop, annotations: {${annotations}}`).replace('spec: {', 'spec: {type: LoadBalancer, ')
    const inside = seen('', balancer('service.beta.kubernetes.io/azure-load-balancer-internal: "true"'))
    expect([inside.published.length, inside.exposed]).toEqual([1, []])
    expect(seen('', balancer('')).exposed).toEqual(['Service shop/web of type LoadBalancer'])
  })
})
