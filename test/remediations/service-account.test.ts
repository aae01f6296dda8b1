import { describe, expect, test } from 'vitest'
import { type AutomountEvidence, automountOff } from '../../remediations/service-account.ts'
import type { Finding, ObjectRef, Proposal } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

const { snapshot } = worldOf(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "shop/web:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop}
spec:
  containers: [{name: bare, image: "shop/bare:1"}]
`)
const account: ObjectRef = { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'shop', name: 'default' }
const web: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }
const propose = (subject: ObjectRef, evidence: Partial<AutomountEvidence> = {}): Proposal =>
  automountOff.propose(
    {
      subject,
      reason: 'x',
      evidence: { serviceAccount: 'shop/default', usedBy: [], rights: [], ...evidence },
    } as unknown as Finding<AutomountEvidence>,
    { view: snapshot, options: {}, alongside: [] },
  )

describe('on the account', () => {
  test('is safe where nobody mounts it', () =>
    expect(propose(account)).toMatchObject({
      risk: 'safe',
      changes: [{ type: 'edit', target: account, edits: [{ set: ['automountServiceAccountToken'], to: false }] }],
    }))
  test('says who starts without a token next time', () =>
    expect(propose(account, { usedBy: ['Deployment shop/web'] })).toMatchObject({
      risk: 'restarts-pods',
      mayBreak: [expect.stringContaining('Deployment shop/web')],
    }))
  test('may break those who have rights to use', () =>
    expect(propose(account, { usedBy: ['Deployment shop/web'], rights: ['x'] })).toMatchObject({ risk: 'may-break' }))
  test('is not there any more', () => expect(propose({ ...account, name: 'gone' })).toHaveProperty('byHand'))
})

describe('on a workload', () => {
  test('changes its template', () =>
    expect(propose(web)).toMatchObject({
      risk: 'restarts-pods',
      changes: [{ target: { name: 'web' }, edits: [{ set: ['spec', 'template', 'spec', 'automountServiceAccountToken'], to: false }] }],
    }))
  test('may break one whose account has rights', () => expect(propose(web, { rights: ['x'] })).toMatchObject({ risk: 'may-break' }))
  test('a bare pod is made anew', () =>
    expect(propose({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'bare' })).toHaveProperty('changes'))
})

describe('with an audit log', () => {
  const requests = [{ verb: 'get', path: '/version', count: 7, last: '2026-11-20T10:00:00Z', was: 'denied' as const }]
  const logged = (days: number, user: string): Proposal => {
    const since = new Date(Date.parse('2026-11-21T00:00:00Z') - days * 86_400_000).toISOString()
    const ObservedRequests = {
      ...{ from: ['audit.log'], events: 7, since, until: '2026-11-21T00:00:00Z', blind: [], doubts: [] },
      subjects: [{ user, groups: [], requests }],
    }
    const view = { ...snapshot, fact: ((name: string) => (name === 'ObservedRequests' ? ObservedRequests : undefined)) as never }
    const found = { subject: web, reason: 'x', evidence: { serviceAccount: 'shop/default', usedBy: ['Deployment shop/web'], rights: [] } }
    return automountOff.propose(found as unknown as Finding<AutomountEvidence>, { view, options: {}, alongside: [] })
  }
  test('a token that is at work stays, even where its requests are refused', () =>
    expect(logged(30, 'system:serviceaccount:shop:default')).toEqual({
      byHand: expect.stringContaining('its token at work, 7 times, last 2026-11-20'),
    }))
  test.each([
    [30, 'the token was not used in 30 days of audit log'],
    [3, 'the token was not used in 3 days of audit log, which is too short to show what happens weekly or monthly'],
  ])('one of another account is no reason, and %i days are said', (days, words) =>
    expect(logged(days, 'system:serviceaccount:pay:default')).toMatchObject({ mayBreak: expect.arrayContaining([words]) }),
  )
})
