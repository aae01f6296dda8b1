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
test('without a last rule for everything nobody hears of the rest', () =>
  expect(faults({ level: 'Metadata', resources: [{ group: '' }] })).toEqual(['unmatched -']))
