import { describe, expect, it } from 'vitest'
import { needsOf } from '../../src/objects/network-needs.ts'
import { worldOf } from '../helpers/world.ts'

const service = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`
const pod = (name: string, namespace: string, container: string, metadata = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}${metadata}}\nspec: {containers: [{name: app, ${container}}]}\n`
const needs = (...documents: string[]) => needsOf(worldOf(documents.join('---\n')).snapshot, 'shop')
const db = service('db', '{selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}')

describe('what must stay reachable', () => {
  it('is nothing where nothing says so', () => {
    expect(needs(db, pod('web', 'shop', 'env: [{name: DB, value: "db.shop:5432"}]'))).toEqual([])
  })

  it('is what a LoadBalancer, a NodePort or an external address exposes, on the port of the pod', () => {
    for (const spec of ['type: LoadBalancer', 'type: NodePort', 'externalIPs: [192.0.2.1]']) {
      expect(needs(service('web', `{${spec}, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}`))).toMatchObject([
        { pods: { matchLabels: { app: 'web' } }, ports: [{ protocol: 'TCP', port: 8080 }] },
      ])
    }
    expect(needs(service('web', '{type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}'))[0]).not.toHaveProperty('from')
  })

  it('is DNS, for everybody and by both protocols', () => {
    const dns = service(
      'kube-dns',
      '{selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP, targetPort: 5353}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: 5353}]}',
    )
    expect(needs(dns)[0]!.ports).toEqual([
      { protocol: 'UDP', port: 5353 },
      { protocol: 'TCP', port: 5353 },
    ])
  })

  it.each([
    ['an argument', pod('store', 'front', 'args: ["--db=db.shop:5432"]')],
    ['the environment', pod('store', 'front', 'env: [{name: DB, value: "postgres://db.shop.svc.cluster.local/x"}]')],
    ['the name of one peer', pod('store', 'front', 'args: ["db-0.db.shop.svc"]')],
    ['a ConfigMap', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: front}\ndata: {a.yaml: "host: db.shop.svc"}\n'],
  ])('is a Service that another namespace names in %s', (_where, caller) => {
    expect(needs(db, caller)).toMatchObject([
      { from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'front' } } }], ports: [{ port: 'pg' }] },
    ])
  })

  it('is not what only looks like its name', () => {
    expect(needs(db, pod('store', 'front', 'args: ["mydb.shop", "db.shopping", "db_shop"]'))).toEqual([])
  })

  it('is what routes and webhooks lead to', () => {
    const route =
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: edge}\nspec: {rules: [{backendRefs: [{name: db, namespace: shop, port: 5432}]}]}\n'
    const hook =
      'apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: h}\nwebhooks: [{name: h.example, clientConfig: {service: {name: db, namespace: shop}}}]\n'
    expect(needs(db, route)[0]!.because).toEqual(['HTTPRoute r routes to it'])
    expect(needs(db, hook)[0]!.because).toEqual(['the API server calls it for webhook h.example'])
  })

  it('is scraping, by the namespaces that run Prometheus', () => {
    const scraped = pod('web', 'shop', 'ports: [{containerPort: 9090}]', ', annotations: {prometheus.io/scrape: "true"}')
    expect(needs(scraped)[0]!.from).toEqual([{ namespaceSelector: {} }])
    expect(needs(scraped, pod('prom', 'mon', 'image: "quay.io/prometheus/prometheus:v3"'))[0]).toMatchObject({
      from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'mon' } } }],
      ports: [{ port: 9090 }],
    })
  })
})
