import { describe, expect, it } from 'vitest'
import type { FlowEnd, ObservedFlow } from '../../src/model/index.ts'
import { endText } from '../../src/objects/network-ends.ts'
import { observedConnections } from '../../src/objects/network-flows.ts'
import { worldOf } from '../helpers/world.ts'

const NOW = '2026-11-20T12:00:00Z'
const pod = (name: string, more: { ip?: string; labels: string; owner?: string; created?: string; spec?: string; status?: string }) => `---
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  creationTimestamp: ${more.created ?? '2026-11-01T00:00:00Z'}
  labels: ${more.labels}
  ${more.owner === undefined ? '' : `ownerReferences: [${more.owner}]`}
spec: ${more.spec ?? '{nodeName: worker-1, containers: [{name: a, image: i, ports: [{name: http, containerPort: 8080}]}]}'}
status: ${more.status ?? `{phase: Running${more.ip === undefined ? '' : `, podIP: ${more.ip}, podIPs: [{ip: ${more.ip}}, {ip: "fd00::${more.ip.split('.').at(-1)}"}]`}}`}
`
const ownedBy = (kind: string, name: string, uid: string) =>
  `{apiVersion: ${kind === 'Job' ? 'batch/v1' : 'apps/v1'}, kind: ${kind}, name: ${name}, uid: ${uid}, controller: true}`
