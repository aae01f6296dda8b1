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
