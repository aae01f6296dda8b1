import { describe, expect, test } from 'vitest'
import type { ConfigFile } from '../../src/model/index.ts'
import { type AuditRequest, type AuditRule, auditDecision, loggedLevel } from '../../src/objects/audit-policy.ts'
import { readAuditPolicy } from '../../src/objects/audit-policy-read.ts'

const policy = (...rules: readonly AuditRule[]) => ({ rules, omitStages: [] })
const pods = (verb: string, more: Partial<NonNullable<AuditRequest['resource']>> = {}): AuditRequest => ({
  user: 'alice',
  groups: ['dev', 'system:authenticated'],
  verb,
  resource: { group: '', resource: 'pods', namespace: 'shop', name: 'p', ...more },
})
const url = (path: string): AuditRequest => ({ user: 'alice', groups: ['dev', 'system:authenticated'], verb: 'get', path })
const level = (rule: Omit<AuditRule, 'level'>, request: AuditRequest) =>
  auditDecision(policy({ level: 'Metadata', ...rule }), request).level

describe('which rule decides', () => {
  test('the first that matches', () => {
    const first = policy({ level: 'None', verbs: ['get'] }, { level: 'Request', users: ['alice'] }, { level: 'Metadata' })
    expect(auditDecision(first, pods('get'))).toMatchObject({ level: 'None', rule: 0 })
    expect(auditDecision(first, pods('create'))).toMatchObject({ level: 'Request', rule: 1 })
    expect(auditDecision(first, { ...pods('create'), user: 'bob' })).toMatchObject({ level: 'Metadata', rule: 2 })
  })
  test('none: nothing is logged', () =>
    expect(auditDecision(policy({ level: 'Metadata', users: ['bob'] }), pods('get'))).toMatchObject({ level: 'None', rule: undefined }))

  test.each<[string, Omit<AuditRule, 'level'>, AuditRequest, boolean]>([
    ['an empty list is every value', { users: [], verbs: [], namespaces: [], resources: [] }, pods('get'), true],
    ['any group of the user is enough', { userGroups: ['ops', 'dev'] }, pods('get'), true],
    ['another group is not', { userGroups: ['ops'] }, pods('get'), false],
    ['pods are not pods/exec', { resources: [{ resources: ['pods'] }] }, pods('create', { subresource: 'exec' }), false],
    ['pods/* is pods/exec', { resources: [{ resources: ['pods/*'] }] }, pods('create', { subresource: 'exec' }), true],
    ['pods/* is pods as well', { resources: [{ resources: ['pods/*'] }] }, pods('get'), true],
    ['*/exec is pods/exec', { resources: [{ resources: ['*/exec'] }] }, pods('create', { subresource: 'exec' }), true],
    ['* is subresources too', { resources: [{ resources: ['*'] }] }, pods('create', { subresource: 'exec' }), true],
    ['a group without resources is all of it', { resources: [{ group: '' }] }, pods('create', { subresource: 'exec' }), true],
    ['another group is not', { resources: [{ group: 'apps' }] }, pods('get'), false],
    ['the group * is every group', { resources: [{ group: '*', resources: ['pods'] }] }, pods('get', { group: 'metrics.k8s.io' }), true],
    ['a name', { resources: [{ resources: ['pods'], resourceNames: ['p'] }] }, pods('get'), true],
    ['another name', { resources: [{ resources: ['pods'], resourceNames: ['q'] }] }, pods('get'), false],
    ['the empty namespace is what has none', { namespaces: [''] }, pods('get', { namespace: '' }), true],
    ['a namespace is about resources only', { namespaces: ['shop'] }, url('/healthz'), false],
    ['a resource is not a URL', { resources: [{ group: '' }] }, url('/healthz'), false],
    ['a URL is not a resource', { nonResourceURLs: ['*'] }, pods('get'), false],
    ['a URL with a star is a prefix', { nonResourceURLs: ['/healthz*'] }, url('/healthz/etcd'), true],
    ['a URL without one is not', { nonResourceURLs: ['/healthz'] }, url('/healthz/etcd'), false],
    ['neither resources nor URLs: everything', {}, url('/healthz'), true],
  ])('%s', (_name, rule, request, matches) => expect(level(rule, request)).toBe(matches ? 'Metadata' : 'None'))
})

describe('stages left out', () => {
  const without =
    (...omitStages: string[]) =>
    (request: AuditRequest) =>
      loggedLevel(auditDecision({ rules: [{ level: 'Metadata', omitStages }], omitStages: ['RequestReceived'] }, request), request)
  test('the last one: nothing gets into the log', () => expect(without('ResponseComplete')(pods('get'))).toBe('None'))
  test('of a watch the start of the answer still does', () => expect(without('ResponseComplete')(pods('watch'))).toBe('Metadata'))
  test('unless that is left out too', () => expect(without('ResponseComplete', 'ResponseStarted')(pods('watch'))).toBe('None'))
})

describe('what the API server would say to a file', () => {
  const problems = (file: object) =>
    readAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', metadata: { name: 'p' }, ...file } as ConfigFile).problems
  test('nothing', () => expect(problems({ rules: [{ level: 'Metadata', nonResourceURLs: ['/healthz*', '*'] }] })).toEqual([]))
  test.each([
    [{ apiVersion: 'audit.k8s.io/v1beta1', rules: [{ level: 'None' }] }, /v1beta1/],
    [{ rules: [] }, /no rules/],
    [{}, /no rules/],
    [{ rules: [{}] }, /no level/],
    [{ rules: [{ level: 'Meta' }] }, /Meta/],
    [{ rules: [{ level: 'None', nonResourceURLs: ['healthz'] }] }, /slash/],
    [{ rules: [{ level: 'None', nonResourceURLs: ['/a*b'] }] }, /star/],
    [{ rules: [{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['b'] }] }, /both/],
    [{ rules: [{ level: 'None', resources: [{ resourceNames: ['x'] }] }] }, /resourceNames/],
    [{ rules: [{ level: 'None', resources: [{ group: 'apps/v1' }] }] }, /version/],
    [{ rules: [{ level: 'None', users: 'jane' }] }, /users must be a list/],
    [{ rules: [{ level: 'None', verbs: [true] }] }, /verbs\[\] must be text, and true is none/],
    [{ rules: [{ level: 'None', namespaces: [123] }] }, /put it in quotes/],
    [{ rules: { level: 'None' } }, /rules must be a list/],
    [{ rules: ['Metadata'] }, /mappings/],
    [{ rules: [{ level: 'None', resources: ['secrets'] }] }, /resources must be a list of mappings/],
    [{ rules: [{ level: 'None', resources: [{ group: 'a..b' }] }] }, /no API group: a..b/],
    [{ rules: [{ level: 'None', omitManagedFields: 'yes' }] }, /true or false/],
    [{ omitStages: 'RequestReceived', rules: [{ level: 'None' }] }, /omitStages must be a list/],
    [{ omitStages: ['Received'], rules: [{ level: 'None' }] }, /Received/],
  ])('%j is refused', (file, words) => {
    const fatal = problems(file).filter((one) => one.fatal)
    expect(fatal.map((one) => one.problem).join()).toMatch(words)
  })
  test('what is null is not there, or is empty', () =>
    expect(problems({ rules: [{ level: 'None', users: null, verbs: [null], resources: [null, { group: null }] }] })).toEqual([]))
  test('a field it does not know is only ignored', () =>
    expect(problems({ rules: [{ level: 'None', resource: [] }] })).toEqual([{ rule: 0, problem: 'no such field: resource', fatal: false }]))
})
