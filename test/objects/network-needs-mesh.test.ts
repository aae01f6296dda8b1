/** What proxies of a mesh need, and what leads the callers of one Service to another. */
import { describe, expect, it } from 'vitest'
import { whyLeftAlone } from '../../src/objects/network-first-campaign.ts'
import { neededEdges } from '../../src/objects/network-needs.ts'
import { worldOf } from '../helpers/world.ts'

const service = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`
const pod = (name: string, namespace: string, containers: string, metadata = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}${metadata}}\nspec: {containers: [${containers}]}\n`
const namespace = (name: string, metadata: string) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, ${metadata}}\n`
const world = (...documents: string[]) => worldOf(documents.join('---\n')).snapshot
const needs = (...documents: string[]): readonly string[] =>
  neededEdges(world(...documents)).map(({ from, to, ports }) => {
    const who = (side: typeof from) =>
      side.is === 'workloads'
        ? side.workloads.map((one) => `${one.namespace}/${one.ref.name}`).join('+')
        : side.is === 'selector'
          ? side.namespace
          : side.is
    return `${who(from)} → ${who(to)} ${ports?.map(({ port }) => port).join(' ')}`
  })

const web = pod('web', 'shop', '{name: app, image: a}')
describe('a proxy beside its containers', () => {
  it('asks the control plane of Istio, where its namespace gets proxies or a pod has one', () => {
    expect(needs(web)).toEqual([])
    expect(needs(web, namespace('shop', 'labels: {istio-injection: enabled}'))).toEqual(['shop/web → istio-system 15012 15010'])
    expect(needs(web, namespace('shop', 'labels: {istio.io/rev: canary}'))).toEqual(['shop/web → istio-system 15012 15010'])
    expect(needs(web, namespace('shop', 'labels: {istio-injection: disabled, istio.io/rev: canary}'))).toEqual([])
    const istiod = pod('istiod', 'mesh', '{name: discovery, image: "docker.io/istio/pilot:1.28"}')
    const withProxy = pod('web', 'shop', '{name: app, image: a}, {name: istio-proxy, image: "docker.io/istio/proxyv2:1.28"}')
    expect(needs(withProxy, istiod)).toEqual(['shop/web → mesh/istiod 15012 15010'])
  })

  it('asks the control plane of Linkerd, and is asked by its dashboard', () => {
    const injected = namespace('shop', 'annotations: {linkerd.io/inject: enabled}')
    expect(needs(web, injected)).toEqual(['shop/web → linkerd 8080 8086 8090'])
    expect(needs(web, injected, pod('tap', 'linkerd-viz', '{name: tap, image: t}'))).toEqual([
      'shop/web → linkerd 8080 8086 8090',
      'linkerd-viz/tap → shop/web 4190 4191',
    ])
  })

  it('makes the namespace of the control plane, and that of a gateway, one to leave alone at first', () => {
    const istiod = pod('istiod', 'mesh', '{name: discovery, image: "docker.io/istio/pilot:1.28"}')
    expect(whyLeftAlone(world(istiod), 'mesh')).toContain('every proxy of the mesh')
    const gateway = pod('gw', 'edge', '{name: istio-proxy, image: auto}')
    expect(whyLeftAlone(world(gateway), 'edge')).toContain('lets traffic into the cluster')
    expect(whyLeftAlone(world(pod('x', 'shop', '{name: app, image: a}, {name: istio-proxy, image: auto}')), 'shop')).toBeUndefined()
  })
})

describe('a mesh that leads the callers of one Service to another', () => {
  const both = [
    service('db', '{selector: {app: db}, ports: [{port: 5432}]}'),
    service('db-new', '{selector: {app: new}, ports: [{port: 5432}]}', 'bank'),
    pod('db', 'shop', '{name: app, image: d}'),
    pod('new', 'bank', '{name: app, image: d}'),
    pod('web', 'shop', '{name: app, image: a, args: ["db:5432"]}'),
  ]
  const virtual = (gateways: string) =>
    `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: split, namespace: shop}\nspec: {${gateways}hosts: [db], tcp: [{route: [{destination: {host: db-new.bank.svc.cluster.local}}]}]}\n`

  it('shows by a VirtualService of the mesh', () => {
    expect(needs(...both)).toEqual(['shop/web → shop/db 5432'])
    for (const gateways of ['', 'gateways: [mesh], '])
      expect(needs(...both, virtual(gateways))).toEqual(['shop/web → shop/db 5432', 'shop/web → bank/new 5432'])
    expect(needs(...both, virtual('gateways: [edge/main], '))).toEqual(['anywhere → bank/new 5432', 'shop/web → shop/db 5432'])
  })

  it('shows by a route whose parent is the Service', () => {
    const route =
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec: {parentRefs: [{kind: Service, group: "", name: db}], rules: [{backendRefs: [{name: db-new, namespace: bank, port: 5432}]}]}\n'
    expect(needs(...both, route)).toContain('shop/web → bank/new 5432')
  })
})

describe('what is reached by other ways', () => {
  const db = [service('db', '{selector: {app: db}, ports: [{port: 80, targetPort: 8080}]}'), pod('db', 'shop', '{name: app, image: d}')]
  const ingress = (metadata: string, backend: string, own = 'edge') =>
    `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: ${own}${metadata}}\nspec: {ingressClassName: nginx, defaultBackend: {service: {name: ${backend}, port: {number: 80}}}}\n`
  const nginx = pod('nginx', 'ingress', '{name: c, image: "registry.k8s.io/ingress-nginx/controller:v1.12"}')

  it('is a pod behind a port of its node', () => {
    const listening = '{name: app, image: a, ports: [{containerPort: 8443, hostPort: 443}]}'
    expect(needs(pod('edge', 'shop', listening))).toEqual(['anywhere → shop/edge 8443'])
  })

  it('is a Service in another namespace that an Ingress names by a Service of its own (ExternalName)', () => {
    const alias = service('store', '{type: ExternalName, externalName: db.shop.svc.cluster.local}', 'edge')
    expect(needs(...db, alias, nginx, ingress('', 'store'))).toEqual(['ingress/nginx → shop/db 8080'])
  })

  it('is whom the controller asks, as an annotation of an Ingress says', () => {
    const auth = ', annotations: {nginx.ingress.kubernetes.io/auth-url: "http://db.shop.svc.cluster.local/auth"}'
    expect(needs(...db, nginx, ingress(auth, 'none'))).toEqual(['ingress/nginx → shop/db 8080'])
  })

  it('is a Service that a load balancer of Google Cloud calls by the addresses of its pods', () => {
    const neg = db[0]!.replace('namespace: shop}', `namespace: shop, annotations: {cloud.google.com/neg: '{"exposed_ports": {"80": {}}}'}}`)
    expect(needs(neg, db[1]!)).toEqual(['anywhere → shop/db 8080'])
  })

  it.each([
    ['projectcontour.io/ingress-controller', 'ghcr.io/projectcontour/contour:v1.33'],
    ['getambassador.io/ingress-controller', 'docker.io/emissaryingress/emissary:3.9'],
    ['apisix.apache.org/apisix-ingress', 'apache/apisix:3.14'],
  ])('comes from the controller %s by what its pods run', (controller, image) => {
    const ofClass = `apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\nspec: {controller: ${controller}}\n`
    expect(needs(...db, ofClass, pod('edge', 'edge', `{name: c, image: "${image}"}`), ingress('', 'db', 'shop'))).toEqual([
      'edge/edge → shop/db 8080',
    ])
  })
})
