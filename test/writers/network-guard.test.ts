/** A step is held up where, as things are when its time comes, it cuts what the plan did not say it cuts. */
import { expect, test } from 'vitest'
import type { KubeObject, ObservedFlow, ObservedFlows, Snapshot, Step } from '../../src/model/index.ts'
import { CUTS_FLOWS } from '../../src/plan/network-risk.ts'
import { NetworkGuard } from '../../src/writers/network-guard.ts'
import { deployment, namespace, worldOf } from '../plan/plan-fixtures.ts'

const made = (name: string, spec: object): KubeObject =>
  ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'shop' }, spec }) as unknown as KubeObject
const stepOf = (id: string, object: KubeObject, mayBreak: readonly string[] = []): Step =>
  ({ id, title: id, changes: [{ type: 'create', object }], inverse: [], mayBreak, risk: 'safe' }) as unknown as Step
const DENY = stepOf('deny', made('deny', { podSelector: {}, policyTypes: ['Ingress'] }))
const ALLOW = stepOf(
  'allow',
  made('allow', {
    podSelector: { matchLabels: { app: 'cart' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 8080 }] }],
  }),
)
const end = (name: string) => ({ namespace: 'shop', workload: { kind: 'Deployment', name } })
const flow: ObservedFlow = { source: end('web'), destination: end('cart'), protocol: 'TCP', port: 8080, count: 3, was: 'forwarded' }
const record = (...flows: readonly ObservedFlow[]): ObservedFlows => ({ from: ['f.jsonl'], records: 3, flows, doubts: [] })
const world = (observed: ObservedFlows, ...objects: readonly KubeObject[]): Snapshot =>
  worldOf([namespace('shop'), deployment('web'), deployment('cart'), ...objects], { facts: { ObservedFlows: observed } })
const before = (now: Snapshot, steps: readonly Step[], step: Step) => new NetworkGuard(() => now, steps).before(step)
const allowObject = (ALLOW.changes[0] as { readonly object: KubeObject }).object

test('a flow that is cut as things are now, and was not foretold, refuses the step and says which', async () => {
  const because = await before(world(record(flow)), [DENY], DENY)
  expect(because).toContain(`${CUTS_FLOWS}Deployment shop/web -> Deployment shop/cart TCP 8080`)
  expect(because).toContain('run apply again to plan anew')
})
test('what was foretold and shown is for the operator to decide', async () => {
  const foretold = { ...DENY, mayBreak: [`${CUTS_FLOWS}something`] }
  expect(await before(world(record(flow)), [foretold], foretold)).toBeUndefined()
})
test('a flow that never passed, one that a policy allows, and no flow at all let it through', async () => {
  expect(await before(world(record({ ...flow, was: 'dropped' })), [DENY], DENY)).toBeUndefined()
  expect(await before(world(record(flow), allowObject), [DENY], DENY)).toBeUndefined()
  expect(await before(world(record()), [DENY], DENY)).toBeUndefined()
})
test('it looks at the cluster when the time comes: an allow that was there and has gone is missed', async () => {
  let now = world(record(flow), allowObject)
  const guard = new NetworkGuard(() => now, [DENY])
  expect(await guard.before(DENY)).toBeUndefined()
  now = world(record(flow))
  expect(await guard.before(DENY)).toContain(CUTS_FLOWS)
})
test('a later step that lets it through again counts, an earlier one that was left out does not', async () => {
  expect(await before(world(record(flow)), [DENY, ALLOW], DENY)).toBeUndefined()
  expect(await before(world(record(flow)), [ALLOW, DENY], DENY)).toContain(CUTS_FLOWS)
})
test('labels of a namespace that a step changes alter what selectors of namespaces let in', async () => {
  const only = made('from-dev', {
    podSelector: { matchLabels: { app: 'cart' } },
    ingress: [{ from: [{ namespaceSelector: { matchLabels: { tier: 'dev' } } }] }],
  })
  const now = worldOf([namespace('shop', { tier: 'dev' }), deployment('web'), deployment('cart'), only], {
    facts: { ObservedFlows: record(flow) },
  })
  const relabel = {
    ...DENY,
    id: 'relabel',
    changes: [
      {
        type: 'edit',
        target: { apiVersion: 'v1', kind: 'Namespace', name: 'shop' },
        edits: [{ set: ['metadata', 'labels', 'tier'], to: 'prod' }],
      },
    ],
  } as unknown as Step
  expect(await before(now, [relabel], relabel)).toContain('Deployment shop/web -> Deployment shop/cart TCP 8080')
})
