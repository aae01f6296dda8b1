/** Live pods as their controllers will make them anew: what policies look at of them, and flows recorded to the address that they have now. */
import { expect, test } from 'vitest'
import type { Edit, KubeObject, ObservedFlow, Step } from '../../src/model/index.ts'
import { cutBy, networkImpact, worldAfter } from '../../src/plan/network-impact.ts'
import { namespace, worldOf } from './plan-fixtures.ts'

const owner = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true }],
})
/** A StatefulSet with one pod: nothing between the two. */
const live = (name: string, ip: string, port = 8080): readonly KubeObject[] => {
  const spec = { containers: [{ name: 'app', image: 'a', ports: [{ name: 'web', containerPort: port }] }] }
  const labels = { app: name }
  const template = { metadata: { labels }, spec }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name, namespace: 'shop', uid: `uid-${name}` },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-0`,
        namespace: 'shop',
        uid: `p-${name}`,
        labels: { ...labels, 'statefulset.kubernetes.io/pod-name': `${name}-0` },
        ...owner('StatefulSet', name),
      },
      spec: { ...spec, nodeName: 'n1' },
      status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
    },
  ] as unknown as readonly KubeObject[]
}
const POLICY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'web-to-db', namespace: 'shop' },
  spec: {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 'web' }] }],
  },
} as unknown as KubeObject
const node = (name: string, ip: string) =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }) as unknown as KubeObject
const byIp: ObservedFlow = {
  source: { ip: '10.0.0.1' },
  destination: { ip: '10.0.0.2' },
  protocol: 'TCP',
  port: 8080,
  count: 5,
  was: 'forwarded',
}
const now = worldOf([namespace('shop'), node('n1', '192.168.0.1'), ...live('web', '10.0.0.1'), ...live('db', '10.0.0.2'), POLICY], {
  facts: { ObservedFlows: { from: ['f'], records: 5, flows: [byIp], doubts: [] } },
})
const step = (name: string, ...edits: readonly Edit[]): Step =>
  ({
    id: 's',
    changes: [{ type: 'edit', target: { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name }, edits }],
  }) as unknown as Step
const podAfter = (one: Step, name: string) => worldAfter(now, [one]).find('Pod', 'shop', name)!
const cuts = (one: Step) => cutBy(now, [one]).map(({ flow, perhaps }) => `${flow.port}${perhaps === true ? ' perhaps' : ''}`)

test('new labels of a template, beside what the controller gives', () => {
  const relabel = step('web', { set: ['spec', 'template', 'metadata', 'labels', 'app'], to: 'front' })
  expect(podAfter(relabel, 'web-0').metadata.labels).toEqual({ app: 'front', 'statefulset.kubernetes.io/pod-name': 'web-0' })
  expect(cuts(relabel)).toEqual(['8080'])
  const lost = networkImpact(now, [relabel])!.changes.filter(({ to }) => to.id === 'shop/StatefulSet/db')
  expect(lost.map(({ from }) => from.id)).toEqual(['shop/StatefulSet/web'])
})
test('another number behind the name of a port', () => {
  const moved = step('db', { set: ['spec', 'template', 'spec', 'containers', 0, 'ports', 0, 'containerPort'], to: 9090 })
  expect(podAfter(moved, 'db-0').spec.containers[0]!.ports).toEqual([{ name: 'web', containerPort: 9090 }])
  expect(cuts(moved)).toEqual(['8080'])
})
test('onto the host network: the address that was recorded is not its own any more, and no policy sees its labels', () => {
  const onto = step('web', { set: ['spec', 'template', 'spec', 'hostNetwork'], to: true })
  const { spec, status } = podAfter(onto, 'web-0')
  expect([spec.hostNetwork, status?.podIP, status?.podIPs]).toEqual([true, undefined, []])
  // On the node of the other it is let in, and it is on that node; the recorded flow is still that of the same two pods.
  expect(cuts(onto)).toEqual([])
  const elsewhere = worldOf(
    [
      namespace('shop'),
      node('n1', '192.168.0.1'),
      node('n2', '192.168.0.2'),
      ...live('web', '10.0.0.1').map((one) =>
        one.kind === 'Pod'
          ? ({ ...one, spec: { ...(one as never as { spec: object }).spec, nodeName: 'n2' } } as unknown as KubeObject)
          : one,
      ),
      ...live('db', '10.0.0.2'),
      POLICY,
    ],
    { facts: { ObservedFlows: { from: ['f'], records: 5, flows: [byIp], doubts: [] } } },
  )
  expect(cutBy(elsewhere, [onto]).map(({ flow }) => flow.port)).toEqual([8080])
})
test('a template that changes in what no policy looks at leaves everybody’s reach as it is', () => {
  expect(
    networkImpact(now, [step('web', { set: ['spec', 'template', 'spec', 'automountServiceAccountToken'], to: false })]),
  ).toBeUndefined()
})
