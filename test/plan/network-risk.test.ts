/** What a plan does to flows that a record shows to be in use: what it says, and what it takes. */
import { describe, expect, test } from 'vitest'
import type { KubeObject, ObservedFlow, ObservedFlows, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { networkImpact } from '../../src/plan/network-impact.ts'
import { networkWords } from '../../src/plan/network-words.ts'
import { byId, controlOf, deployment, findingsOf, namespace, worldOf } from './plan-fixtures.ts'

const made = (kind: string, name: string, spec: object): KubeObject =>
  ({ apiVersion: 'networking.k8s.io/v1', kind, metadata: { name, namespace: 'shop' }, spec }) as unknown as KubeObject
const DENY = made('NetworkPolicy', 'deny', { podSelector: {}, policyTypes: ['Ingress'] })
const ALLOW = made('NetworkPolicy', 'allow', {
  podSelector: { matchLabels: { app: 'cart' } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 8080 }] }],
})
const end = (name: string) => ({ namespace: 'shop', workload: { kind: 'Deployment', name } })
const flow = (from: string, to: string, port: number, more: Partial<ObservedFlow> = {}): ObservedFlow => ({
  source: end(from),
  destination: end(to),
  protocol: 'TCP',
  port,
  count: 312,
  was: 'forwarded',
  ...more,
})
const record = (...flows: readonly ObservedFlow[]): ObservedFlows => ({ from: ['hubble.json'], records: flows.length, flows, doubts: [] })
const world = (objects: readonly KubeObject[], ...flows: readonly ObservedFlow[]) =>
  worldOf([namespace('shop'), deployment('web'), deployment('cart'), ...objects], { facts: { ObservedFlows: record(...flows) } })

/** Finds that a policy is missing, and creates it. */
const creates = (id: string, policy: KubeObject): RegisteredControl =>
  controlOf(
    id,
    function* (view) {
      if (view.find('NetworkPolicy', 'shop', policy.metadata.name) === undefined)
        yield { subject: { apiVersion: 'v1', kind: 'Namespace', name: 'shop' }, reason: 'lacks it', evidence: null }
    },
    () => ({ changes: [{ type: 'create', object: policy }], risk: 'safe', summary: 'add it' }),
    ['NetworkPolicy'],
  )
/** Finds a Deployment with the old label, and gives its pods another. */
const relabels = controlOf(
  'relabels',
  function* (view) {
    for (const { metadata, apiVersion, kind, spec } of view.all('Deployment'))
      if (metadata.name === 'web' && spec?.template?.metadata?.labels?.['app'] === 'web')
        yield { subject: { apiVersion, kind, namespace: 'shop', name: 'web' }, reason: 'has it', evidence: null }
  },
  ({ subject }) => ({
    changes: [{ type: 'edit', target: subject, edits: [{ set: ['spec', 'template', 'metadata', 'labels', 'app'], to: 'front' }] }],
    risk: 'restarts-pods',
    summary: 'label it anew',
  }),
)
const plan = (
  controls: readonly RegisteredControl[],
  view: ReturnType<typeof world>,
  acceptRisk?: 'safe' | 'restarts-pods' | 'may-break',
) => compile(findingsOf(controls, view), byId(controls), view, acceptRisk === undefined ? {} : { acceptRisk })
const told = ({ steps }: ReturnType<typeof plan>) =>
  steps.map(({ title, risk, mayBreak }) => `${title.split(':')[0]} ${risk} ${mayBreak.join('; ')}`)
const CUT = 'it cuts what was seen to be in use: Deployment shop/web -> Deployment shop/cart TCP 8080'

