import { describe, expect, test } from 'vitest'
import type { Change, JournalLine, KubeObject, Plan, Step, StepId, StepState } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { invertChange } from '../../src/plan/invert.ts'
import { editsBetween } from '../../src/plan/merge.ts'
import { campaignOf, phaseOf } from '../../src/plan/network-campaign.ts'
import { orderSteps } from '../../src/plan/order.ts'
import { type RunOptions, run, type Verifier, type Watchman } from '../../src/plan/run.ts'
import { grant } from '../../src/session/approve.ts'
import { FakeWriter } from '../helpers/fake-writer.ts'
import { worldOf } from './plan-fixtures.ts'

const K8S = 'networking.k8s.io/v1'
const policy = (at: string, spec: object, apiVersion = K8S, kind = 'NetworkPolicy'): KubeObject => {
  const [namespace, name] = at.split('/')
  return { apiVersion, kind, metadata: { name: name!, ...(namespace !== '' && { namespace }) }, spec } as KubeObject
}
const stepOf = (change: Change, before?: KubeObject): Step => {
  const { name } = change.type === 'create' ? change.object.metadata : (change as { target: { name: string } }).target
  return {
    id: `${change.type} ${name}` as StepId,
    title: `${change.type} ${name}`,
    changes: [change],
    inverse: invertChange(change, before),
    mends: [],
    after: [],
    practices: [],
    controls: [],
    risk: 'may-break',
    mayBreak: [],
    managedBy: '',
    carriedOut: 'live',
  }
}
const create = (at: string, spec: object, apiVersion?: string, kind?: string) =>
  stepOf({ type: 'create', object: policy(at, spec, apiVersion, kind) })
const edit = (at: string, before: object, after: object) => {
  const [old, made] = [policy(at, before), policy(at, after)]
  return stepOf({ type: 'edit', target: refOf(old), edits: editsBetween(old, made) }, old)
}
const remove = (at: string, spec: object) => stepOf({ type: 'delete', target: refOf(policy(at, spec)) }, policy(at, spec))

const DENY_IN = { podSelector: {}, policyTypes: ['Ingress'] }
const DENY_OUT = { podSelector: {}, policyTypes: ['Egress'] }
const inFrom = (...from: object[]) => ({ podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from }] })
const outTo = (...to: object[]) => ({ podSelector: {}, policyTypes: ['Egress'], egress: [{ to }] })
const [WEB, JOBS] = [{ podSelector: { matchLabels: { app: 'web' } } }, { podSelector: { matchLabels: { app: 'jobs' } } }]

describe('a step is part of a campaign', () => {
  test.each<[string, Step, unknown]>([
    ['a deny of ingress', create('shop/a', DENY_IN), { direction: 'ingress', namespace: 'shop' }],
    ['one without types is for ingress', create('shop/a', { podSelector: {} }), { direction: 'ingress', namespace: 'shop' }],
    [
      'egress rules without types are for both, which is the later one',
      create('shop/a', { podSelector: {}, egress: [{}] }),
      { direction: 'egress', namespace: 'shop' },
    ],
    ['a deny of egress', create('shop/a', DENY_OUT), { direction: 'egress', namespace: 'shop' }],
    ['an edit of egress rules', edit('shop/a', outTo(WEB, JOBS), outTo(WEB)), { direction: 'egress', namespace: 'shop' }],
    ['an edit of ingress rules', edit('shop/a', inFrom(WEB, JOBS), inFrom(WEB)), { direction: 'ingress', namespace: 'shop' }],
    ['a deleted egress policy', remove('shop/a', outTo(WEB)), { direction: 'egress', namespace: 'shop' }],
    [
      'Cilium: by its section',
      create('shop/a', { endpointSelector: {}, egress: [{}] }, 'cilium.io/v2', 'CiliumNetworkPolicy'),
      { direction: 'egress', namespace: 'shop' },
    ],
    [
      'one of the whole cluster',
      create('/a', { types: ['Ingress'], ingress: [] }, 'crd.projectcalico.org/v1', 'GlobalNetworkPolicy'),
      { direction: 'ingress' },
    ],
    ['what is no policy', stepOf({ type: 'create', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } }), undefined],
  ])('%s', (_, step, campaign) => expect(campaignOf(step)).toEqual(campaign))
})

test.each<[string, number, Step]>([
  [
    'rules added to those that stay',
    0,
    edit('shop/a', { ...DENY_IN, ingress: [{ from: [WEB] }] }, { ...DENY_IN, ingress: [{ from: [WEB] }, { from: [JOBS] }] }),
  ],
  ['the first rules of a policy that only denied', 0, edit('shop/a', DENY_IN, inFrom(WEB))],
  ['a policy that only denies goes', 0, remove('shop/a', DENY_IN)],
  ['an allow, which isolates what it selects', 1, create('shop/a', inFrom(WEB))],
  ['a deny', 2, create('shop/a', DENY_IN)],
  ['one peer less in a rule', 2, edit('shop/a', inFrom(WEB, JOBS), inFrom(WEB))],
  ['other pods selected', 2, edit('shop/a', inFrom(WEB), { ...inFrom(WEB), ...WEB })],
  ['an allow goes', 3, remove('shop/a', inFrom(WEB))],
])('%s: phase %i', (_, phase, step) => expect(phaseOf(step)).toBe(phase))

