import { describe, expect, test } from 'vitest'
import type { Change, KubeObject, Step } from '../../src/model/index.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { askingForExemption, contradiction, enforcedBy } from '../../src/writers/cluster-pod-security.ts'
import { PodSecurityWatch } from '../../src/writers/pod-security-watch.ts'

const PREFIX = 'pod-security.kubernetes.io/'
const labelling = (labels: Readonly<Record<string, string>>, kind = 'Namespace'): Extract<Change, { type: 'edit' }> => ({
  type: 'edit',
  target: { apiVersion: 'v1', kind, name: 'shop' },
  edits: Object.entries(labels).map(([key, to]) => ({ set: ['metadata', 'labels', PREFIX + key], to })),
})
const step = (change: Change, risk: Step['risk'] = 'safe'): Step =>
  ({ id: 's', title: 't', changes: [change], risk, mayBreak: [] }) as unknown as Step
const enforcing = step(labelling({ enforce: 'baseline', 'enforce-version': 'v1.37' }))

const denied = {
  ok: false,
  refusal: { kind: 'forbidden', message: 'no', said: 'pods "x" is forbidden: violates PodSecurity "baseline:v1.37": host namespaces' },
}
const admitted = { ok: true, status: 201, body: {}, warnings: [] }
/** A server that answers dry-run pods and lists of events, each in turn; the last answer stays. */
function serverOf(pods: readonly object[], events: readonly (readonly object[])[] = [[]]) {
  const [left, lists] = [[...pods], [...events]]
  const sent: unknown[] = []
  const api = {
    create: async (path: string, _object: unknown, options: object) => {
      sent.push([path, options])
      return left.length > 1 ? left.shift() : left[0]
    },
    get: async () => ({ ok: true, status: 200, warnings: [], body: { items: lists.length > 1 ? lists.shift() : lists[0] } }),
  } as unknown as ClusterApi
  return { api, sent }
}
async function watched(pods: readonly object[], events?: readonly (readonly object[])[], of = enforcing) {
  const { api, sent } = serverOf(pods, events)
  const watch = new PodSecurityWatch(api, { patienceMs: 150, settleMs: 0 })
  await watch.before(of)
  return { lost: await watch.after(of), sent }
}
const failed = (uid: string, message: string, count = 1) => ({
  metadata: { uid },
  count,
  message,
  involvedObject: { kind: 'ReplicaSet', name: 'web-1' },
})
const VIOLATES = 'Error creating: pods "web-1-x" is forbidden: violates PodSecurity "baseline:v1.37": host namespaces (hostPID=true)'

describe('after a namespace was labelled', () => {
  test('a dangerous pod must be refused there; it is only ever tried', async () => {
    expect(await watched([denied])).toEqual({ lost: undefined, sent: [['/api/v1/namespaces/shop/pods', { dryRun: true }]] })
    expect((await watched([admitted])).lost).toContain('the label has no effect')
  })
  test('the admission plugin may take a moment to see the label', async () => {
    const { lost, sent } = await watched([admitted, denied])
    expect(lost).toBeUndefined()
    expect(sent).toHaveLength(2)
  })
  test('an answer that says nothing about Pod Security is no proof of the contrary', async () => {
    expect((await watched([{ ok: false, refusal: { kind: 'forbidden', message: 'you may not create pods' } }])).lost).toBeUndefined()
  })
  test('a controller that can no longer create its pods is heard, one that could not before is not', async () => {
    expect((await watched([denied], [[], [failed('a', VIOLATES)]])).lost).toMatch(
      /^ReplicaSet web-1 can no longer create its pods: .*hostPID/,
    )
    expect((await watched([denied], [[failed('a', VIOLATES)]])).lost).toBeUndefined()
    expect((await watched([denied], [[failed('a', VIOLATES)], [failed('a', VIOLATES, 2)]])).lost).toContain('can no longer')
    expect((await watched([denied], [[], [failed('a', 'exceeded quota')]])).lost).toBeUndefined()
  })
  test('nothing is asked of other steps', async () => {
    for (const change of [
      labelling({ warn: 'restricted' }),
      labelling({ enforce: 'privileged' }),
      labelling({ enforce: 'baseline' }, 'Pod'),
    ])
      expect((await watched([admitted], [[]], step(change))).sent).toEqual([])
    expect(enforcedBy(enforcing)).toBe('shop')
  })
})

describe('what the server says of a labelled namespace', () => {
  const named = [
    'other',
    'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:v1.37"',
    'bare: privileged',
  ]
  test('stops a step that was thought safe, in its own words', () => {
    expect(contradiction(enforcing, named)).toMatch(/^existing pods .*; bare: privileged\. This tool/)
    expect(contradiction(step(labelling({ enforce: 'baseline' }), 'may-break'), named)).toBeUndefined()
    expect(
      contradiction(enforcing, ['new PodSecurity enforce level only checked against the first 3000 of 4000 existing pods']),
    ).toBeUndefined()
  })
  test('is no news where only the version of what is enforced already is pinned', () => {
    expect(contradiction(step(labelling({ 'enforce-version': 'v1.37' })), named)).toBeUndefined()
  })
  test('is asked for where only warnings change, with a level that is not there yet', () => {
    const live = (labels: Readonly<Record<string, string>>) =>
      ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } }) as KubeObject
    const asked = (labels: Readonly<Record<string, string>>, change: ReturnType<typeof labelling>) =>
      askingForExemption(live(labels), change)?.edits.slice(-1)
    expect(asked({}, labelling({ warn: 'restricted' }))).toEqual([{ set: ['metadata', 'labels', `${PREFIX}enforce-version`], to: 'v1.0' }])
    expect(asked({ [`${PREFIX}enforce-version`]: 'v1.0' }, labelling({ audit: 'restricted' }))).toMatchObject([{ to: 'v1.1' }])
    expect(asked({}, labelling({ enforce: 'baseline', warn: 'restricted' }))).toBeUndefined()
    expect(asked({}, labelling({ other: 'x' }))).toBeUndefined()
  })
})
