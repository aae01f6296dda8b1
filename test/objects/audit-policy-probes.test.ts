import { expect, test } from 'vitest'
import type { AuditRule } from '../../src/objects/audit-policy.ts'
import { auditFaults } from '../../src/objects/audit-policy-probes.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'

const faults = (...rules: readonly AuditRule[]) =>
  auditFaults({ rules, omitStages: ['RequestReceived'] })
    .map(({ fault, rule, mild }) => `${fault}${mild ? ' mildly' : ''} ${rule ?? '-'}`)
    .sort()

test('the recommended policy has no fault', () => expect(auditFaults(RECOMMENDED_POLICY)).toEqual([]))
test('nor has metadata of everything', () => expect(faults({ level: 'Metadata' })).toEqual([]))
test('bodies of everything leak', () => expect(faults({ level: 'Request' })).toEqual(['leaks 0', 'leaks mildly 0']))
test('answers leak on reading too', () =>
  expect(
    faults({ level: 'RequestResponse', verbs: ['get'], resources: [{ group: '', resources: ['secrets'] }] }, { level: 'Metadata' }),
  ).toEqual(['leaks 0']))
test('a request to read has no body', () =>
  expect(faults({ level: 'Request', verbs: ['get', 'list', 'watch'] }, { level: 'Metadata' })).toEqual([]))
test('a known component may be left out by its name', () =>
  expect(faults({ level: 'None', users: ['system:kube-proxy'] }, { level: 'Metadata' })).toEqual([]))
test('everybody may not', () =>
  expect(faults({ level: 'None', userGroups: ['system:authenticated'] }, { level: 'Metadata' })).toEqual(['blind 0', 'dropped 0']))
test('nor may kubelets reading secrets', () =>
  expect(faults({ level: 'None', userGroups: ['system:nodes'] }, { level: 'Metadata' })).toEqual(['blind 0']))
test('exec is a resource of its own', () =>
  expect(faults({ level: 'None', resources: [{ group: '', resources: ['pods/exec'] }] }, { level: 'Metadata' })).toEqual(['dropped 0']))
test.each<[string, AuditRule]>([
  ['of a user', { level: 'RequestResponse', users: ['jane'] }],
  ['of the accounts of a namespace', { level: 'Request', userGroups: ['system:serviceaccounts:ci'] }],
  ['in a namespace', { level: 'Request', namespaces: ['prod'] }],
  ['created alone, by an account', { level: 'Request', verbs: ['create'], users: ['system:serviceaccount:ci:deployer'] }],
])('bodies %s leak as those of everybody do', (_whose, rule) =>
  expect(faults(rule, { level: 'Metadata' })).toEqual(['leaks 0', 'leaks mildly 0']),
)
test('so does one Secret; one ConfigMap is named because it is meant', () => {
  const named = (resources: string[]): AuditRule => ({
    level: 'RequestResponse',
    namespaces: ['kube-system'],
    resources: [{ group: '', resources, resourceNames: ['aws-auth'] }],
  })
  expect(faults(named(['secrets']), { level: 'Metadata' })).toEqual(['leaks 0'])
  expect(faults(named(['configmaps']), { level: 'Metadata' })).toEqual([])
})
test('what a rule above has at Metadata does not leak', () =>
  expect(
    faults(
      { level: 'Metadata', userGroups: ['ops'], resources: [{ group: '', resources: ['secrets', 'configmaps', 'serviceaccounts/*'] }] },
      { level: 'Metadata', userGroups: ['ops'], resources: [{ group: 'authentication.k8s.io' }] },
      { level: 'Request', userGroups: ['ops'] },
      { level: 'Metadata' },
    ),
  ).toEqual([]))
test.each<[string, { group: string; resources?: string[] }]>([
  ['Deployments', { group: 'apps', resources: ['deployments'] }],
  ['Jobs', { group: 'batch' }],
  ['approvals of certificates', { group: 'certificates.k8s.io', resources: ['*/approval'] }],
  ['API services', { group: 'apiregistration.k8s.io' }],
  ['evictions', { group: '', resources: ['pods/eviction'] }],
])('%s are changes', (_what, resources) =>
  expect(faults({ level: 'None', resources: [resources] }, { level: 'Metadata' })).toEqual(['dropped 0']),
)
test('a login that fails has no group, and one stage', () => {
  const both = ['system:authenticated', 'system:unauthenticated']
  expect(faults({ level: 'Metadata', userGroups: both })).toEqual(['unmatched -'])
  expect(faults({ level: 'Metadata', omitStages: ['ResponseStarted'] })).toEqual(['refused 0'])
})
test('rules about resources alone do not match a path', () =>
  expect(faults({ level: 'Metadata', userGroups: ['system:unauthenticated'] }, { level: 'Metadata', resources: [{ group: '*' }] })).toEqual(
    ['unmatched -'],
  ))
test('without a last rule for everything nobody hears of the rest', () =>
  expect(faults({ level: 'Metadata', resources: [{ group: '' }] })).toEqual(['unmatched -']))
