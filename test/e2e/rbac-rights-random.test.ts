/** Random roles and bindings: whom a control names is whom the API server's authorizer allows what the control is about. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Finding, Kind, KubeObject, PolicyRule, RbacSubject, Snapshot } from '../../src/model/index.ts'
import { subjectText } from '../../src/objects/rbac-bootstrap.ts'
import type { RbacEvidence } from '../../src/objects/rbac-exposure.ts'
import { RBAC_KINDS, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { type ResourceRequest, STANDARD_VERBS } from '../../src/objects/rbac-rules.ts'
import { keyOf } from '../../src/objects/ref.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { snapshotFrom } from '../helpers/world.ts'
import { account, ask, binding, collectionOf, group, inParallel, role, rule, settled, user, type Who } from './access-reviews.ts'

const NAMESPACES = ['alpha', 'beta']
/** Where nothing is bound: what is allowed there is allowed in the whole cluster. */
const ELSEWHERE = 'elsewhere'
const CSR = 'certificates.k8s.io'
const AUTHN = 'authentication.k8s.io'
const LOGINS = ['kubernetes.io/*', 'kubernetes.io/kube-apiserver-client', 'kubernetes.io/kube-apiserver-client-kubelet']
const NAMES = ['one', 'system:masters', LOGINS[1]!, 'example.com/other']

const some = (least: number, most: number, ...items: string[]) => fc.subarray(items, { minLength: least, maxLength: most })
const anyRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: some(
    1,
    3,
    'get',
    'create',
    'update',
    'patch',
    'impersonate',
    'approve',
    'sign',
    'impersonate:user-info',
    'impersonate-on:user-info:get',
    '*',
  ),
  apiGroups: some(1, 2, '', 'apps', CSR, AUTHN, '*'),
  resources: some(
    1,
    4,
    ...['pods', 'pods/exec', 'deployments', 'users', 'groups', 'serviceaccounts', 'serviceaccounts/token', '*/token', 'uids'],
    ...['nodes', 'nodes/proxy', '*/proxy', 'secrets', 'signers', 'certificatesigningrequests', 'certificatesigningrequests/approval', '*'],
  ),
  resourceNames: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: some(1, 2, '', ...NAMES) }),
})
/** Halves that are of use only together come up too seldom by themselves. */
const halfRule: fc.Arbitrary<PolicyRule> = fc.constantFrom(
  rule([CSR], ['signers'], ['approve']),
  rule([CSR], ['signers'], ['approve', 'sign'], [LOGINS[0]!, 'example.com/other']),
  rule([CSR], ['certificatesigningrequests/approval'], ['patch']),
  rule([CSR], ['certificatesigningrequests/approval', 'certificatesigningrequests'], ['update', 'create']),
  rule([AUTHN], ['users'], ['impersonate:user-info'], ['one']),
  rule([''], ['secrets'], ['impersonate-on:user-info:get']),
  rule([''], ['secrets'], ['create']),
  rule([''], ['nodes/proxy'], ['get'], ['one']),
  rule([''], ['secrets'], ['get'], ['one']),
)
const rules = fc.array(fc.oneof({ weight: 3, arbitrary: anyRule }, { weight: 2, arbitrary: halfRule }), { minLength: 1, maxLength: 2 })
const anySubject: fc.Arbitrary<RbacSubject> = fc.constantFrom(
  ...['jane', 'joe', serviceAccountUser('beta', 'app')].map(user),
  ...['team', 'system:serviceaccounts:alpha'].map(group),
  ...['app', 'other'].flatMap((name) => NAMESPACES.map((namespace) => account(namespace, name))),
)

/** Each with the texts of the subjects that are he, by name or by group. */
const WHO: readonly (Who & { readonly is: readonly string[] })[] = [
  { user: 'jane', groups: ['system:authenticated'], is: ['User jane'] },
  { user: 'joe', groups: ['team', 'system:authenticated'], is: ['User joe', 'Group team'] },
  ...NAMESPACES.flatMap((namespace) =>
    ['app', 'other'].map((name) => ({
      user: serviceAccountUser(namespace, name),
      groups: serviceAccountGroups(namespace),
      is: [
        `ServiceAccount ${namespace}/${name}`,
        `User ${serviceAccountUser(namespace, name)}`,
        ...serviceAccountGroups(namespace).map((one) => `Group ${one}`),
      ],
    })),
  ),
]

