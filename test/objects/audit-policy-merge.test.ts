/** What a mended policy logs, against what it logged before, over random policies and requests. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfigFile } from '../../src/model/index.ts'
import {
  AUDIT_LEVELS,
  type AuditPolicy,
  type AuditRequest,
  type AuditRule,
  auditDecision,
  loggedLevel,
} from '../../src/objects/audit-policy.ts'
import { mergedPolicy } from '../../src/objects/audit-policy-merge.ts'
import { auditFaults } from '../../src/objects/audit-policy-probes.ts'
import { readAuditPolicy } from '../../src/objects/audit-policy-read.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import { anyCall, anyPolicy } from '../e2e/audit-calls.ts'

const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic']
const levelOf = (policy: AuditPolicy, request: AuditRequest) => loggedLevel(auditDecision(policy, request), request)
const stagesOf = (policy: AuditPolicy, request: AuditRequest) => {
  const { level, omitStages } = auditDecision(policy, request)
  return level === 'None' ? [] : STAGES.filter((stage) => !omitStages.has(stage))
}
/** A request to read has no body, a token is only asked for by creating it, and a ConfigMap may be named because it is meant. */
const atMost = ({ verb, resource }: AuditRequest): readonly string[] => {
  if (['create', 'update', 'patch'].includes(verb) && resource?.name === undefined) return ['Metadata']
  if (resource?.resource === 'secrets') return ['create', 'update', 'patch'].includes(verb) ? ['Metadata'] : ['Metadata', 'Request']
  return AUDIT_LEVELS.slice(1)
}
const carriesCredentials = ({ resource }: AuditRequest): boolean =>
  resource !== undefined &&
  ((resource.group === '' && ['secrets', 'configmaps'].includes(resource.resource)) ||
    (resource.resource === 'serviceaccounts' && resource.subresource === 'token') ||
    resource.resource === 'tokenreviews')

test('of any policy no request is logged less than before, but for the bodies of what carries credentials', () => {
  const raised = { none: 0, kept: 0, credentials: 0 }
  fc.assert(
    fc.property(anyPolicy, fc.array(anyCall, { minLength: 150, maxLength: 150 }), (policy, calls) => {
      const after = mergedPolicy(policy, policy.rules)
      expect(auditFaults(after)).toEqual([])
      for (const {
        call: { request },
      } of calls) {
        const [was, now] = [levelOf(policy, request), levelOf(after, request)]
        expect(stagesOf(after, request)).toEqual(expect.arrayContaining(stagesOf(policy, request)))
        if (carriesCredentials(request) && was !== 'None') {
          expect(atMost(request), JSON.stringify(request)).toContain(now)
          raised.credentials++
        } else {
          expect(AUDIT_LEVELS.indexOf(now), `${JSON.stringify(request)}: ${was}, then ${now}`).toBeGreaterThanOrEqual(
            AUDIT_LEVELS.indexOf(was),
          )
          raised[was === 'None' && now !== 'None' ? 'none' : 'kept']++
        }
      }
    }),
    { numRuns: 120, seed: 3, endOnFailure: true },
  )
  expect(Math.min(...Object.values(raised))).toBeGreaterThan(100)
}, 120_000)

describe('what an operator logs in full', () => {
  const pods = {
    user: 'jane',
    groups: ['system:authenticated'],
    verb: 'create',
    resource: { group: '', resource: 'pods', namespace: 'shop' },
  }
  const secrets = { ...pods, resource: { ...pods.resource, resource: 'secrets' } }
  const policy: AuditPolicy = {
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'None', userGroups: ['system:serviceaccounts'] },
      { level: 'RequestResponse', resources: [{ group: '' }] },
      { level: 'Metadata' },
    ],
  }
  const after = mergedPolicy(policy, policy.rules)
  const bySystem = { ...pods, groups: ['system:serviceaccounts', 'system:authenticated'] }

  test('stays so', () => expect(levelOf(after, pods)).toBe('RequestResponse'))
  test('but for Secrets', () => expect([levelOf(policy, secrets), levelOf(after, secrets)]).toEqual(['RequestResponse', 'Metadata']))
  test('and what was left out is not logged in full for that', () => expect(levelOf(after, bySystem)).toBe('Request'))
  test('its own rules stand in their order, the one that drops everything of all service accounts at a higher level', () => {
    const [first, ...rest] = policy.rules
    const own = after.rules.slice(-3)
    expect(own).toEqual([{ ...first, level: 'Metadata' }, ...rest])
  })
  test('a second time nothing changes', () => expect(mergedPolicy(after, after.rules)).toEqual(after))
})

test('a policy without faults is left alone', () =>
  expect(mergedPolicy(RECOMMENDED_POLICY, RECOMMENDED_POLICY.rules)).toEqual(RECOMMENDED_POLICY))

test('a resource of nothing is one of the core API', () => {
  const rules = [{ level: 'Request', resources: [null] }] as unknown as AuditRule[]
  const { policy } = readAuditPolicy({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    metadata: { name: 'p' },
    rules,
  } as unknown as ConfigFile)
  expect(auditFaults(mergedPolicy(policy, rules))).toEqual([])
})
