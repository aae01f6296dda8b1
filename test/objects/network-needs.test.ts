import { describe, expect, it } from 'vitest'
import type { Edge, Side } from '../../src/objects/network-edges.ts'
import { neededEdges, unreadNeeds } from '../../src/objects/network-needs.ts'
import { worldOf } from '../helpers/world.ts'

const service = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`
const pod = (name: string, namespace: string, container: string, metadata = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}${metadata}}\nspec: {containers: [{name: app, ${container}}]}\n`
const world = (...documents: string[]) => worldOf(documents.join('---\n')).snapshot
const who = (side: Side): string => {
  switch (side.is) {
    case 'workloads':
      return side.workloads.map(({ namespace, ref }) => `${namespace}/${ref.name}`).join('+')
    case 'selector':
      return `${side.namespace} ${JSON.stringify(side.labels)}`
    case 'addresses':
      return side.cidrs.join('+')
    default:
      return side.is === 'namespace' ? `namespace ${side.name}` : side.is
  }
}
const portsOf = ({ ports }: Edge): string => ports?.map(({ protocol, port }) => `${protocol}/${port}`).join(' ') ?? 'all'
/** `who → whom ports: why`. */
const needs = (...documents: string[]): readonly string[] =>
  neededEdges(world(...documents)).map((edge) => `${who(edge.from)} → ${who(edge.to)} ${portsOf(edge)}: ${edge.because}`)
const db = service('db', '{selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}')
const dbPod = pod('db', 'shop', 'ports: [{name: pg, containerPort: 5433}]')
const route = (kind: string, spec: string, version = 'v1') =>
  `apiVersion: gateway.networking.k8s.io/${version}\nkind: ${kind}\nmetadata: {name: r, namespace: edge}\nspec: ${spec}\n`

