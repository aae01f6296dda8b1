import { describe, expect, it } from 'vitest'
import type { FlowEnd } from '../../src/model/index.ts'
import { endText } from '../../src/objects/network-ends.ts'
import { podAddresses, podsNamed } from '../../src/objects/network-flow-pods.ts'
import { observedConnections } from '../../src/objects/network-flows.ts'
import { worldOf } from '../helpers/world.ts'

const LONG = 'a-deployment-whose-name-is-so-long-that-pods-have-less-of-it'
const of = (apiVersion: string, kind: string, name: string, labels: string, more = '') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop, uid: ${kind}-${name}}\nspec: {template: {metadata: {labels: ${labels}}, spec: {containers: [{name: a, image: i}]}}${more}}\n---\n`
const pod = (name: string, owner: string, labels: string, node: string, ip: string, phase = 'Running') => {
  const [kind, ownerName] = owner.split('/')
  const apiVersion = kind === 'Job' ? 'batch/v1' : 'apps/v1'
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, labels: ${labels}, creationTimestamp: "2026-11-01T00:00:00Z", ownerReferences: [{apiVersion: ${apiVersion}, kind: ${kind}, name: ${ownerName}, uid: ${kind}-${ownerName}, controller: true}]}\nspec: {nodeName: ${node}, containers: [{name: a, image: i}]}\nstatus: {phase: ${phase}, podIP: ${ip}}\n---\n`
}
const CLUSTER =
  of('apps/v1', 'Deployment', LONG, '{app: long}') +
  of('apps/v1', 'DaemonSet', 'agent', '{app: agent, part: daemon}') +
  of('apps/v1', 'ReplicaSet', 'agent', '{app: agent, part: set}') +
  of('batch/v1', 'Job', 'import', '{app: import}') +
  of('apps/v1', 'StatefulSet', 'web', '{app: web}') +
  pod('import-k8x2z', 'Job/import', '{app: import}', 'worker-1', '10.244.1.20', 'Succeeded') +
  pod('web-0', 'StatefulSet/web', '{app: web}', 'worker-1', '10.244.1.5') +
  pod('web-1', 'StatefulSet/web', '{app: web}', 'worker-1', '10.244.1.6') +
  pod('web-2', 'StatefulSet/web', '{app: web}', 'worker-2', '10.244.2.5') +
  pod('web-3', 'StatefulSet/web', '{app: web}', 'worker-3', '10.244.3.5') +
  pod('web-4', 'StatefulSet/web', '{app: web, canary: "yes"}', 'worker-1', '10.244.1.7') +
  'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, clusterIP: 10.96.0.20, ports: [{port: 80}]}\n'
const { snapshot } = worldOf(CLUSTER)
const names = (end: FlowEnd) => podsNamed(snapshot, { namespace: 'shop', ...end }).map((one) => one.pod?.metadata.name ?? endText(one))

describe('pods that are gone', () => {
  it.each<[string, FlowEnd, readonly string[]]>([
    [
      'a name that was cut to make room for the random part',
      { pod: `${`${LONG}-5d9c7bb4f-`.slice(0, 58)}x7k2p` },
      [`Deployment shop/${LONG}`],
    ],
    ['two controllers of one name', { pod: 'agent-x7k2p' }, []],
    [
      'two controllers of one name, and labels',
      { pod: 'agent-x7k2p', labels: { app: 'agent', part: 'set', hash: 'x' } },
      ['ReplicaSet shop/agent'],
    ],
    ['labels of which some are missing', { labels: { app: 'agent' } }, []],
    ['an index after the name of a Job', { pod: 'import-3-k8x2z' }, ['Job shop/import']],
    ['another namespace', { namespace: 'other', pod: 'web-9' }, []],
    ['vowels, which no generated name has', { pod: 'import-audio' }, []],
  ])('%s', (_what, end, expected) => {
    expect(names(end)).toEqual(expected)
  })

  it('of a workload with many pods a few stand for all: one of each kind and node, of two nodes at most', () => {
    expect(names({ pod: 'web-9' })).toEqual(['web-0', 'web-2', 'web-4'])
  })

  it('the address of one that is over leads to its workload', () => {
    expect([...podAddresses(snapshot).before.keys()]).toEqual(['10.244.1.20'])
    const flow = {
      ...{ source: { ip: '10.244.1.20' }, destination: { ip: '10.96.0.20' }, protocol: 'TCP', port: 80, count: 1 },
      ...{ last: '2026-11-20T12:00:00Z', was: 'forwarded' },
    }
    const facts = `facts: ${JSON.stringify({ ObservedFlows: { from: ['f'], records: 1, flows: [flow], doubts: [] } })}`
    const { connections } = observedConnections(worldOf(`kind: World\n${facts}\n---\n${CLUSTER}`).snapshot)!
    expect(connections.map(({ from, to }) => [endText(from), to.is === 'pod' && to.pod?.metadata.name])).toEqual([
      ['Job shop/import', 'web-0'],
      ['Job shop/import', 'web-2'],
      ['Job shop/import', 'web-4'],
    ])
  })
})
