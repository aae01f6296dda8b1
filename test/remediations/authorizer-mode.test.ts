import { describe, expect, test } from 'vitest'
import { safeModes, useRbac } from '../../remediations/authorizer-mode.ts'
import type { Finding, Proposal } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

describe('safe modes', () => {
  test.each([
    [undefined, 'Node,RBAC'],
    ['AlwaysAllow', 'Node,RBAC'],
    ['RBAC', 'Node,RBAC'],
    ['Node,ABAC,Webhook', 'Node,RBAC,Webhook'],
    ['Webhook, RBAC', 'Node,RBAC,Webhook'],
  ])('%s becomes %s', (before, after) => expect(safeModes(before)).toBe(after))
})

const { snapshot } = worldOf(`
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
metadata: {name: authz.yaml}
authorizers:
  - {type: Webhook, name: guard, webhook: {timeout: 3s}}
  - {type: AlwaysAllow, name: all}
  - {type: RBAC, name: roles}
`)
const propose = (finding: object): Proposal =>
  useRbac.propose({ reason: 'x', evidence: { modes: ['Webhook', 'RBAC'] }, ...finding } as unknown as Finding<{ modes: string[] }>, {
    view: snapshot,
    options: {},
    alongside: [],
  })

test('a configuration file keeps its webhooks and the names it has', () => {
  const subject = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', name: 'authz.yaml' }
  expect(propose({ subject })).toMatchObject({
    risk: 'may-break',
    changes: [
      {
        edits: [
          {
            set: ['authorizers'],
            to: [
              { type: 'Node', name: 'node' },
              { type: 'RBAC', name: 'roles' },
              { type: 'Webhook', name: 'guard', webhook: { timeout: '3s' } },
            ],
          },
        ],
      },
    ],
  })
  expect(propose({ subject: { ...subject, name: 'gone.yaml' } })).toHaveProperty('byHand')
})
test('a webhook before RBAC is for the operator to weigh', () =>
  expect(propose({ subject: { kind: 'Pod' }, verdict: 'review' })).toHaveProperty('byHand'))
test('a file that is not seen is not guessed at', () =>
  expect(propose({ subject: { kind: 'ControlPlane' }, key: 'kube-apiserver --authorization-config' })).toHaveProperty('byHand'))