test('ingress of every namespace before egress of any, each namespace together, allows before denies before removals', () => {
  const steps = [
    create('b/out-deny', DENY_OUT),
    create('a/out-deny', DENY_OUT),
    create('b/in-deny', DENY_IN),
    remove('a/in-stale', inFrom(JOBS)),
    create('a/in-deny', DENY_IN),
    create('b/z-allow', inFrom(WEB)),
    create('a/z-allow', inFrom(WEB)),
    edit('a/in-open', DENY_IN, inFrom(WEB)),
    create('a/out-allow', outTo(WEB)),
    create('/all-deny', { types: ['Ingress'] }, 'crd.projectcalico.org/v1', 'GlobalNetworkPolicy'),
    create('/all-allow', { types: ['Ingress'], ingress: [{ action: 'Allow' }] }, 'crd.projectcalico.org/v1', 'GlobalNetworkPolicy'),
  ]
  const wanted = [
    'create all-allow',
    'edit in-open',
    'create z-allow',
    'create in-deny',
    'delete in-stale',
    'create z-allow',
    'create in-deny',
    'create all-deny',
    'create out-allow',
    'create out-deny',
    'create out-deny',
  ]
  for (const list of [steps, steps.toReversed()]) {
    const ordered = orderSteps(list.map((step, index) => ({ ...step, id: `${index}` as StepId })))
    expect(ordered.map(({ title }) => title)).toEqual(wanted)
    const namespaces = ordered.map((step) => campaignOf(step)).map((one) => `${one?.direction} ${one?.namespace ?? '*'}`)
    expect([...new Set(namespaces)]).toEqual(
      namespaces.filter((one, index) => one !== namespaces[index - 1] && (one !== 'ingress *' || index === 0)),
    )
  }
})

describe('a run of campaigns', () => {
  const steps = [
    create('shop/allow', inFrom(WEB)),
    create('shop/deny', DENY_IN),
    create('blog/deny-blog', DENY_IN),
    create('shop/out', DENY_OUT),
  ]
  const plan: Plan = { digest: 'd', revision: 0, steps, ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
  const fine: Verifier = { verify: async () => ({ ok: true, note: 'there' }) }
  const carryOut = async (options: Partial<RunOptions>) => {
    const before = worldOf([])
    const writer = new FakeWriter(before, {})
    const [lines, states]: [JournalLine[], Map<string, StepState>] = [[], new Map()]
    const events = run({
      plan,
      writer,
      verifier: fine,
      signal: new AbortController().signal,
      now: () => 't',
      approve: async (step) => grant(plan, [step.id], 'test'),
      openJournal: async () => ({ append: async (line) => void lines.push(line) }),
      ...options,
    })
    for await (const { step, state } of events) states.set(step, state)
    const undone = lines.filter((line) => line.is === 'undone').map((line) => (line as { step: string }).step)
    return { states, undone, left: writer.snapshot.all('NetworkPolicy').map(({ metadata }) => metadata.name) }
  }
  const watchman = (more: Partial<Watchman>): Watchman => ({ before: async () => undefined, after: async () => undefined, ...more })

  test('what a deny breaks takes the whole set of its namespace back, the deny first', async () => {
    const { states, undone, left } = await carryOut({
      watchman: watchman({ after: async (step) => (step.title === 'create deny' ? 'pod shop/web is no longer ready' : undefined) }),
    })
    expect(undone).toEqual(['create deny', 'create allow'])
    expect(left).toEqual([])
    expect(states.get('create allow')).toEqual({ is: 'undone', because: 'pod shop/web is no longer ready' })
    expect(states.get('create out')).toEqual({ is: 'skipped', because: 'stopped after create deny' })
  })
  test('what was written before it in another namespace stays', async () => {
    const { undone, left } = await carryOut({
      watchman: watchman({ after: async (step) => (step.title === 'create deny-blog' ? 'it broke' : undefined) }),
    })
    expect(undone).toEqual(['create deny-blog'])
    expect(left).toEqual(['allow', 'deny'])
  })
  test('what allows alone have broken is taken back where the deny was left out', async () => {
    const asked: (string | undefined)[] = []
    const { undone, left, states } = await carryOut({
      approve: async (step) => (step.title === 'create deny' ? 'skip' : grant(plan, [step.id], 'test')),
      watchman: watchman({
        leaving: async (next) => {
          asked.push(next?.title)
          return next?.title === 'create deny-blog' ? 'pod shop/web is no longer ready' : undefined
        },
      }),
    })
    expect(asked).toEqual(['create allow', 'create deny', 'create deny-blog', 'create out', undefined])
    expect([undone, left]).toEqual([['create allow'], []])
    expect(states.get('create deny-blog')?.is).toBe('skipped')
  })
  test('a namespace whose ingress was refused gets no egress policies; others go on', async () => {
    const { states } = await carryOut({
      watchman: watchman({ before: async (step) => (step.title === 'create deny' ? 'not here' : undefined) }),
    })
    expect(states.get('create deny-blog')?.is).toBe('mended')
    expect(states.get('create out')).toEqual({
      is: 'skipped',
      because: 'the ingress policies of its namespace were not carried out: create deny',
    })
  })
})
