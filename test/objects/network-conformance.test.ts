/** The truth tables of the Kubernetes end-to-end suite and of the network policy API's conformance suite. */
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { hasPort, type Protocol } from '../../src/objects/network-ports.ts'
import { type Reach, reach } from '../../src/objects/network-reach.ts'
import { addressOf, CASES, type Check } from './network-conformance.ts'
import { CLUSTER_CASES, inOld } from './network-conformance-cluster.ts'
import { viewOf } from './rbac-graph-worlds.ts'

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const
function podNamed(name: string, labels: Record<string, string>, ports: readonly object[]): KubeObject {
  const [namespace, which] = name.split('/') as [string, string]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: which, namespace, labels },
    ...{ spec: { containers: [{ name: 'c', image: 'agnhost', ports }] }, status: { phase: 'Running', podIPs: [{ ip: addressOf(name) }] } },
  }
}
const namespace = (name: string, labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})
/** As that suite names the ports of its containers. */
const SERVED = [80, 81].flatMap((containerPort) =>
  PROTOCOLS.map((protocol) => ({ name: `serve-${containerPort}-${protocol.toLowerCase()}`, containerPort, protocol })),
)

const endNamed = ({ ends }: Reach, name: string) => ends.find(({ namespace: { name: of }, pod }) => `${of}/${pod!.metadata.name}` === name)!
function may(known: Reach, from: string, to: string, port: string): boolean {
  const [protocol, number] = (port.includes(' ') ? port : `TCP ${port}`).split(' ') as [Protocol, string]
  const [source, target] = [endNamed(known, from), endNamed(known, to)]
  const { ports, perhaps } = known.connection(source, target)
  const row = known.into(known.groupOf(target)).find(({ from: list }) => list.includes(known.groupOf(source)))!
  expect(hasPort(perhaps, protocol, Number(number)), 'there is no doubt').toBe(hasPort(ports, protocol, Number(number)))
  expect(hasPort(row.connection.ports, protocol, Number(number)), 'by rows').toBe(hasPort(ports, protocol, Number(number)))
  return hasPort(ports, protocol, Number(number))
}
const matches = (pattern: string, name: string): boolean =>
  pattern === '*' || pattern === name || (pattern.endsWith('/*') && name.startsWith(pattern.slice(0, -1)))
function expected([, ...but]: Check, from: string, to: string): boolean {
  const said = but.map((text) => /^(\S+) > (\S+): (yes|no)$/.exec(text)!).filter(([, a, b]) => matches(a!, from) && matches(b!, to))
  return said.at(-1)?.[3] !== 'no'
}

describe('NetworkPolicy', () => {
  test.each(CASES.map((one) => [one.title, one] as const))('%s', (_, { pods, stages }) => {
    const names = pods.split(' ')
    const policies = new Map<string, KubeObject>()
    const labels: Record<string, Record<string, string>> = {}
    let asked = 0
    for (const stage of stages) {
      for (const policy of stage.policies ?? []) policies.set(`${policy.metadata.namespace}/${policy.metadata.name}`, policy)
      for (const name of stage.without ?? []) expect(policies.delete(`x/${name}`)).toBe(true)
      for (const [name, more] of Object.entries(stage.labels ?? {})) labels[name] = { ...labels[name], ...more }
      const objects = [
        ...policies.values(),
        ...names.map((name) => podNamed(name, { pod: name.split('/')[1]!, ...labels[name] }, SERVED)),
        ...['x', 'y', 'z'].map((name) => namespace(name, labels[name] ?? {})),
      ]
      const known = reach(viewOf(objects))
      for (const check of stage.checks)
        for (const from of names)
          for (const to of names) {
            if (from === to) continue
            const answer = may(known, from, to, check[0])
            expect(answer, `${from} > ${to} at ${check[0]}`).toBe(expected(check, from, to))
            asked++
          }
    }
    expect(asked).toBeGreaterThan(0)
  })
})

const HOUSES = ['g', 'h', 'r', 's'].flatMap((name) => [
  namespace(name, { house: name }),
  ...['0', '1'].map((at) => podNamed(`${name}/${at}`, { house: name }, [{ name: 'web', containerPort: 80, protocol: 'TCP' }])),
])
describe.each([
  ['ClusterNetworkPolicy', (object: KubeObject) => object],
  ['AdminNetworkPolicy and BaselineAdminNetworkPolicy', (object: KubeObject) => (object.kind === 'NetworkPolicy' ? object : inOld(object))],
])('%s', (kind, form) => {
  // Of the baseline there was only one in the older API, and no rule of it passed anything on.
  const isWritable = ({ policies }: (typeof CLUSTER_CASES)[number]) => {
    const baselines = policies.map((one) => JSON.stringify(one)).filter((text) => text.includes('"Baseline"'))
    return kind === 'ClusterNetworkPolicy' || (baselines.length < 2 && !baselines.some((text) => text.includes('"Pass"')))
  }
  test.each(CLUSTER_CASES.filter(isWritable).map((one) => [one.title, one] as const))('%s', (_, { policies, checks }) => {
    const known = reach(viewOf([...HOUSES, ...policies.map(form)]))
    for (const check of checks) {
      const [, from, to, port, answer] = /^(\S+) > (\S+) (\S+ \d+): (yes|no)$/.exec(check)!
      expect(may(known, from!, to!, port!), check).toBe(answer === 'yes')
    }
    expect(checks.length).toBeGreaterThan(0)
  })
})