describe('what must stay reachable', () => {
  it('is nothing where nothing says so', () => expect(needs(db, dbPod, pod('web', 'front', 'args: [x]'))).toEqual([]))

  it('is what a LoadBalancer, a NodePort or an external address exposes, on the port of the pod', () => {
    for (const spec of ['type: LoadBalancer', 'type: NodePort', 'externalIPs: [192.0.2.1]'])
      expect(needs(service('web', `{${spec}, selector: {app: db}, ports: [{port: 80, targetPort: pg}]}`), dbPod)).toEqual([
        expect.stringMatching(/^anywhere → shop\/db TCP\/5433: Service web /),
      ])
  })

  it('is a port by each number that pods give its name', () => {
    const other = pod('db2', 'shop', 'ports: [{name: pg, containerPort: 6000}]', '').replace('app: db2', 'app: db')
    expect(needs(service('db', '{type: NodePort, selector: {app: db}, ports: [{port: 1, targetPort: pg}]}'), dbPod, other)).toEqual([
      'anywhere → shop/db+shop/db2 TCP/5433 TCP/6000: Service db is of type NodePort',
    ])
  })

  it('is what a Service selects later, by its selector', () =>
    expect(needs(service('web', '{type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}'))).toEqual([
      'anywhere → shop {"app":"web"} TCP/80: Service web is of type LoadBalancer',
    ]))

  it('is DNS, for everybody and by both protocols', () => {
    const dns = service(
      'kube-dns',
      '{selector: {app: db}, ports: [{name: dns, port: 53, protocol: UDP, targetPort: 5353}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: 5353}]}',
    )
    expect(needs(dns, dbPod)).toEqual(['anywhere → shop/db UDP/5353 TCP/5353: Service kube-dns answers DNS for the whole cluster'])
  })

  it.each([
    ['an argument', pod('store', 'front', 'args: ["--db=db.shop:5432"]')],
    ['the environment', pod('store', 'front', 'env: [{name: DB, value: "postgres://db.shop.svc.cluster.local/x"}]')],
    ['the name of one peer', pod('store', 'front', 'args: ["db-0.db.shop.svc"]')],
  ])('is a Service that another namespace names in %s', (_where, caller) => {
    expect(needs(db, dbPod, caller)).toEqual(['front/store → shop/db TCP/5433: Pod store in namespace front names it'])
  })

  it('is a Service that a ConfigMap names, for those who read it, or for their namespace', () => {
    const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: front}\ndata: {a.yaml: "host: db.shop.svc"}\n'
    expect(needs(db, dbPod, map)).toEqual(['namespace front → shop/db TCP/5433: ConfigMap c in namespace front names it'])
    const reader = pod('store', 'front', 'envFrom: [{configMapRef: {name: c}}]')
    expect(needs(db, dbPod, map, reader)).toEqual(['front/store → shop/db TCP/5433: ConfigMap c in namespace front names it'])
  })

  it('is a Service of its own namespace by its bare name, by a peer of it, or by the variable that the kubelet sets', () => {
    for (const text of ['postgres://db:5432', 'db-0.db', '$(DB_SERVICE_HOST)'])
      expect(needs(db, dbPod, pod('web', 'shop', `args: ["${text}"]`))).toEqual([
        'shop/web → shop/db TCP/5433: Pod web in namespace shop names it',
      ])
  })

  it.each([
    ['in capitals, as DNS takes it', 'env: [{name: DB, value: DB.SHOP.SVC}]'],
    ['put together by the kubelet', 'env: [{name: N, value: shop}, {name: S, value: db}, {name: U, value: "pg://$(S).$(N):5432"}]'],
    ['put together by a shell', 'env: [{name: N, value: shop}], command: [sh, -c, "exec app --db db.${N:-x}.svc"]'],
    ['from what a shell falls back on', 'command: [sh, -c, "exec app --db db.${N:-shop}.svc"]'],
    ['in a system property', 'command: [java, "-Ddb.url=jdbc:postgresql://db.shop:5432/x"]'],
    ['for gRPC', 'args: ["--db=dns:///db.shop:5432"]'],
    ['in a hook', 'lifecycle: {postStart: {exec: {command: [curl, "http://db.shop/register"]}}}'],
    ['in a probe', 'readinessProbe: {exec: {command: [pg_isready, -h, db.shop]}}'],
  ])('is a Service that is named %s', (_how, container) =>
    expect(needs(db, dbPod, pod('store', 'front', container))).toEqual([
      'front/store → shop/db TCP/5433: Pod store in namespace front names it',
    ]),
  )

  it('is a Service whose name is put together from a ConfigMap', () => {
    const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: front}\ndata: {S: db, N: shop}\n'
    const said = ['front/store → shop/db TCP/5433: Pod store in namespace front names it']
    for (const env of [
      'envFrom: [{configMapRef: {name: c}}], args: ["--db=$(S).$(N):5432"]',
      'envFrom: [{prefix: X_, configMapRef: {name: c}}], args: ["--db=$(X_S).$(X_N):5432"]',
      'env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: N}}}], args: ["--db=db.$(A):5432"]',
    ])
      expect(needs(db, dbPod, map, pod('store', 'front', env))).toEqual(said)
  })

  it('is not what a scheme is called, nor a word in capitals, nor a variable that nobody set', () => {
    for (const text of ['db://cache:6379', 'db:\\/\\/cache', 'the DB is', '$(DB).shop', '$DB'])
      expect(needs(db, dbPod, pod('web', 'shop', `args: ["${text}"]`))).toEqual([])
    for (const text of ['db:/export', 'DB', 'DB:5432']) expect(needs(db, dbPod, pod('web', 'shop', `args: ["${text}"]`))).toHaveLength(1)
  })

  it('is the pod that is named before its headless Service, whatever that is called', () => {
    const peers = service('peers', '{clusterIP: None, selector: {app: db}, ports: [{port: 5433}]}')
    expect(needs(peers, dbPod, pod('web', 'shop', 'args: ["db-0.peers:5433"]'))).toEqual([
      'shop/web → shop/db TCP/5433: Pod web in namespace shop names it',
    ])
    expect(needs(db, dbPod, pod('web', 'shop', 'args: ["config.db"]'))).toEqual([])
  })

  it('is the port behind the name of a headless Service, on which its pods answer beside those that it lists', () => {
    const peers = service('peers', '{clusterIP: None, selector: {app: db}, ports: [{port: 2888}]}')
    const asks = (text: string, other = peers) =>
      needs(other, dbPod, pod('store', 'front', `args: ["${text}"]`)).map((line) => line.split(':')[0])
    expect(asks('db-0.peers.shop:2181,db-1.peers.shop.svc:2182')).toEqual(['front/store → shop/db TCP/2888 TCP/2181 TCP/2182'])
    expect(asks('peers.shop:99999')).toEqual(['front/store → shop/db TCP/2888'])
    expect(asks('db.shop:2181', db)).toEqual(['front/store → shop/db TCP/5433'])
  })

  it('is whom the controller of an Ingress asks, as its annotations say', () => {
    const ingress = (value: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: front, annotations: {nginx.ingress.kubernetes.io/auth-url: "${value}"}}\nspec: {ingressClassName: nginx}\n`
    const controller = pod('nginx', 'ingress', 'image: registry.k8s.io/ingress-nginx/controller:v1')
    expect(needs(db, dbPod, controller, ingress('http://db.shop.svc.cluster.local:5432/auth'))).toEqual([
      'ingress/nginx → shop/db TCP/5433: Ingress i names it in annotation nginx.ingress.kubernetes.io/auth-url',
    ])
    expect(needs(service('db', '{selector: {app: db}, ports: [{port: 1}]}', 'front'), controller, ingress('db'))).toEqual([])
  })

  it('is where another name for a Service leads (ExternalName)', () => {
    const alias = service('store', '{type: ExternalName, externalName: db.shop.svc.cluster.local}', 'front')
    expect(needs(db, dbPod, alias, pod('web', 'front', 'args: ["store:5432"]'))).toEqual([
      'front/web → shop/db TCP/5433: Pod web in namespace front names it, as Service store of type ExternalName',
    ])
  })

  it('is where EndpointSlices lead that somebody made', () => {
    const slice =
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: old-1, namespace: shop, labels: {kubernetes.io/service-name: old}}\naddressType: IPv4\nendpoints: [{addresses: [192.0.2.7]}]\nports: [{port: 5432, protocol: TCP}]\n'
    expect(needs(service('old', '{ports: [{port: 5432}]}'), slice, pod('web', 'shop', 'args: ["old:5432"]'))).toEqual([
      'shop/web → 192.0.2.7/32 TCP/5432: Pod web in namespace shop names it',
    ])
  })

  it('is not what only looks like its name', () =>
    expect(needs(db, dbPod, pod('store', 'front', 'args: ["mydb.shop", "db.shopping", "db_shop", "-db.shop"]'))).toEqual([]))

  it('is a caller of the host network from anywhere: no selector matches it', () => {
    const agent = pod('agent', 'front', 'args: ["db.shop"]').replace('spec: {', 'spec: {hostNetwork: true, ')
    expect(needs(db, dbPod, agent)).toEqual(['anywhere → shop/db TCP/5433: Pod agent in namespace front names it'])
  })

  it('is what each kind of route leads to, at the port it names', () => {
    const two = service('db', '{selector: {app: db}, ports: [{port: 5432, targetPort: pg}, {port: 9, targetPort: 99}]}')
    for (const [kind, version] of [
      ['HTTPRoute', 'v1'],
      ['GRPCRoute', 'v1'],
      ['TLSRoute', 'v1alpha2'],
      ['TCPRoute', 'v1alpha2'],
      ['UDPRoute', 'v1alpha2'],
    ] as const)
      expect(needs(two, dbPod, route(kind, '{rules: [{backendRefs: [{name: db, namespace: shop, port: 5432}]}]}', version))).toEqual([
        `anywhere → shop/db TCP/5433: ${kind} r routes to it`,
      ])
  })

  it('comes from the pods of a Gateway where they can be told', () => {
    const gateway = pod('envoy', 'edge', 'image: envoy', '').replace('app: envoy', 'gateway.networking.k8s.io/gateway-name: gw')
    const http = route('HTTPRoute', '{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: db, namespace: shop, port: 5432}]}]}')
    expect(needs(db, dbPod, http, gateway)).toEqual(['edge/envoy → shop/db TCP/5433: HTTPRoute r routes to it'])
    expect(needs(db, dbPod, http)).toEqual(['anywhere → shop/db TCP/5433: HTTPRoute r routes to it'])
  })

  it('comes from the controller of an Ingress class, unless that is not known or has no address of its own', () => {
    const ingress =
      'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: shop}\nspec: {ingressClassName: main, defaultBackend: {service: {name: db, port: {number: 5432}}}}\n'
    const ofClass = (controller: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: main}\nspec: {controller: ${controller}}\n`
    const nginx = pod('nginx', 'ingress', 'image: "registry.k8s.io/ingress-nginx/controller:v1.12"')
    const from = (...more: string[]) => needs(db, dbPod, ingress, ...more)[0]!.split(' → ')[0]
    expect(from(ofClass('k8s.io/ingress-nginx'), nginx)).toBe('ingress/nginx')
    expect(from(ofClass('k8s.io/ingress-nginx'))).toBe('anywhere')
    expect(from(ofClass('ingress.k8s.aws/alb'), nginx)).toBe('anywhere')
    expect(from(ofClass('k8s.io/ingress-nginx'), nginx.replace('spec: {', 'spec: {hostNetwork: true, '))).toBe('anywhere')
  })

  it('is what a VirtualService behind a gateway leads to', () => {
    const virtual =
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: shop}\nspec: {gateways: [edge/main], http: [{route: [{destination: {host: db, port: {number: 5432}}}]}]}\n'
    const gateway =
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: main, namespace: edge}\nspec: {selector: {istio: gw}}\n'
    const pods = pod('gw', 'istio', 'image: proxy').replace('app: gw', 'istio: gw')
    expect(needs(db, dbPod, virtual, gateway, pods)).toEqual(['istio/gw → shop/db TCP/5433: VirtualService v routes to it'])
  })

  it('is what the API server calls: webhooks and aggregated APIs, at the port of the pod', () => {
    const hook =
      'apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: h}\nwebhooks: [{name: h.example, clientConfig: {service: {name: db, namespace: shop, port: 5432}}}]\n'
    const api =
      'apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.x.example}\nspec: {service: {name: db, namespace: shop, port: 5432}}\n'
    expect(needs(db, dbPod, hook, api)).toEqual([
      'anywhere → shop/db TCP/5433: the API server, from an address that is not known, calls it for webhook h.example',
      'anywhere → shop/db TCP/5433: the API server, from an address that is not known, calls it for APIService v1.x.example',
    ])
  })

  it('is an operator calling what it manages', () => {
    const operand = pod('pg', 'shop', 'image: pg').replace('app: pg', 'app.kubernetes.io/managed-by: pg-operator')
    expect(needs(operand, pod('pg-operator', 'operators', 'image: o'))).toEqual([
      'operators/pg-operator → shop/pg all: Pod operators/pg-operator manages it, as its label app.kubernetes.io/managed-by says',
    ])
  })

  it('is an operator that may write the status of what owns it, whatever its namespace', () => {
    const operand = pod(
      'pg-1',
      'shop',
      'image: pg',
      ', ownerReferences: [{apiVersion: postgresql.example/v1, kind: Cluster, name: pg, uid: u, controller: true}]',
    )
    const operator = pod('manager', 'operators', 'image: o').replace('spec: {', 'spec: {serviceAccountName: manager, ')
    const role = (resource: string, verb: string) =>
      `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: manager}\nrules: [{apiGroups: [postgresql.example], resources: [${resource}], verbs: [${verb}]}]\n`
    const binding = (kind: string, namespace = '') =>
      `apiVersion: rbac.authorization.k8s.io/v1\nkind: ${kind}\nmetadata: {name: manager${namespace}}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: manager}\nsubjects: [{kind: ServiceAccount, name: manager, namespace: operators}]\n`
    const found = [
      'operators/manager → shop/pg all: Pod operators/manager manages it, as it may write the status of kind Cluster, which owns it',
    ]
    expect(needs(operand, operator, role('clusters/status', 'patch'), binding('ClusterRoleBinding'))).toEqual(found)
    expect(needs(operand, operator, role('clusters/status', 'patch'), binding('RoleBinding', ', namespace: shop'))).toEqual(found)
    expect(needs(operand, operator, role('clusters/status', 'patch'), binding('RoleBinding', ', namespace: bank'))).toEqual([])
    expect(needs(operand, operator, role('clusters', 'patch'), binding('ClusterRoleBinding'))).toEqual([])
    expect(needs(operand, operator, role('clusters/status', 'get'), binding('ClusterRoleBinding'))).toEqual([])
    expect(needs(operand, operator, role('backups/status', 'patch'), binding('ClusterRoleBinding'))).toEqual([])
  })

  it('is scraping, by those who collect metrics, or by every pod where none is known', () => {
    const scraped = pod('web', 'shop', 'ports: [{containerPort: 9090}]', ', annotations: {prometheus.io/scrape: "true"}')
    const prometheus = pod('prom', 'mon', 'image: "quay.io/prometheus/prometheus:v3"')
    const because = 'pods of Pod web are annotated prometheus.io/scrape'
    expect(needs(scraped)).toEqual([`every pod → shop/web TCP/9090: ${because}`])
    expect(needs(scraped, prometheus)).toEqual([`mon/prom → shop/web TCP/9090: ${because}`])
  })

  it('is scraping from the namespace of a collector whose pods an operator makes', () => {
    const scraped = pod('web', 'shop', 'ports: [{containerPort: 80}]', ', annotations: {prometheus.io/scrape: "true"}')
    const awaited = (namespace: string) =>
      service('prometheus-k8s', '{selector: {app.kubernetes.io/name: prometheus}, ports: [{port: 9090}]}', namespace)
    const from = (...more: string[]) => needs(scraped, ...more)[0]!.split(' → ')[0]
    expect(from(awaited('watch'))).toBe('namespace watch')
    expect(from(awaited('watch'), awaited('other'))).toBe('every pod')
    expect(from(awaited('watch'), pod('agent', 'else', 'image: prom/prometheus:v3'))).toBe('else/agent')
  })

  it('is scraping by monitors, by the names of ports and the labels that they go by', () => {
    const labelled = db.replace('namespace: shop}', 'namespace: shop, labels: {metrics: "on"}}')
    const monitor = (kind: string, spec: string) =>
      `apiVersion: monitoring.coreos.com/v1\nkind: ${kind}\nmetadata: {name: m, namespace: mon}\nspec: {namespaceSelector: {any: true}, ${spec}}\n`
    expect(
      needs(labelled, dbPod, monitor('ServiceMonitor', 'selector: {matchLabels: {metrics: "on"}}, endpoints: [{targetPort: pg}]')),
    ).toEqual(['every pod → shop/db TCP/5433: ServiceMonitor m in namespace mon has it scraped'])
    expect(needs(dbPod, monitor('PodMonitor', 'selector: {matchLabels: {app: db}}, podMetricsEndpoints: [{port: pg}]'))).toEqual([
      'every pod → shop/db TCP/5433: PodMonitor m in namespace mon has it scraped',
    ])
  })

  it('is what a record of flows shows, but for what was dropped', () => {
    const flows = (was: string) =>
      `apiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ObservedFlows: {from: [f], records: 1, doubts: [], flows: [{source: {namespace: front, pod: web}, destination: {namespace: shop, pod: db}, protocol: TCP, port: 7, count: 1, was: ${was}}]}}\n`
    const web = pod('web', 'front', 'image: w')
    expect(needs(dbPod, web, flows('forwarded'))).toEqual([
      'front/web → shop/db TCP/7: the record of flows shows Pod front/web calling TCP 7',
    ])
    expect(needs(dbPod, web, flows('dropped'))).toEqual([])
  })

  it('says which kinds could show more, and may not be read', () => {
    const unread =
      'apiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: APIService, why: forbidden, because: refused, answer: allow}, {what: GatewayClass, why: forbidden, because: refused, answer: allow}]\n'
    expect(unreadNeeds(world(dbPod, unread)).map(({ what }) => what)).toEqual(['APIService'])
  })
})
