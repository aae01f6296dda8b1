import { expect, test } from 'vitest'
import type { AuditRule } from '../../src/objects/audit-policy.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import { silencedIn } from '../../src/objects/audit-policy-silenced.ts'

const ALL: AuditRule = { level: 'Metadata' }
const silenced = (...rules: readonly AuditRule[]) =>
  silencedIn({ rules, omitStages: [] }).map(({ rule, whom }) => `${rule}: ${whom.join(', ')}`)
const SECRETS = [{ group: '', resources: ['secrets'] }]

test('the recommended policy silences nobody', () => expect(silencedIn(RECOMMENDED_POLICY)).toEqual([]))
test.each<[string, AuditRule, readonly string[]]>([
  ['a user', { level: 'None', users: ['jane', 'joe'] }, ['0: user jane, user joe']],
  ['a component that is left out altogether', { level: 'None', users: ['system:kube-proxy'] }, ['0: user system:kube-proxy']],
  ['a group', { level: 'None', userGroups: ['ops'], verbs: ['patch'] }, ['0: group ops']],
  ['the accounts of a namespace', { level: 'None', userGroups: ['system:serviceaccounts:ci'] }, ['0: group system:serviceaccounts:ci']],
  ['whoever is both', { level: 'None', users: ['jane'], userGroups: ['ops'] }, ['0: user jane']],
  ['reads of Secrets alone', { level: 'None', users: ['jane'], verbs: ['get'], resources: SECRETS }, ['0: user jane']],
  ['one Secret', { level: 'None', resources: [{ ...SECRETS[0]!, resourceNames: ['key'] }] }, ['0: secrets key']],
  ['a namespace', { level: 'None', namespaces: ['shop'] }, ['0: namespace shop']],
  [
    'all stages left out',
    { level: 'Request', users: ['jane'], omitStages: ['RequestReceived', 'ResponseStarted', 'ResponseComplete'] },
    ['0: user jane'],
  ],
  ['custom resources', { level: 'None', resources: [{ group: 'argoproj.io' }] }, ['0: everything of argoproj.io']],
  [
    'a resource that changes nothing else',
    { level: 'None', verbs: ['delete'], resources: [{ group: '', resources: ['persistentvolumes'] }] },
    ['0: persistentvolumes'],
  ],
  ['states are noise', { level: 'None', resources: [{ group: '', resources: ['*/status'] }] }, []],
  ['so are checks of rights', { level: 'None', resources: [{ group: 'authorization.k8s.io' }] }, []],
  [
    'reads of all but credentials are noise',
    { level: 'None', users: ['jane'], verbs: ['list'], resources: [{ group: '', resources: ['pods'] }] },
    [],
  ],
  ['leases are noise', { level: 'None', users: ['jane'], resources: [{ group: 'coordination.k8s.io' }] }, []],
  [
    'so are ConfigMaps that leaders are elected by',
    {
      level: 'None',
      users: ['cluster-autoscaler'],
      verbs: ['get', 'update'],
      namespaces: ['kube-system'],
      resources: [{ group: '', resources: ['configmaps'] }],
    },
    [],
  ],
])('%s', (_what, rule, expected) => expect(silenced(rule, ALL)).toEqual(expected))

test('everybody is a fault of its own', () => expect(silenced({ level: 'None', userGroups: ['system:masters'] }, ALL)).toEqual([]))
test('a rule that logs stands above', () => expect(silenced(ALL, { level: 'None', users: ['jane'] })).toEqual([]))
test('what a group is logged for, its users are as well', () =>
  expect(
    silenced({ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None', users: ['system:serviceaccount:ci:x'] }, ALL),
  ).toEqual([]))
test('of thousands of names the first are asked about', () => {
  const many = Array.from({ length: 5000 }, (_, index) => `n${index}`)
  const found = silenced({ level: 'None', namespaces: many, resources: [{ ...SECRETS[0]!, resourceNames: many }] }, ALL)
  expect(found).toEqual([expect.stringMatching(/^0: namespace n0, .*namespace n17$/)])
})
