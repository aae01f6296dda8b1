import { describe, expect, test } from 'vitest'
import type { KubeObject, ObservedRequests, Snapshot, Step } from '../../src/model/index.ts'
import { grants, mayI } from '../../src/objects/rbac-grants.ts'
import type { AccessRequest } from '../../src/objects/rbac-rules.ts'
import { refOf } from '../../src/objects/ref.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { AccessProof } from '../../src/writers/access-proof.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { worldOf } from '../plan/plan-fixtures.ts'

const API = 'rbac.authorization.k8s.io/v1'
const ROLE = {
  apiVersion: API,
  kind: 'Role',
  metadata: { name: 'ci', namespace: 'shop' },
  rules: [{ apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get', 'list'] }],
} as KubeObject
const BINDING = {
  apiVersion: API,
  kind: 'RoleBinding',
  metadata: { name: 'ci', namespace: 'shop' },
  roleRef: { kind: 'Role', name: 'ci' },
  subjects: [{ kind: 'ServiceAccount', name: 'ci' }],
} as unknown as KubeObject
const narrowed = (resources: readonly string[], carriedOut: 'live' | 'file' = 'live'): Step =>
  ({
    id: 's',
    carriedOut,
    changes: [{ type: 'edit', target: refOf(ROLE), edits: [{ set: ['rules', 0, 'resources'], to: resources }] }],
  }) as unknown as Step

const observed: ObservedRequests = {
  from: ['audit.log'],
  events: 1,
  since: '2026-10-01T00:00:00Z',
  until: '2026-11-01T00:00:00Z',
  blind: [],
  doubts: [],
  subjects: [
    {
      user: 'system:serviceaccount:shop:ci',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      requests: [{ verb: 'get', group: '', resource: 'pods', namespace: 'shop', name: 'web', count: 1, last: '', was: 'allowed' }],
    },
  ],
}

/** A server that answers by what it holds; `also` is another authorizer. */
class Server {
  holds: Snapshot
  readonly asked: string[] = []
  readonly also: (request: AccessRequest) => boolean
  constructor(holds: Snapshot, also: (request: AccessRequest) => boolean = () => false) {
    this.holds = holds
    this.also = also
  }
  readonly api = {
    review: async (path: string, review: { spec: { user: string; groups: string[]; resourceAttributes: AccessRequest } }) => {
      this.asked.push(path)
      const { user, groups, resourceAttributes: request } = review.spec
      const allowed = mayI(grants(this.holds), user, groups, request) || this.also(request)
      return { ok: true, status: 201, warnings: [], body: { status: { allowed } } }
    },
  } as unknown as ClusterApi
}

describe('reviews around a step', () => {
  const world = worldOf([ROLE, BINDING], { facts: { ObservedRequests: observed } })
  const taken = async (step: Step, { server = new Server(world), becomes = applyPlan(world, [step]) } = {}) => {
    const proof = new AccessProof(server.api, { snapshot: () => world, patienceMs: 0 })
    await proof.before()
    expect(server.asked, 'nothing is asked before the approval').toEqual([])
    await proof.measure(step)
    server.holds = becomes
    const lost = await proof.after()
    return { lost, note: proof.note() }
  }
  test('say what is still allowed, and what is refused', async () => {
    expect(await taken(narrowed(['pods']))).toEqual({
      lost: undefined,
      note: 'access reviews: 3 of 3 recorded or kept requests still allowed, 2 of 2 lost ones refused',
    })
  })
  test('object when something that was to be kept is gone', async () => {
    const { lost } = await taken(narrowed(['pods']), { becomes: worldOf([BINDING]) })
    expect(lost).toBe('system:serviceaccount:shop:ci may no longer get pods web in shop, which it was to keep')
  })
  test('say what another authorizer still allows', async () => {
    const server = new Server(world, (request) => 'resource' in request && request.resource === 'secrets' && request.verb === 'get')
    const { lost, note } = await taken(narrowed(['pods']), { server })
    expect(lost).toBeUndefined()
    expect(note).toContain('1 of 2 lost ones refused (ServiceAccount shop/ci may still get secrets in shop: another authorizer')
  })
  test('do not call lost what a wildcard stood for and is spelled out now', async () => {
    const wild = { ...ROLE, rules: [{ apiGroups: [''], resources: ['*'], verbs: ['get'] }] } as KubeObject
    const before = worldOf([wild, BINDING])
    const server = new Server(before)
    const proof = new AccessProof(server.api, { snapshot: () => before, patienceMs: 0 })
    await proof.measure(narrowed(['secrets']))
    server.holds = applyPlan(before, [narrowed(['secrets'])])
    expect(await proof.after()).toBeUndefined()
    expect(proof.note()).toBe('access reviews: 1 of 1 recorded or kept requests still allowed')
  })
  test('that are not answered afterwards are no refusals', async () => {
    const server = new Server(world)
    const { review } = server.api
    const proof = new AccessProof(server.api, { snapshot: () => world, patienceMs: 0 })
    await proof.measure(narrowed(['pods']))
    server.holds = applyPlan(world, [narrowed(['pods'])])
    const refusal = { kind: 'timeout', message: 'no answer within 15 s' }
    Object.assign(server.api, {
      review: async (path: string, asked: { spec: { resourceAttributes: { resource: string } } }) =>
        asked.spec.resourceAttributes.resource === 'secrets' ? { ok: false, refusal } : review(path, asked),
    })
    expect(await proof.after()).toBeUndefined()
    expect(proof.note()).toMatch(/, 0 of 2 lost ones refused \(2 had no answer\)$/)
  })
  test('are left out for files, and for what changes no access', async () => {
    const server = new Server(world)
    const pods = {
      id: 's',
      carriedOut: 'live',
      changes: [{ type: 'delete', target: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'x' } }],
    }
    expect(await taken(narrowed(['pods'], 'file'), { server })).toEqual({ lost: undefined, note: undefined })
    expect(await taken(pods as unknown as Step, { server, becomes: world })).toEqual({ lost: undefined, note: undefined })
    expect(server.asked).toEqual([])
  })
  test('that may not be asked are said not to prove anything', async () => {
    const refusal = { kind: 'forbidden', message: 'the API server refused to create subjectaccessreviews (403)' }
    const api = { review: async () => ({ ok: false, refusal }) } as unknown as ClusterApi
    const proof = new AccessProof(api, { snapshot: () => world, patienceMs: 0 })
    await proof.measure(narrowed(['pods']))
    expect(await proof.after()).toBeUndefined()
    expect(proof.note()).toBe('not proved by access reviews: the API server refused to create subjectaccessreviews (403)')
  })
})
