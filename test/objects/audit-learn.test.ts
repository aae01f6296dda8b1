import { describe, expect, test } from 'vitest'
import type { ObservedRequest } from '../../src/model/index.ts'
import type { AuditEvent } from '../../src/objects/audit-event.ts'
import { AuditLearner, MOST } from '../../src/objects/audit-learn.ts'

const USER = { username: 'jane', groups: ['devs', 'system:authenticated'] }
const event = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  ...{ auditID: String(Math.random()), stage: 'ResponseComplete', verb: 'get', user: USER, responseStatus: { code: 200 } },
  ...{
    requestURI: '/api/v1/namespaces/shop/pods/cart',
    objectRef: { resource: 'pods', namespace: 'shop', name: 'cart', apiVersion: 'v1' },
  },
  stageTimestamp: '2026-11-20T10:00:00.000000Z',
  ...more,
})
const learned = (...events: AuditEvent[]) => {
  const learner = new AuditLearner()
  for (const one of events) learner.add(one)
  return learner.result(['audit.log'])
}
const words = (one: ObservedRequest): string =>
  'path' in one
    ? `${one.was} ${one.verb} ${one.path}`
    : `${one.was}${one.derived ? ' perhaps' : ''} ${one.verb} ${one.group}/${one.resource}${one.subresource ? `/${one.subresource}` : ''} ${one.namespace ?? '-'} ${one.anyName ? 'any' : (one.name ?? '')}`.trimEnd()
const heard = (...events: AuditEvent[]) =>
  learned(...events).subjects.flatMap(({ user, requests }) => requests.map((one) => `${user} ${words(one)}`))

test('the same request is one, with its count and the last time', () => {
  const { events, since, until, subjects } = learned(event(), event({ stageTimestamp: '2026-11-21T12:00:00+02:00' }))
  expect({ events, since, until }).toEqual({ events: 2, since: '2026-11-20T10:00:00.000000Z', until: '2026-11-21T10:00:00.000Z' })
  expect(subjects).toEqual([
    {
      user: 'jane',
      groups: USER.groups,
      requests: [
        {
          verb: 'get',
          group: '',
          resource: 'pods',
          namespace: 'shop',
          name: 'cart',
          count: 2,
          last: '2026-11-21T10:00:00.000Z',
          was: 'allowed',
        },
      ],
    },
  ])
})

describe('what counts', () => {
  test('the stage before the answer does not', () => expect(heard(event({ stage: 'RequestReceived' }))).toEqual([]))
  test('a watch that is still open does, and once when it ends', () => {
    const watch = { auditID: 'w', verb: 'watch', objectRef: { resource: 'pods', namespace: 'shop' } }
    const { events, subjects } = learned(
      event({ ...watch, stage: 'ResponseStarted' }),
      event(watch),
      event({ ...watch, auditID: 'x', stage: 'ResponseStarted' }),
    )
    expect(events).toBe(2)
    expect(subjects[0]?.requests).toMatchObject([{ verb: 'watch', count: 2 }])
  })
  test.each([
    ['no login', 401, []],
    ['no such verb', 405, []],
    ['refused', 403, ['jane denied get /pods shop cart']],
    ['not found: the authorizer let it through', 404, ['jane allowed get /pods shop cart']],
    ['a conflict', 409, ['jane allowed get /pods shop cart']],
    ['a fault of the server', 500, ['jane allowed get /pods shop cart']],
  ])('%s', (_what, code, result) => expect(heard(event({ responseStatus: { code } }))).toEqual(result))
  test('the authorizer’s own word beats the code: admission answers 403 as well', () => {
    expect(heard(event({ responseStatus: { code: 403 }, annotations: { 'authorization.k8s.io/decision': 'allow' } }))).toEqual([
      'jane allowed get /pods shop cart',
    ])
    expect(heard(event({ annotations: { 'authorization.k8s.io/decision': 'forbid' } }))).toEqual(['jane denied get /pods shop cart'])
  })
  test('allowed but once is allowed', () => {
    expect(heard(event({ responseStatus: { code: 403 } }), event())).toEqual(['jane allowed get /pods shop cart'])
  })
})