/** Roles of one or two rules, each bound to one or two subjects: somewhere, or in the whole cluster. */
function randomWorld(seed: number, size: number): readonly KubeObject[] {
  const one = <T>(arbitrary: fc.Arbitrary<T>, salt: number): T => fc.sample(arbitrary, { seed: seed * 1000 + salt, numRuns: 1 })[0]!
  const random = Array.from({ length: size }, (_, n) => {
    const where = n % 3 === 0 ? undefined : NAMESPACES[n % 2]
    const made = role(n % 3 === 1 ? where : undefined, `random-${n}`, ...one(rules, n))
    return [made, binding(where, made, ...one(fc.uniqueArray(anySubject, { minLength: 1, maxLength: 2 }), 500 + n))]
  }).flat()
  // In every world somebody may approve, by a role of his own and one of his group.
  const halves = [
    role(undefined, 'half-approves', rule([CSR], ['signers'], ['approve'])),
    role(undefined, 'half-approval', rule([CSR], ['certificatesigningrequests/approval'], ['update'])),
  ]
  const proxy = role(undefined, 'reads-nodes', rule([''], ['nodes/proxy'], ['get'], ['one']))
  return [
    ...random,
    ...halves,
    proxy,
    binding(undefined, halves[0]!, group('team')),
    binding(undefined, halves[1]!, user('joe')),
    binding(undefined, proxy, account('beta', 'other')),
  ]
}

async function snapshotOf(api: ApiClient): Promise<Snapshot> {
  const kinds = await Promise.all(
    RBAC_KINDS.map(async (kind) => {
      const { items } = await api.get<{ items: KubeObject[] }>(collectionOf({ apiVersion: '', kind, metadata: { name: '' } }))
      const list = items.map((item) => ({ ...item, apiVersion: 'rbac.authorization.k8s.io/v1', kind }))
      return [kind as Kind, new Map(list.map((item) => [keyOf(item.metadata.namespace, item.metadata.name), item]))] as const
    }),
  )
  return snapshotFrom(
    { kubernetes: 'v1.37.2', unread: [{ what: 'ServiceAccount', why: 'not-asked', because: 'nobody asked', answer: 'ask' }] },
    new Map(kinds),
  )
}

/** Of those that a finding is about; `sure`: not only for a human to judge. */
function named(findings: readonly Finding[], { is }: (typeof WHO)[number]): readonly Finding[] {
  return findings.filter(({ evidence, subject, origin }) => {
    const { heldBy, remove } = evidence as unknown as RbacEvidence & { heldBy?: string[]; remove?: RbacSubject[] }
    const texts =
      heldBy?.map((text) => text.replace(/ by (Cluster)?RoleBinding .*$/, '')) ?? remove!.map((one) => subjectText(one, subject.namespace))
    return origin === 'workload' && texts.some((text) => is.includes(text))
  })
}

// ── the questions ──────────────────────────────────────────────────────────────────────────────
type Ask = (request: ResourceRequest) => Promise<boolean>
const req = (verb: string, group: string, full: string, namespace = '', name = ''): ResourceRequest => {
  const [resource, subresource = ''] = full.split('/') as [string, string?]
  return { verb, group, resource, subresource, namespace, name }
}
const each = <A, B>(list: readonly A[], f: (item: A) => readonly B[]): readonly B[] => list.flatMap(f)
const ANY_NAME = ['', ...NAMES, ...LOGINS]
const anyOf = async (ask: Ask, requests: readonly ResourceRequest[]): Promise<boolean> => (await inParallel(requests, ask)).some(Boolean)

const ORACLES: Readonly<Record<string, (ask: Ask) => Promise<boolean>>> = {
  'rbac-workload-create': (ask) =>
    anyOf(ask, [
      ...each(NAMESPACES, (ns) => [req('create', '', 'pods', ns), req('create', 'apps', 'deployments', ns)]),
      ...each(NAMESPACES, (ns) =>
        each(['update', 'patch'], (verb) =>
          each(ANY_NAME, (name) => [req(verb, '', 'pods', ns, name), req(verb, 'apps', 'deployments', ns, name)]),
        ),
      ),
    ]),
  'rbac-impersonate': async (ask) =>
    (await anyOf(ask, [
      ...each(ANY_NAME, (name) => [
        req('impersonate', '', 'users', '', name),
        req('impersonate', '', 'groups', '', name),
        req('impersonate', AUTHN, 'uids', '', name),
      ]),
      ...each(NAMESPACES, (ns) => each(ANY_NAME, (name) => [req('impersonate', '', 'serviceaccounts', ns, name)])),
    ])) || (await constrained(ask)),
  'rbac-nodes-proxy': (ask) =>
    anyOf(
      ask,
      each(STANDARD_VERBS, (verb) => each(ANY_NAME, (name) => [req(verb, '', 'nodes/proxy', '', name)])),
    ),
  'rbac-csr-approve': async (ask) =>
    (await both(ask, 'approve', 'certificatesigningrequests/approval')) || (await both(ask, 'sign', 'certificatesigningrequests/status')),
  'rbac-token-create': async (ask) =>
    (await anyOf(
      ask,
      each(NAMESPACES, (ns) => each(ANY_NAME, (name) => [req('create', '', 'serviceaccounts/token', ns, name)])),
    )) ||
    (await anyOf(ask, [req('update', '', 'secrets', ELSEWHERE), req('patch', '', 'secrets', ELSEWHERE)])) ||
    ((await ask(req('create', '', 'secrets', ELSEWHERE))) &&
      (await anyOf(
        ask,
        each(['get', 'list', 'watch', 'update', 'patch'], (verb) => each(ANY_NAME, (name) => [req(verb, '', 'secrets', ELSEWHERE, name)])),
      ))),
}
const both = async (ask: Ask, verb: string, onRequests: string): Promise<boolean> =>
  (await anyOf(
    ask,
    ['', ...LOGINS].map((name) => req(verb, CSR, 'signers', '', name)),
  )) &&
  (await anyOf(
    ask,
    each(['update', 'patch'], (write) => each(ANY_NAME, (name) => [req(write, CSR, onRequests, '', name)])),
  ))

