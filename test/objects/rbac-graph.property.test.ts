/** The graph against a closure that knows nothing of it: it asks the evaluator one request after another and tries each step out. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BindingObject, KubeObject, RoleObject, Snapshot } from '../../src/model/index.ts'
import { grants, grantsOf, mayI, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { goalOf, rbacGraph } from '../../src/objects/rbac-graph.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import { account, binding, namespace, pod, role, tokenSecret, viewOf } from './rbac-graph-worlds.ts'

const RBAC = 'rbac.authorization.k8s.io'
const NAMESPACES = ['a', 'b'] as const
const ACCOUNTS = ['a/x', 'a/y', 'b/x', 'b/z'] as const
const SUBJECTS = ['User:u', 'User:v', 'Group:g', ...ACCOUNTS.map((one) => `ServiceAccount:${one}`), 'Group:system:serviceaccounts:a']

// ── the oracle ─────────────────────────────────────────────────────────────────────────────────
interface Actor {
  readonly user: string
  readonly groups: readonly string[]
}
const isSame = (a: KubeObject, b: KubeObject): boolean =>
  a.kind === b.kind && a.metadata.name === b.metadata.name && a.metadata.namespace === b.metadata.namespace
const asAccount = (ns: string, name: string): Actor => ({ user: serviceAccountUser(ns, name), groups: serviceAccountGroups(ns) })
const asUser = (name: string, ...groups: readonly string[]): Actor => ({ user: name, groups: [...groups, 'system:authenticated'] })

/** An attacker loses nothing: whoever it has become, it remains, and what it did to roles and bindings stays done. */
function oracle(objects: readonly KubeObject[], start: Actor): ReadonlySet<string> {
  const actors = new Map([[JSON.stringify(start), start]])
  const done = new Map<string, KubeObject>()
  const goals = new Set<string>()
  for (let size = -1; size !== actors.size + done.size + goals.size; ) {
    size = actors.size + done.size + goals.size
    const now = viewOf([...objects.filter((one) => !done.values().some((other) => isSame(one, other))), ...done.values()])
    for (const next of stepsOf(now, [...actors.values()], goals.has('node'))) {
      if (next === 'cluster-admin') return new Set([next])
      if (typeof next === 'string') goals.add(next)
      else if ('kind' in next) done.set(JSON.stringify([next.kind, next.metadata.namespace, next.metadata.name]), next)
      else actors.set(JSON.stringify(next), next)
    }
  }
  return goals
}

type May = (verb: string, full: string, ns?: string, name?: string) => boolean
const mayOf =
  (now: Snapshot, { user, groups }: Actor): May =>
  (verb, full, ns = '', name = '') => {
    const [group, path] = full.includes('|') ? (full.split('|') as [string, string]) : ['', full]
    const [resource, subresource = ''] = path.split('/') as [string, string?]
    const request: ResourceRequest = { verb, group, resource, subresource, namespace: ns, name }
    return mayI(grants(now), user, groups, request)
  }

function* stepsOf(now: Snapshot, actors: readonly Actor[], hasNode: boolean): Iterable<Actor | KubeObject | string> {
  const each = actors.map((actor) => ({ actor, may: mayOf(now, actor) }))
  // What one of them does, another one may go on with.
  const may: May = (...asked) => each.some((one) => one.may(...asked))
  if (may('*', '*|*')) yield 'cluster-admin'
  const accounts = now.all('ServiceAccount').map(({ metadata }) => [metadata.namespace!, metadata.name] as const)
  const pods = now.all('Pod')
  for (const ns of NAMESPACES) {
    const here = accounts.filter(([where]) => where === ns).map(([, name]) => name)
    const makesPods = may('create', 'pods', ns) || may('create', 'apps|deployments', ns)
    if (makesPods) for (const name of here) yield asAccount(ns, name)
    if (makesPods && (ns === 'a' || may('patch', 'namespaces', ns, ns))) yield 'node'
    const free = ['new', 'old'].filter((name) => now.find('Secret', ns, name) === undefined)
    const reads = free.some((name) => may('get', 'secrets', ns, name) || may('list', 'secrets', ns, name))
    if (may('create', 'secrets', ns) && reads) for (const name of here) yield asAccount(ns, name)
    for (const name of here) if (may('create', 'serviceaccounts/token', ns, name)) yield asAccount(ns, name)
    for (const name of ['x', 'y', 'z', 'gone']) if (may('impersonate', 'serviceaccounts', ns, name)) yield asAccount(ns, name)
    for (const secret of now.all('Secret').filter(({ metadata }) => metadata.namespace === ns))
      if (may('get', 'secrets', ns, secret.metadata.name) || may('list', 'secrets', ns, secret.metadata.name))
        yield asAccount(ns, secret.metadata.annotations!['kubernetes.io/service-account.name']!)
    for (const { metadata, spec } of pods.filter((one) => one.metadata.namespace === ns)) {
      if (may('create', 'pods/exec', ns, metadata.name) || may('patch', 'pods', ns, metadata.name)) {
        yield asAccount(ns, spec.serviceAccountName!)
        if (spec.containers[0]!.securityContext?.privileged) yield 'node'
      }
      // Whoever owns a node makes pods come to it.
      if (hasNode && (may('patch', 'nodes') || may('delete', 'pods', ns, metadata.name))) yield asAccount(ns, spec.serviceAccountName!)
    }
  }
  for (const one of each) yield* impersonated(one.may, now)
  if (may('get', 'nodes/proxy', '', 'n1')) {
    yield 'node'
    for (const { metadata, spec } of pods) yield asAccount(metadata.namespace!, spec.serviceAccountName!)
  }
  for (const one of each) yield* delegations(now, one.actor, one.may)
  // A role is worth rewriting where anybody that it has become is bound to it.
  for (const { role: one } of actors.flatMap(({ user, groups }) => grantsOf(grants(now), user, groups))) {
    if (one === undefined || one.metadata.name === 'cluster-admin') continue
    const [plural, ns] = one.kind === 'ClusterRole' ? ['clusterroles', ''] : ['roles', one.metadata.namespace]
    const writes = ({ may: its }: (typeof each)[number]) =>
      its('escalate', `${RBAC}|${plural}`, ns, one.metadata.name) && its('update', `${RBAC}|${plural}`, ns, one.metadata.name)
    if (each.some(writes)) yield { ...one, rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] } as RoleObject
  }
}