describe('the question as the authorizer saw it', () => {
  test('no name for what is created, one for what is created below', () => {
    expect(heard(event({ verb: 'create' }))).toEqual(['jane allowed create /pods shop'])
    const exec = { resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'cart' }
    expect(heard(event({ verb: 'create', objectRef: exec }))).toEqual(['jane allowed create /pods/exec shop cart'])
  })
  test('no name for a collection', () =>
    expect(heard(event({ verb: 'deletecollection' }))).toEqual(['jane allowed deletecollection /pods shop']))
  test('the name that a field selector picks, also encoded', () => {
    const list = (requestURI: string) => heard(event({ verb: 'list', requestURI, objectRef: { resource: 'secrets', namespace: 'shop' } }))
    expect(list('/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Ddb&limit=500')).toEqual([
      'jane allowed list /secrets shop db',
    ])
    expect(list('/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name!%3Ddb')).toEqual(['jane allowed list /secrets shop'])
    expect(list('/api/v1/namespaces/shop/secrets?limit=500')).toEqual(['jane allowed list /secrets shop'])
  })
  test('a path without its query', () => {
    expect(heard(event({ objectRef: null, requestURI: '/metrics?timeout=30s' }))).toEqual(['jane allowed get /metrics'])
  })
  test('an anonymous client is a subject like others', () => {
    expect(heard(event({ user: { username: 'system:anonymous', groups: ['system:unauthenticated'] } }))).toEqual([
      'system:anonymous allowed get /pods shop cart',
    ])
  })
})

describe('what was asked besides', () => {
  test('who impersonates was asked for the user and the groups, and the one acted for has made the request', () => {
    const impersonatedUser = { username: 'joe', groups: ['ops', 'system:authenticated'], extra: { scopes: ['read'] } }
    expect(heard(event({ impersonatedUser })).toSorted()).toEqual([
      'jane allowed impersonate /groups - ops',
      'jane allowed impersonate /users - joe',
      'jane allowed impersonate authentication.k8s.io/userextras/scopes - read',
      'jane allowed perhaps impersonate /groups - system:authenticated',
      'joe allowed get /pods shop cart',
    ])
  })
  test('a service account is impersonated in its namespace', () => {
    const impersonatedUser = {
      username: 'system:serviceaccount:shop:cart',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop'],
    }
    expect(heard(event({ impersonatedUser }))).toContain('jane allowed impersonate /serviceaccounts shop cart')
    expect(heard(event({ impersonatedUser })).filter((one) => /groups/.test(one) && !/perhaps/.test(one))).toEqual([])
  })
  test('constrained impersonation asks for its own verbs', () => {
    const authenticationMetadata = { impersonationConstraint: 'impersonate:user-info' }
    expect(heard(event({ impersonatedUser: { username: 'joe', groups: [] }, authenticationMetadata })).toSorted()).toEqual([
      'jane allowed impersonate-on:user-info:get /pods shop cart',
      'jane allowed impersonate:user-info authentication.k8s.io/users - joe',
      'joe allowed get /pods shop cart',
    ])
  })
  test('a binding may need bind, a role escalate, an approval approve', () => {
    const about = (verb: string, resource: string, more: object = {}) =>
      heard(event({ verb, objectRef: { resource, apiGroup: 'rbac.authorization.k8s.io', namespace: 'shop', name: 'x', ...more } })).slice(1)
    expect(about('update', 'rolebindings')).toEqual([
      'jane allowed perhaps bind rbac.authorization.k8s.io/roles shop any',
      'jane allowed perhaps bind rbac.authorization.k8s.io/clusterroles shop any',
    ])
    expect(about('patch', 'roles')).toEqual(['jane allowed perhaps escalate rbac.authorization.k8s.io/roles shop any'])
    expect(about('get', 'roles')).toEqual([])
    const csr = { apiGroup: 'certificates.k8s.io', subresource: 'approval', namespace: undefined }
    expect(about('update', 'certificatesigningrequests', csr)).toEqual(['jane allowed perhaps approve certificates.k8s.io/signers - any'])
  })
  test('what server-side apply has made was asked as create as well', () => {
    const applied = (code: number) => heard(event({ verb: 'patch', responseStatus: { code } }))
    expect(applied(201)).toEqual(['jane allowed patch /pods shop cart', 'jane allowed create /pods shop any'])
    expect(applied(200)).toEqual(['jane allowed patch /pods shop cart'])
  })
  test('exec by WebSocket is a get, and needs create besides', () => {
    const objectRef = { resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'cart' }
    expect(heard(event({ objectRef, responseStatus: { code: 101 } }))).toEqual([
      'jane allowed get /pods/exec shop cart',
      'jane allowed perhaps create /pods/exec shop cart',
    ])
  })
})

