import { describe, expect, test } from 'vitest'
import type { ObservedRequest, ObservedRequests } from '../../src/model/index.ts'
import type { AuditPolicy } from '../../src/objects/audit-policy.ts'
import { grants } from '../../src/objects/rbac-grants.ts'
import { usageReport, usageText } from '../../src/objects/rbac-usage-report.ts'
import { logDoubts, recordedBy, usedOnlyByControllers } from '../../src/objects/rbac-usage-words.ts'
import { worldOf } from '../helpers/world.ts'

const { snapshot } = worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: cart, namespace: shop}
rules:
  - {apiGroups: [''], resources: [pods, services], verbs: [list]}
  - {apiGroups: [apps], resources: [deployments/finalizers], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cart, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: cart}
subjects: [{kind: Group, name: devs}]
`)
const request = (more: object): ObservedRequest =>
  ({ verb: 'list', group: '', namespace: 'shop', count: 1, last: '2026-11-22T00:00:00Z', was: 'allowed', ...more }) as ObservedRequest
const log = (more: Partial<ObservedRequests> = {}): ObservedRequests => ({
  ...{ from: ['audit.log'], events: 9, since: '2026-11-01T00:00:00Z', until: '2026-11-22T00:00:00Z', blind: [], doubts: [] },
  subjects: [
    { user: 'jane', groups: ['devs'], requests: [request({ resource: 'pods' }), request({ resource: 'secrets', was: 'denied' })] },
    { user: 'joe', groups: ['devs'], requests: [request({ resource: 'services' })] },
  ],
  ...more,
})
const told = (kind: 'User' | 'Group', name: string, observed = log()) => {
  const view = { ...snapshot, fact: (fact: string) => (fact === 'ObservedRequests' ? observed : snapshot.fact(fact as never)) }
  return usageText(usageReport(view as unknown as typeof snapshot, { kind, name })!, `${kind} ${name}`)
}
const POLICY = 'note: the audit policy is not known here: what it leaves out looks unused'

test('what one member of a group holds and uses, not what the others do', () => {
  expect(told('User', 'jane')).toEqual([
    'RoleBinding shop/cart:',
    ...['  granted and used:', '    list on pods'],
    ...['  granted and unused:', '    list on services'],
    ...['  granted, and no audit log shows whether it is used:', '    update on deployments/finalizers in apps'],
    ...['asked for and refused every time, so probably not needed:', '  list on secrets'],
    POLICY,
  ])
})
test('a group uses what one of its members uses, and what none of its people does is told apart', () => {
  const robot = { user: 'system:serviceaccount:shop:robot', groups: ['devs'], requests: [request({ resource: 'services' })] }
  const [jane] = log().subjects
  expect(told('Group', 'devs', log({ subjects: [jane!, robot] }))).toEqual([
    'RoleBinding shop/cart:',
    ...['  granted and used:', '    list on pods, services'],
    ...['  of that, used only by service accounts and components:', '    list on services'],
    ...['  granted, and no audit log shows whether it is used:', '    update on deployments/finalizers in apps'],
    ...['asked for and refused every time, so probably not needed:', '  list on secrets'],
    POLICY,
  ])
})
test('a user who is not in the log', () =>
  expect(told('User', 'eve')).toEqual(['User eve is not in the audit log (2026-11-01T00:00:00Z to 2026-11-22T00:00:00Z)', POLICY]))

test('a short window, blind verbs and lines that could not be read are doubts', () => {
  expect(logDoubts(log())).toEqual([])
  expect(logDoubts(log({ since: '2026-11-20T12:00:00Z', blind: ['get', 'list'], doubts: ['x'] }))).toEqual([
    'the audit log covers 1.5 days: what is done once a month, or by a restart that did not happen, is not in it',
    'nobody is seen to get, list: the audit policy may leave that out',
    'x',
  ])
})

describe('what an audit policy records', () => {
  const who = [{ user: 'jane', groups: ['devs'] }]
  const policy = (...rules: AuditPolicy['rules']): AuditPolicy => ({ rules, omitStages: [] })
  const list = { verb: 'list', group: '', resource: 'pods' }
  test.each<[string, readonly AuditPolicy[], boolean]>([
    ['everything', [policy({ level: 'Metadata' })], true],
    ['nothing known', [], true],
    ['no rule matches', [policy()], false],
    ['left out for the group', [policy({ level: 'None', userGroups: ['devs'] }, { level: 'Metadata' })], false],
    ['left out in one namespace of the cluster', [policy({ level: 'None', namespaces: ['ci'] }, { level: 'Metadata' })], false],
    ['without answers', [{ ...policy({ level: 'Metadata' }), omitStages: ['ResponseComplete'] }], false],
    ['one of two API servers leaves it out', [policy({ level: 'Metadata' }), policy()], false],
  ])('%s', (_what, policies, recorded) => expect(recordedBy(policies, who, undefined)(list)).toBe(recorded))
  test('what is asked because of a write is there as far as the write is', () => {
    const group = 'rbac.authorization.k8s.io'
    const reads = [policy({ level: 'None', verbs: ['get', 'list', 'watch'] }, { level: 'Metadata' })]
    const seen = (verb: string, resource: string) => recordedBy(reads, who, undefined)({ verb, group, resource })
    expect([seen('bind', 'clusterroles'), seen('escalate', 'roles'), seen('impersonate', 'users')]).toEqual([true, true, false])
    expect(
      recordedBy(
        [policy({ level: 'None', resources: [{ group }] }, { level: 'Metadata' })],
        who,
        undefined,
      )({ verb: 'bind', group, resource: 'roles' }),
    ).toBe(false)
  })
  test('a subresource is told from its resource', () => {
    const only = [policy({ level: 'None', resources: [{ group: '', resources: ['pods/exec'] }] }, { level: 'Metadata' })]
    expect([recordedBy(only, who, 'shop')({ ...list, resource: 'pods/exec' }), recordedBy(only, who, 'shop')(list)]).toEqual([false, true])
  })
})

test('of a group, what only service accounts use is told apart', () => {
  const robot = {
    user: 'system:serviceaccount:shop:robot',
    groups: ['devs'],
    requests: [request({ resource: 'services' }), request({ resource: 'pods' })],
  }
  const [jane] = log().subjects
  const held = grants(snapshot).all
  expect(usedOnlyByControllers(held, log({ subjects: [jane!, robot] }))).toEqual([
    { apiGroups: [''], resources: ['services'], verbs: ['list'] },
  ])
})
