/** Asks the policies of a few pods in two namespaces what they let through, in words. */
import { portsText } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { worldOf } from './world.ts'

const namespace = (name: string, labels: string) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n`
const pod = (name: string, space: string, ip: string, labels: string) =>
  `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${space}, uid: ${space}-${name}, labels: {${labels}}}
spec:
  serviceAccountName: ${name}
  nodeName: ${space}-node
  containers: [{name: app, image: x, ports: [{name: web, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]
status: {podIP: ${ip}, podIPs: [{ip: ${ip}}]}
`
const node = (name: string, ip: string, labels: string) =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {${labels}}}\nstatus: {addresses: [{type: InternalIP, address: ${ip}}]}\n`

/** `shop/web` and `shop/db`, `front/store` (namespace labels team: red and team: blue); each namespace has a node of its own, and `other` none of them. */
const CLUSTER = [
  namespace('shop', 'team: red'),
  namespace('front', 'team: blue'),
  pod('web', 'shop', '10.0.1.1', 'app: web, tier: a'),
  pod('db', 'shop', '10.0.1.2', 'app: db'),
  pod('store', 'front', '10.0.2.1', 'app: web, role: x'),
  node('shop-node', '192.168.0.1', ''),
  node('front-node', '192.168.0.2', 'zone: z'),
  node('control', '192.168.0.3', 'node-role.kubernetes.io/control-plane: ""'),
]

/** `shop/web`, `node control`, or an address. What is sure, then ` (perhaps …)` where that is more. */
export function between(policies: string, from: string, to: string): string {
  const { snapshot } = worldOf([...CLUSTER, policies].filter((text) => text.trim() !== '').join('---\n'))
  const known = reach(snapshot)
  const end = (text: string) => {
    const one = known.ends.find((pod) => `${pod.namespace.name}/${pod.workload.ref.name}` === text)
    if (one !== undefined) return one
    if (!text.startsWith('node ')) return { is: 'address', ip: text } as const
    const { metadata, status } = snapshot.find('Node', undefined, text.slice(5))!
    return {
      is: 'node',
      name: metadata.name,
      labels: metadata.labels ?? {},
      ips: (status?.addresses ?? []).map(({ address }) => address),
    } as const
  }
  const { ports, perhaps } = known.connection(end(from), end(to))
  const [sure, more] = [portsText(ports), portsText(perhaps)]
  return sure === more ? sure : `${sure} (perhaps ${more})`
}