const controller = (kind: string, name: string, uid: string, labels: string, owner?: string) => `---
apiVersion: ${kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : 'apps/v1'}
kind: ${kind}
metadata: {name: ${name}, namespace: shop, uid: ${uid}${owner === undefined ? '' : `, ownerReferences: [${owner}]`}}
spec: ${
  kind === 'CronJob'
    ? `{jobTemplate: {spec: {template: {metadata: {labels: ${labels}}, spec: {containers: [{name: a, image: i}]}}}}}`
    : `{template: {metadata: {labels: ${labels}}, spec: {containers: [{name: a, image: i, ports: [{name: http, containerPort: 8080}]}]}}}`
}
`
const CLUSTER = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: worker-1}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: worker-2}
spec: {podCIDR: 10.244.2.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.12}]}
${controller('Deployment', 'web', 'd1', '{app: web}')}
${controller('ReplicaSet', 'web-5d9c7bb4f', 'r1', '{app: web}', ownedBy('Deployment', 'web', 'd1'))}
${pod('web-5d9c7bb4f-x7k2p', { ip: '10.244.1.5', labels: '{app: web}', owner: ownedBy('ReplicaSet', 'web-5d9c7bb4f', 'r1') })}
${controller('Deployment', 'web-admin', 'd2', '{app: web-admin}')}
${controller('StatefulSet', 'db', 's1', '{app: db}')}
${pod('db-0', { ip: '10.244.1.6', labels: '{app: db}', owner: ownedBy('StatefulSet', 'db', 's1') })}
${controller('CronJob', 'report', 'c1', '{app: report}')}
${controller('DaemonSet', 'agent', 'a1', '{app: agent}')}
${pod('young', { ip: '10.244.1.9', labels: '{app: young}', created: '2026-11-20T13:00:00Z' })}
${pod('over', { labels: '{app: over}', status: '{phase: Succeeded, podIP: 10.244.1.8}' })}
${pod('on-host', { labels: '{app: on-host}', spec: '{hostNetwork: true, nodeName: worker-2, containers: [{name: a, image: i}]}', status: '{phase: Running, podIP: 192.168.0.12}' })}
${pod('door', { ip: '10.244.1.10', labels: '{app: door}', spec: '{nodeName: worker-1, containers: [{name: a, image: i, ports: [{containerPort: 8443, hostPort: 443}]}]}' })}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, creationTimestamp: "2026-11-01T00:00:00Z"}
spec:
  type: LoadBalancer
  selector: {app: web}
  clusterIP: 10.96.0.20
  clusterIPs: [10.96.0.20, "fd96::20"]
  externalIPs: [203.0.113.7]
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}, {name: dead, port: 81, targetPort: nowhere}]
status: {loadBalancer: {ingress: [{ip: 198.51.100.4}]}}
---
apiVersion: v1
kind: Service
metadata: {name: late, namespace: shop, creationTimestamp: "2026-11-20T13:00:00Z"}
spec: {selector: {app: web}, clusterIP: 10.96.0.21, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [192.168.0.11]}]
ports: [{name: https, port: 6443, protocol: TCP}]
`
const WEB: FlowEnd = { namespace: 'shop', pod: 'web-5d9c7bb4f-x7k2p' }

function told(flow: Partial<ObservedFlow>, before = ''): { ways: readonly string[]; doubts: readonly string[] } {
  const whole: ObservedFlow = {
    source: WEB,
    destination: WEB,
    protocol: 'TCP',
    port: 8080,
    count: 1,
    last: NOW,
    was: 'forwarded',
    ...flow,
  }
  const facts = { ObservedFlows: { from: ['f'], records: 1, flows: [whole], doubts: [] } }
  const { snapshot } = worldOf(`apiVersion: v1\nkind: World\n${before}facts: ${JSON.stringify(facts)}\n---\n${CLUSTER}`)
  const { connections, unresolved, doubts } = observedConnections(snapshot)!
  expect(unresolved).toBe(doubts.length)
  return { ways: connections.map(({ from, to, protocol, port }) => `${endText(from)} > ${endText(to)} ${protocol} ${port}`), doubts }
}
const to = (destination: FlowEnd, port = 8080, more: Partial<ObservedFlow> = {}, before = '') => {
  const { ways, doubts } = told({ destination, port, ...more }, before)
  return [...ways.map((way) => way.replace('Deployment shop/web > ', '')), ...doubts]
}
const from = (source: FlowEnd, more: Partial<ObservedFlow> = {}) => {
  const { ways, doubts } = told({ source, ...more })
  return [...ways.map((way) => way.split(' > ')[0]), ...doubts]
}

describe('the ends of recorded flows', () => {
  it.each<[string, FlowEnd, string]>([
    ['a live pod by its name', WEB, 'Deployment shop/web'],
    ['a live pod by its address', { ip: '10.244.1.5' }, 'Deployment shop/web'],
    ['its other family', { ip: 'fd00:0:0::5' }, 'Deployment shop/web'],
    ['an IPv4 address inside an IPv6 one', { ip: '::ffff:10.244.1.6' }, 'StatefulSet shop/db'],
    ['a pod of a Deployment that is gone', { namespace: 'shop', pod: 'web-7f8b6c5d4-zzz9x' }, 'Deployment shop/web'],
    ['one whose name begins as another does', { namespace: 'shop', pod: 'web-admin-7f8b6c5d4-zzz9x' }, 'Deployment shop/web-admin'],
    ['a pod of a StatefulSet', { namespace: 'shop', pod: 'db-7' }, 'StatefulSet shop/db'],
    ['a pod of a Job of a CronJob', { namespace: 'shop', pod: 'report-29384720-k8x2z' }, 'CronJob shop/report'],
    ['a pod of a DaemonSet', { namespace: 'shop', pod: 'agent-k8x2z' }, 'DaemonSet shop/agent'],
    [
      'what the record itself says',
      { namespace: 'shop', pod: 'odd', workload: { kind: 'DaemonSet', name: 'agent' } },
      'DaemonSet shop/agent',
    ],
    ['labels alone', { namespace: 'shop', labels: { app: 'db', more: 'x' } }, 'StatefulSet shop/db'],
    ['a node', { ip: '192.168.0.11' }, 'Node worker-1'],
    ['a node rather than the pods that share its address', { ip: '192.168.0.12' }, 'Node worker-2'],
    ['a pod of the host network by its name', { namespace: 'shop', pod: 'on-host' }, 'Pod shop/on-host'],
    ['the host that the record names', { entity: 'host', ip: '10.0.0.9', node: 'worker-2' }, 'Node worker-2'],
    ['the host of the other end', { entity: 'host', ip: '10.0.0.9' }, 'Node worker-1'],
    ['another node by the range of its pods', { entity: 'remote-node', ip: '10.244.2.1' }, 'Node worker-2'],
    ['another node that nobody knows', { entity: 'remote-node', ip: '10.0.0.9' }, 'Node 10.0.0.9'],
    ['the world', { entity: 'world', ip: '8.8.8.8' }, '8.8.8.8'],
    ['an address without more', { ip: '10.9.9.9' }, '10.9.9.9'],
    ['a managed API server', { entity: 'kube-apiserver', ip: '172.16.0.2' }, '172.16.0.2'],
  ])('%s', (_what, source, expected) => {
    expect(from(source)).toEqual([expected])
  })

  it.each<[string, FlowEnd, number, string]>([
    ['the cluster address of a Service', { ip: '10.96.0.20' }, 80, 'Deployment shop/web TCP 8080'],
    ['its address of the other family', { ip: 'fd96::20' }, 80, 'Deployment shop/web TCP 8080'],
    ['its external address', { ip: '203.0.113.7' }, 80, 'Deployment shop/web TCP 8080'],
    ['the address of its load balancer', { entity: 'world', ip: '198.51.100.4' }, 80, 'Deployment shop/web TCP 8080'],
    ['its port on a node', { ip: '192.168.0.12' }, 30080, 'Deployment shop/web TCP 8080'],
    ['a port that a pod has on its node', { ip: '192.168.0.11' }, 443, 'Pod shop/door TCP 8443'],
    ['the same port of another node', { ip: '192.168.0.12' }, 443, 'Node worker-2 TCP 443'],
    ['a Service whose endpoints are written', { ip: '10.96.0.1' }, 443, 'Node worker-1 TCP 6443'],
  ])('to %s', (_what, destination, port, expected) => {
    expect(to(destination, port)).toEqual([expected])
  })

  it.each<[string, FlowEnd, number, string]>([
    ['an address that a younger pod has', { ip: '10.244.1.9' }, 80, 'name an address that another pod or Service has got since'],
    ['an address that a younger Service has', { ip: '10.96.0.21' }, 80, 'name an address that another pod or Service has got since'],
    ['an address of the pod network without a pod', { ip: '10.244.2.77' }, 80, 'name an address of the pod network that no pod has now'],
    ['a Service whose port leads nowhere', { ip: '10.96.0.20' }, 81, 'go to a Service, or a port of it, with nothing behind it now'],
    ['a port that the Service has not', { ip: '10.96.0.20' }, 9999, 'go to a Service, or a port of it, with nothing behind it now'],
    [
      'a workload that is gone',
      { namespace: 'shop', pod: 'old-7f8b6c5d4-zzz9x' },
      80,
      'name a pod whose workload is not there any more, or cannot be told',
    ],
    ['a pod that is over, by its address', { ip: '10.244.1.8' }, 80, 'name a pod whose workload is not there any more, or cannot be told'],
    [
      'a name that only looks like one',
      { namespace: 'shop', pod: 'web-frontend-admin' },
      80,
      'name a pod whose workload is not there any more, or cannot be told',
    ],
    ['nothing that can be told', { entity: 'init' }, 80, 'name neither an address nor a pod that can be told'],
  ])('leaves open %s', (_what, destination, port, expected) => {
    expect(to(destination, port)).toEqual([`1 of 1 flows ${expected}`])
  })

  it('takes a young pod for the end of a flow that was seen after it', () => {
    expect(to({ ip: '10.244.1.9' }, 80, { last: '2026-11-20T15:00:00+01:00' })).toEqual(['Pod shop/young TCP 80'])
  })

  it.each([
    ['some pods could not be read', 'unread: [{what: Pod, why: partial, because: b, answer: a}]\n'],
    ['other namespaces were left out', 'namespaces: [shop]\n'],
    ['pods of files have no address', 'source: manifests\n'],
  ])('does not call an unknown private address an outside one when %s', (_why, world) => {
    expect(to({ ip: '10.9.9.9' }, 80, {}, world)).toEqual(['1 of 1 flows name a private address whose owner could not be read'])
    expect(to({ ip: '8.8.8.8' }, 80, {}, world)).toEqual(['8.8.8.8 TCP 80'])
  })

  it('has nothing to say without a record', () => {
    expect(observedConnections(worldOf(CLUSTER).snapshot)).toBeUndefined()
  })
})