/** All of it is checked on one request, and so of one identity. */
function* impersonated(may: May, now: Snapshot): Iterable<Actor | string> {
  const users = ['u', 'v', 'anyone'].filter((name) => may('impersonate', 'users', '', name))
  for (const name of users) yield asUser(name)
  const somebody =
    users.length > 0 ||
    NAMESPACES.some((ns) => ['x', 'y', 'z', 'gone', 'any'].some((name) => may('impersonate', 'serviceaccounts', ns, name)))
  if (somebody && may('impersonate', 'groups', '', 'system:masters')) yield 'cluster-admin'
  if (somebody && may('impersonate', 'groups', '', 'g')) yield asUser('whoever', 'g')
  // In the constrained mode the verb is checked of the one, the object of the other, and a new Secret or binding is there for good.
  for (const name of ['u', 'v', 'anyone'].filter((one) => may('impersonate:user-info', 'authentication.k8s.io|users', '', one))) {
    const other = mayOf(now, asUser(name))
    const both: May = (verb, ...rest) => may(`impersonate-on:user-info:${verb}`, ...rest) && other(verb, ...rest)
    for (const ns of NAMESPACES)
      for (const [where, account] of now.all('ServiceAccount').map(({ metadata }) => [metadata.namespace!, metadata.name] as const))
        if (where === ns && (both('create', 'pods', ns) || both('create', 'serviceaccounts/token', ns, account)))
          yield asAccount(ns, account)
    if (NAMESPACES.some((ns) => both('create', 'pods', ns) && ns === 'a')) yield 'node'
    if (both('create', `${RBAC}|clusterrolebindings`)) yield asUser(name)
  }
}

function* delegations(now: Snapshot, { user }: Actor, may: May): Iterable<KubeObject> {
  const bindTo = (kind: string, name: string, ns?: string): KubeObject => ({
    ...binding(`new-${name}`, kind, name, [`User:${user}`], ns),
    metadata: { name: `new-${kind}-${name}-${user}`.toLowerCase(), ...(ns && { namespace: ns }) },
  })
  for (const name of now.all('ClusterRole').map(({ metadata }) => metadata.name)) {
    if (may('create', `${RBAC}|clusterrolebindings`) && may('bind', `${RBAC}|clusterroles`, '', name)) yield bindTo('ClusterRole', name)
    for (const ns of NAMESPACES)
      if (may('create', `${RBAC}|rolebindings`, ns) && may('bind', `${RBAC}|clusterroles`, ns, name)) yield bindTo('ClusterRole', name, ns)
  }
  for (const { metadata } of now.all('Role'))
    if (may('create', `${RBAC}|rolebindings`, metadata.namespace) && may('bind', `${RBAC}|roles`, metadata.namespace, metadata.name))
      yield bindTo('Role', metadata.name, metadata.namespace)
  for (const one of [...now.all('ClusterRoleBinding'), ...now.all('RoleBinding')]) {
    const [plural, of] = [one.kind === 'ClusterRoleBinding' ? 'clusterrolebindings' : 'rolebindings', `${one.roleRef.kind.toLowerCase()}s`]
    const { namespace: ns = '', name } = one.metadata
    if (may('patch', `${RBAC}|${plural}`, ns, name) && may('bind', `${RBAC}|${of}`, ns, one.roleRef.name))
      yield bindTo(one.roleRef.kind, one.roleRef.name, ns === '' ? undefined : ns)
  }
}