async function constrained(ask: Ask): Promise<boolean> {
  const first: Readonly<Record<string, readonly ResourceRequest[]>> = {
    'user-info': each(['users', 'groups'], (what) => ANY_NAME.map((name) => req('impersonate:user-info', AUTHN, what, '', name))),
    serviceaccount: each(NAMESPACES, (ns) => ANY_NAME.map((name) => req('impersonate:serviceaccount', AUTHN, 'serviceaccounts', ns, name))),
    'arbitrary-node': ANY_NAME.map((name) => req('impersonate:arbitrary-node', AUTHN, 'nodes', '', name)),
  }
  const resources = [
    'pods',
    'pods/exec',
    'deployments',
    'users',
    'groups',
    'serviceaccounts',
    'serviceaccounts/token',
    'uids',
    'nodes',
    'nodes/proxy',
  ]
  const more = ['secrets', 'signers', 'certificatesigningrequests', 'certificatesigningrequests/approval']
  for (const [mode, requests] of Object.entries(first)) {
    if (!(await anyOf(ask, requests))) continue
    for (const ns of ['', ...NAMESPACES])
      for (const inGroup of ['', 'apps', CSR, AUTHN]) {
        const does = each([...resources, ...more], (what) =>
          ANY_NAME.map((name) => req(`impersonate-on:${mode}:get`, inGroup, what, ns, name)),
        )
        if (await anyOf(ask, does)) return true
      }
  }
  return false
}
/** A Secret that is written where a powerful account lives is reported as well, and who is powerful no access review says. */
const WRITES_SECRETS = (ask: Ask) =>
  anyOf(
    ask,
    each(NAMESPACES, (ns) => each(['create', 'update', 'patch'], (verb) => [req(verb, '', 'secrets', ns)])),
  )

describeCluster('rights that lead further, at random', { audit: false }, (cluster) => {
  test('who is named is who is allowed', { timeout: 500_000 }, async () => {
    const { api } = cluster()
    const seed = Number(process.env['RBAC_SEED'] ?? Date.now() % 1_000_000)
    console.info(`RBAC_SEED=${seed}`)
    for (const name of NAMESPACES) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const wrong: string[] = []
    const told = new Map<string, { yes: number; no: number }>(Object.keys(ORACLES).map((id) => [id, { yes: 0, no: 0 }]))
    for (let round = 0; round < 4; round++) {
      const world = randomWorld(seed + round, 20)
      await inParallel(world, (object) => api.create(collectionOf(object), object))
      await settled(api, `round-${round}`, 'alpha')
      const seen = await snapshotOf(api)
      for (const [id, allows] of Object.entries(ORACLES)) {
        const outcome = judge(controls.find((one) => one.id === id)!, seen)
        expect(outcome.status, `${id}: ${outcome.error}`).not.toBe('error')
        const asksOf =
          (who: (typeof WHO)[number]): Ask =>
          (request) =>
            ask(api, who, request)
        const allowed = new Map<string, boolean>()
        for (const who of WHO) allowed.set(who.user, await allows(asksOf(who)))
        for (const who of WHO) {
          const about = named(outcome.findings, who)
          const isAllowed = allowed.get(who.user)!
          told.get(id)![isAllowed ? 'yes' : 'no'] += 1
          // What a group is granted may be the half that one of its members lacks.
          const himself = { ...who, is: who.is.filter((text) => !text.startsWith('Group ')) }
          const others = about.filter(
            (one) => named([one], himself).length > 0 || !WHO.some((other) => allowed.get(other.user) && named([one], other).length > 0),
          )
          const onlyPerhaps = others.every(({ verdict }) => verdict === 'review')
          if (isAllowed && about.length === 0) wrong.push(`round ${round}: ${id} says nothing of ${who.user}, who is allowed it`)
          if (!isAllowed && !onlyPerhaps && !(id === 'rbac-token-create' && (await WRITES_SECRETS(asksOf(who)))))
            wrong.push(
              `round ${round}: ${id} fails ${who.user} by ${others.map(({ subject }) => subject.name).join(', ')}, who is not allowed it`,
            )
        }
      }
      for (const object of world) await api.request('DELETE', `${collectionOf(object)}/${object.metadata.name}`)
    }
    expect(wrong, `seed ${seed}`).toEqual([])
    console.info(JSON.stringify(Object.fromEntries(told)))
    // A test in which all are allowed, or none, proves little.
    for (const [id, { yes, no }] of told) expect(Math.min(yes, no), `${id}, seed ${seed}: ${yes} allowed, ${no} not`).toBeGreaterThan(0)
  })
})