describe('a step that cuts a recorded flow', () => {
  test('may break something, and is not taken as safe', () => {
    const view = world([], flow('web', 'cart', 8080))
    expect(told(plan([creates('deny', DENY)], view))).toEqual([`NetworkPolicy shop/deny may-break ${CUT}`])
    expect(told(plan([creates('deny', DENY)], view, 'may-break'))).toEqual([`NetworkPolicy shop/deny may-break ${CUT}`])
    for (const risk of ['safe', 'restarts-pods'] as const) {
      const { steps, ledger } = plan([creates('deny', DENY)], view, risk)
      expect(steps).toEqual([])
      expect(ledger.fixable).toEqual([])
      expect(ledger.refused.map(({ because }) => because)).toEqual([CUT])
    }
  })
  test('is safe where a step before it allows the flow, where it never passed, and without a record', () => {
    const both = [creates('deny', DENY), creates('allow', ALLOW)]
    expect(told(plan(both, world([], flow('web', 'cart', 8080)), 'safe'))).toEqual([
      'NetworkPolicy shop/allow safe ',
      'NetworkPolicy shop/deny safe ',
    ])
    expect(told(plan([creates('deny', DENY)], world([], flow('web', 'cart', 8080, { was: 'dropped' })), 'safe'))).toEqual([
      'NetworkPolicy shop/deny safe ',
    ])
    const unrecorded = worldOf([namespace('shop'), deployment('web'), deployment('cart')])
    expect(told(plan([creates('deny', DENY)], unrecorded, 'safe'))).toEqual(['NetworkPolicy shop/deny safe '])
  })
  test('is told for what it is on another port, and leaves alone what it does not touch', () => {
    const both = [creates('deny', DENY), creates('allow', ALLOW)]
    const { steps, ledger } = plan(both, world([], flow('web', 'cart', 9090)), 'safe')
    // Either policy isolates the pods of cart.
    expect(steps).toEqual([])
    expect(new Set(ledger.refused.map(({ because }) => because))).toEqual(new Set([CUT.replace('8080', '9090')]))
    expect(told(plan(both, world([], flow('cart', 'web', 80)), 'safe'))).toEqual(['NetworkPolicy shop/allow safe '])
  })
  test('is not one whose flow a later step lets through again, as long as that is taken', () => {
    const only = (name: string, from: string) =>
      made('NetworkPolicy', name, { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: from } } }] }] })
    const [first, second] = [creates('a', only('a', 'cart')), creates('b', only('b', 'web'))]
    const view = world([], flow('web', 'cart', 8080), flow('cart', 'web', 80))
    expect(told(plan([first, second], view, 'safe'))).toEqual(['NetworkPolicy shop/a safe ', 'NetworkPolicy shop/b safe '])
    expect(plan([first], view, 'safe').steps).toEqual([])
    // What lets it through again cuts something else: without that one, the first cuts for good.
    const cutting = creates(
      'c',
      made('NetworkPolicy', 'c', {
        podSelector: {},
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{}],
        egress: [{ ports: [{ port: 8080 }] }],
      }),
    )
    const { steps, ledger } = plan([first, cutting], world([], flow('web', 'cart', 8080), flow('cart', 'web', 80)), 'safe')
    expect(steps).toEqual([])
    expect(ledger.refused).toHaveLength(2)
  })
  test('is one of labels as well: new pods are no longer those that a policy lets in', () => {
    const view = world([DENY, ALLOW], flow('web', 'cart', 8080))
    expect(told(plan([relabels], view))).toEqual([`Deployment shop/web may-break ${CUT}`])
    expect(plan([relabels], view, 'restarts-pods').steps).toEqual([])
    expect(plan([relabels], world([], flow('web', 'cart', 8080)), 'restarts-pods').steps).toHaveLength(1)
  })
})

describe('words', () => {
  const words = (view: ReturnType<typeof world>, ...controls: readonly RegisteredControl[]) =>
    networkWords(networkImpact(view, plan(controls, view).steps)!)
  test('who loses what, who is isolated, and each flow that is cut', () => {
    const last = '2026-11-25T10:00:00Z'
    expect(words(world([], flow('web', 'cart', 8080, { last }), flow('cart', 'web', 80, { count: 1 })), creates('deny', DENY))).toEqual({
      changes: [
        { subject: 'all 2 workloads of shop', lost: ['every port from nodes, outside the cluster, all 2 workloads of shop'], gained: [] },
      ],
      more: 0,
      isolates: ['all 2 workloads of shop are isolated for ingress: only what policies allow gets in'],
      evidence: ['2 of 2 recorded flows that it touches would be cut (hubble.json)'],
      cut: [
        `Deployment shop/web -> Deployment shop/cart TCP 8080 (seen 312 times, last ${last})`,
        'Deployment shop/cart -> Deployment shop/web TCP 80 (seen 1 time)',
      ],
      breaks: true,
    })
  })
  test('that nothing is cut is said with how much was asked; no flow and no record are no proof', () => {
    const both = [creates('deny', DENY), creates('allow', ALLOW)]
    expect(words(world([], flow('web', 'cart', 8080)), ...both).evidence).toEqual([
      'nothing that the record shows is cut: 1 flow that it touches still passes (hubble.json)',
    ])
    expect(words(world([]), ...both).evidence).toEqual(['the record (hubble.json) has no flow that it touches: that proves little'])
    const unrecorded = worldOf([namespace('shop'), deployment('web'), deployment('cart')]) as ReturnType<typeof world>
    expect(words(unrecorded, ...both).evidence).toEqual(['no record of flows was given (--flows FILE), so what is in use is not known'])
  })
  test('a port that stays is what is not lost', () => {
    const { changes } = words(world([]), creates('allow', ALLOW))
    expect(changes).toEqual([
      {
        subject: 'Deployment shop/cart',
        lost: ['every port from nodes, outside the cluster, Deployment shop/cart', 'every port but TCP 8080 from Deployment shop/web'],
        gained: [],
      },
    ])
  })
  test('steps that touch nothing of the network say nothing', () => {
    const view = world([DENY])
    const label = plan([relabels], world([])).steps
    expect(networkImpact(world([]), label)).toBeUndefined()
    expect(networkImpact(view, [])).toBeUndefined()
  })
})