// ── random worlds ──────────────────────────────────────────────────────────────────────────────
const RULES = [
  'create pods',
  'create apps/deployments',
  'create secrets',
  'get secrets',
  'create,get secrets',
  'list secrets named old',
  'create serviceaccounts/token',
  'create serviceaccounts/token named x',
  'impersonate users',
  'impersonate users named v',
  'impersonate groups named g',
  'impersonate serviceaccounts named z',
  'create pods/exec',
  'patch pods named p0',
  'patch namespaces',
  'get nodes/proxy',
  `bind ${RBAC}/clusterroles`,
  `bind ${RBAC}/clusterroles named r1,r2`,
  `bind ${RBAC}/roles`,
  `create ${RBAC}/rolebindings`,
  `create ${RBAC}/clusterrolebindings`,
  `escalate,update ${RBAC}/clusterroles named r3`,
  `escalate,update ${RBAC}/roles`,
  'get,list,watch pods',
  '* */*',
  '* secrets',
  'delete pods',
  'patch nodes',
  'get secrets named new',
  `patch ${RBAC}/clusterrolebindings`,
  'impersonate:user-info authentication.k8s.io/users named v',
  'impersonate-on:user-info:create pods,serviceaccounts/token',
  `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`,
]
const world = fc
  .record({
    roles: fc.array(
      fc.record({
        rules: fc.subarray(RULES, { minLength: 1, maxLength: 3 }),
        in: fc.constantFrom(undefined, undefined, undefined, ...NAMESPACES),
      }),
      { minLength: 4, maxLength: 7 },
    ),
    bindings: fc.array(
      fc.record({
        role: fc.nat({ max: 6 }),
        subject: fc.constantFrom(...SUBJECTS),
        in: fc.constantFrom(undefined, undefined, ...NAMESPACES),
      }),
      { minLength: 3, maxLength: 8 },
    ),
    pods: fc.array(fc.record({ of: fc.constantFrom('a/x', 'b/x', 'b/z'), privileged: fc.boolean() }), { maxLength: 2 }),
    legacy: fc.array(fc.constantFrom('a/y', 'b/x'), { maxLength: 1 }),
  })
  .map(({ roles, bindings, pods, legacy }) => {
    const made = roles.map((one, at) => role(`r${at}`, one.rules, one.in))
    const split = (text: string) => text.split('/') as [string, string]
    return [
      role('cluster-admin', ['* */*']),
      namespace('a'),
      namespace('b', 'baseline'),
      ...ACCOUNTS.map((one) => account(...split(one))),
      ...made,
      ...bindings.map((one, at): BindingObject => {
        const target = made[one.role % made.length]!
        return binding(`b${at}`, target.kind, target.metadata.name, [one.subject], target.metadata.namespace ?? one.in)
      }),
      // A pod's node holds no other pod: the node of a privileged one gives that pod's token, which exec gives as well.
      ...pods.map(({ of, privileged }, at) => pod(split(of)[0], `p${at}`, split(of)[1], { nodeName: `m${at}` }, privileged)),
      ...legacy.map((one) => tokenSecret(split(one)[0], 'old', split(one)[1])),
    ]
  })

const STARTS: Readonly<Record<string, Actor>> = {
  'User:u': asUser('u'),
  'User:v': asUser('v'),
  'Group:g': asUser('member', 'g'),
  ...Object.fromEntries(ACCOUNTS.map((one) => [`ServiceAccount:${one}`, asAccount(...(one.split('/') as [string, string]))])),
}

test('nobody gets further than the graph says, and nobody less far', () => {
  const counts = { reached: 0, asked: 0 }
  fc.assert(
    fc.property(world, (objects) => {
      const graph = rbacGraph(viewOf(objects))
      for (const [key, start] of Object.entries(STARTS)) {
        if (!graph.holders.byKey.has(key)) continue
        const goals = oracle(objects, start)
        // A node leads on to the tokens on it: that is what the oracle does not follow for privileged pods of one's own making.
        const onNodes = goals.has('node') && objects.some(({ kind }) => kind === 'Pod')
        const expected = goals.has('cluster-admin') ? 'cluster-admin' : goals.has('node') ? 'node' : undefined
        const found = goalOf(graph, key)
        counts.asked++
        if (expected !== undefined) counts.reached++
        if (onNodes && expected === 'node') expect(['node', 'cluster-admin'], key).toContain(found)
        else expect(found, key).toBe(expected)
      }
    }),
    { numRuns: 100 },
  )
  // A test in which nobody gets anywhere proves little.
  expect(counts.reached / counts.asked).toBeGreaterThan(0.1)
  expect(counts.reached / counts.asked).toBeLessThan(0.9)
}, 300_000)