describe('memory', () => {
  test(`more than ${MOST.names} names are any name`, () => {
    const names = Array.from({ length: 8 }, (_, n) => event({ objectRef: { resource: 'configmaps', namespace: 'shop', name: `c${n}` } }))
    expect(learned(...names).subjects[0]?.requests).toMatchObject([{ anyName: true, count: 8, namespace: 'shop' }])
  })
  test(`more than ${MOST.namespaces} namespaces are all of them, and that is said`, () => {
    const many = Array.from({ length: 600 }, (_, n) => event({ verb: 'list', objectRef: { resource: 'pods', namespace: `n${n}` } }))
    const { subjects, doubts } = learned(...many)
    expect(subjects[0]?.requests.map(words)).toEqual(['allowed list /pods - any'])
    expect(subjects[0]?.requests[0]?.count).toBe(600)
    expect(doubts).toEqual(['jane sent list pods to more than 500 namespaces: taken as all of them'])
  })
  test(`more than ${MOST.paths} paths are told by how they begin`, () => {
    const many = Array.from({ length: 250 }, (_, n) => event({ objectRef: null, requestURI: `/logs/kube-${n}.log` }))
    const { subjects } = learned(...many, event({ objectRef: null, requestURI: '/metrics' }))
    expect(subjects[0]?.requests.map(words)).toEqual(['allowed get /logs/*', 'allowed get /metrics'])
  })
  test('subjects beyond those that are kept are said to be left out', () => {
    const learner = new AuditLearner()
    for (let n = 0; n <= MOST.subjects; n++) learner.add(event({ user: { username: `u${n}` } }))
    const { subjects, partial, doubts } = learner.result(['-'])
    expect([subjects.length, partial, doubts.length]).toEqual([MOST.subjects, true, 1])
  })
})

test('what is refused, of however many kinds, crowds out nothing that is used', () => {
  const learner = new AuditLearner()
  const asked = (n: number, code: number) => event({ objectRef: { resource: `r${n}`, namespace: 'shop' }, responseStatus: { code } })
  for (let n = 0; n < MOST.denied + 5; n++) learner.add(asked(n, 403))
  learner.add(asked(1_000_000, 200))
  learner.add(event({ objectRef: { resource: 'pods', name: 'x'.repeat(5000) }, responseStatus: { code: 403 } }))
  const { subjects, partial, doubts } = learner.result(['-'])
  expect(subjects[0]!.requests.filter(({ was }) => was === 'denied')).toHaveLength(MOST.denied)
  expect(subjects[0]!.requests.filter(({ was }) => was === 'allowed').map(words)).toEqual(['allowed get /r1000000 shop'])
  expect([partial, doubts]).toEqual([
    undefined,
    ['6 denied requests are left out: they are too long, or of more than 20000 different rights'],
  ])
})

test('v1alpha1 has its time elsewhere', () => {
  const { stageTimestamp, ...rest } = event()
  expect(learned({ ...rest, timestamp: stageTimestamp! }).until).toBe('2026-11-20T10:00:00.000000Z')
})

test('verbs that nobody shows are blind', () => {
  expect(learned(event({ verb: 'create' }), event({ objectRef: null, requestURI: '/metrics' })).blind).toEqual([
    ...['get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'],
  ])
})
