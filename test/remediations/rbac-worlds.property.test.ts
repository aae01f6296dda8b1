/** Clusters drawn at random: after the plan nobody becomes cluster-admin whose own recorded work does not need it, and all of that work goes on. */
import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { KubeObject, ObservedRequest, PolicyRule, RbacSubject, Snapshot } from '../../src/model/index.ts'
import { grants, mayI, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { beginnings } from '../../src/objects/rbac-graph-beginnings.ts'
import { sentenceOf } from '../../src/objects/rbac-graph-path.ts'
import { questionOf } from '../../src/objects/rbac-observed.ts'
import { compile, plannable } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { escalatorWorld } from '../e2e/rbac-escalators.ts'
import { FORTY, fortyObjects } from '../e2e/rbac-forty.ts'
import { type Asker, rbacWorld } from '../helpers/rbac-world.ts'

const rbac = controls.filter(({ practice, id }) => practice === 'rbac' && id.startsWith('rbac-'))
const byId = new Map(rbac.map((control) => [control.id, control]))
const GROUP = 'rbac.authorization.k8s.io'

/** As `apply --yes --accept-risk may-break --practice rbac` would. */
function mended(before: Snapshot) {
  const findings = plannable(rbac.flatMap((control) => judge(control, before).findings))
  const plan = compile(findings, byId, before, { unattended: true, acceptRisk: 'may-break' })
  return { plan, findings, after: applyPlan(before, plan.steps) }
}
const reaching = (view: Snapshot) =>
  new Map(
    beginnings(view)
      .all.filter(({ goal }) => goal === 'cluster-admin')
      .map(({ holder, path }) => [holder.key, sentenceOf(path)]),
  )
const recorded = (view: Snapshot) =>
  (view.fact('ObservedRequests')?.subjects ?? []).flatMap(({ user, groups, requests }) =>
    requests.map((request) => ({ user, groups, question: questionOf(request) })),
  )
const lost = (before: Snapshot, after: Snapshot) =>
  recorded(before).filter(({ user, groups, question }) => !mayI(grants(after), user, groups, question))

function asker({ kind, namespace = '', name }: RbacSubject, asks: readonly object[]): Asker {
  if (kind === 'ServiceAccount') return { user: serviceAccountUser(namespace, name), groups: serviceAccountGroups(namespace), asks }
  return kind === 'Group'
    ? { user: `one-of-${name}`, groups: [name, 'system:authenticated'], asks }
    : { user: name, groups: ['system:authenticated'], asks }
}

// ── drawn ──────────────────────────────────────────────────────────────────────────────────────
function randomFrom(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (count: number): number => Math.floor(next() * count)
  const one = <T>(items: readonly T[]): T => items[below(items.length)]!
  const some = <T>(items: readonly T[]): readonly T[] => {
    const chosen = items.filter(() => next() < 0.4)
    return chosen.length > 0 ? chosen : [one(items)]
  }
  return { next, below, one, some }
}
type Random = ReturnType<typeof randomFrom>

const PLACES = ['kube-system', 'vault', 'team-0', 'team-1', 'team-2']
const KINDS: readonly (readonly [group: string, resources: readonly string[], verbs: readonly string[]])[] = [
  ['', ['pods', 'pods/exec', 'secrets', 'configmaps', 'serviceaccounts', 'serviceaccounts/token', 'nodes'], ['get', 'list', 'create']],
  ['', ['users', 'groups', 'serviceaccounts'], ['impersonate']],
  ['apps', ['deployments', 'daemonsets', '*'], ['get', 'list', 'create', 'patch']],
  ['batch', ['jobs', 'cronjobs'], ['get', 'create']],
  [GROUP, ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'], ['get', 'list', 'create', 'update', 'bind', 'escalate']],
  [
    'certificates.k8s.io',
    ['certificatesigningrequests', 'certificatesigningrequests/approval', 'signers'],
    ['create', 'update', 'approve'],
  ],
  ['admissionregistration.k8s.io', ['mutatingwebhookconfigurations'], ['get', 'create', 'update']],
]
const NAMES = ['boss', 'settings', 'web', 'clerk', 'one', 'two', 'three', 'four', 'five']
function drawRule({ one, some, next }: Random): PolicyRule {
  if (next() < 0.05) return { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
  const [group, resources, verbs] = one(KINDS)
  const isNamed = next() < 0.15
  return { apiGroups: [group], resources: some(resources), verbs: some(verbs), ...(isNamed && { resourceNames: some(NAMES) }) }
}

/** What a holder of a rule may have asked for; few ask for all they may. */
function drawRequest({ one, next }: Random, rule: PolicyRule, within: string | undefined): object {
  const [group, full, verb] = [one(rule.apiGroups!), one(rule.resources!), one(rule.verbs)]
  const [resource, subresource] = (full === '*' ? 'deployments' : full).split('/') as [string, string?]
  const named = rule.resourceNames !== undefined || (!['list', 'create'].includes(verb) && next() < 0.9) || subresource !== undefined
  const isWide = CLUSTER.has(resource) || (within === undefined && verb === 'list' && next() < 0.3)
  return {
    ...{ verb: verb === '*' ? 'get' : verb, group: group === '*' ? 'apps' : group, resource },
    ...(subresource !== undefined && { subresource }),
    ...(!isWide && { namespace: within ?? one(PLACES) }),
    ...(named && { name: one(rule.resourceNames ?? NAMES) }),
  }
}
const CLUSTER = new Set([
  'nodes',
  'clusterroles',
  'clusterrolebindings',
  'users',
  'groups',
  'signers',
  'certificatesigningrequests',
  'mutatingwebhookconfigurations',
])

interface Drawn {
  readonly objects: readonly KubeObject[]
  readonly log: readonly Asker[]
}
function draw(seed: number): Drawn {
  const random = randomFrom(seed)
  const { below, one, next } = random
  const objects: KubeObject[] = PLACES.slice(1).map((name) => ({
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  }))
  const subjects: RbacSubject[] = Array.from({ length: 4 + below(6) }, (_, at): RbacSubject => {
    const draw = next()
    if (draw < 0.6) return { kind: 'ServiceAccount', namespace: one(PLACES.slice(1)), name: `app-${at}` }
    return { kind: draw < 0.85 ? 'User' : 'Group', name: `who-${at}`, apiGroup: GROUP }
  })
  const boss: RbacSubject = { kind: 'ServiceAccount', namespace: 'vault', name: 'boss' }
  for (const { kind, namespace, name } of [boss, ...subjects])
    if (kind === 'ServiceAccount') objects.push({ apiVersion: 'v1', kind, metadata: { name, namespace: namespace! } })
  objects.push({
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token' },
    metadata: { name: 'boss-token', namespace: 'vault', annotations: { 'kubernetes.io/service-account.name': 'boss' } },
  } as KubeObject)
  const asks = new Map<RbacSubject, object[]>([boss, ...subjects].map((each) => [each, []]))
  const grant = (at: number, rules: readonly PolicyRule[], within: string | undefined, holders: readonly RbacSubject[]) => {
    objects.push({ apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: { name: `role-${at}` }, rules } as KubeObject)
    objects.push({
      ...{ apiVersion: `${GROUP}/v1`, kind: within === undefined ? 'ClusterRoleBinding' : 'RoleBinding' },
      metadata: { name: `binding-${at}`, ...(within !== undefined && { namespace: within }) },
      ...{ roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: `role-${at}` }, subjects: holders },
    } as KubeObject)
    for (const holder of holders)
      for (const rule of rules)
        if (next() < 0.35) asks.get(holder)!.push(...Array.from({ length: 1 + below(9) }, () => drawRequest(random, rule, within)))
  }
  grant(0, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], undefined, [boss])
  for (let at = 1; at < 5 + below(10); at++)
    grant(
      at,
      Array.from({ length: 1 + below(3) }, () => drawRule(random)),
      next() < 0.5 ? undefined : one(PLACES),
      next() < 0.2 ? [one(subjects), boss] : [one(subjects)],
    )
  return { objects, log: [...asks].map(([subject, list]) => asker(subject, list)) }
}

/** The same cluster in which everybody holds the requests that were recorded, each by itself, and nothing else. */
function needed({ objects, log }: Drawn, before: Snapshot): Snapshot {
  const rest = objects.filter(({ kind }) => !kind.startsWith('ClusterRole') && !kind.startsWith('Role'))
  const seen = new Map((before.fact('ObservedRequests')?.subjects ?? []).map(({ user, requests }) => [user, requests]))
  const held = log.flatMap(({ user, groups }, who) =>
    (seen.get(user) ?? []).flatMap((request, at) => pair(`needed-${who}-${at}`, subjectOf(user, groups), request, seen.get(user)!)),
  )
  return rbacWorld([...rest, ...held], undefined)
}
function subjectOf(user: string, groups: readonly string[]): RbacSubject {
  const [, , namespace, name] = user.split(':')
  if (namespace !== undefined) return { kind: 'ServiceAccount', namespace, name: name! }
  return user.startsWith('one-of-') ? { kind: 'Group', name: groups[0]!, apiGroup: GROUP } : { kind: 'User', name: user, apiGroup: GROUP }
}
function pair(name: string, subject: RbacSubject, request: ObservedRequest, all: readonly ObservedRequest[]): readonly KubeObject[] {
  if ('path' in request) return []
  const { verb, group, resource, subresource, namespace } = request
  // Whoever makes such objects works on those, whatever they will be called; and pods have another name each time.
  const makes = all.some(
    (one) =>
      'resource' in one &&
      one.verb === 'create' &&
      one.resource === resource &&
      one.group === group &&
      !one.subresource &&
      (one.namespace ?? namespace) === namespace,
  )
  const isAny = (makes && subresource === undefined) || ['pods', 'jobs', 'nodes', 'certificatesigningrequests'].includes(resource)
  const resourceNames = request.name !== undefined && !isAny ? { resourceNames: [request.name] } : {}
  const rules = [
    {
      verbs: [verb],
      apiGroups: [group],
      resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
      ...resourceNames,
    },
  ]
  const metadata = { name, ...(namespace !== undefined && { namespace }) }
  const kind = namespace === undefined ? 'ClusterRole' : 'Role'
  return [
    { apiVersion: `${GROUP}/v1`, kind, metadata, rules } as KubeObject,
    {
      apiVersion: `${GROUP}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: GROUP, kind, name },
      subjects: [subject],
    } as KubeObject,
  ]
}

const SEED = Number(process.env['WORLD_SEED'] ?? Date.now() % 1_000_000)
const WORLDS = Number(process.env['WORLDS'] ?? 24)
const RBAC_LISTS = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const
const sorted = (view: Snapshot) => RBAC_LISTS.flatMap((kind) => view.all(kind).map((one) => JSON.stringify(one))).sort()

test('in clusters drawn at random', () => {
  const counts = { reached: 0, reach: 0, asked: 0, steps: 0 }
  for (let seed = SEED; seed < SEED + WORLDS; seed++) {
    const drawn = draw(seed)
    const before = rbacWorld(drawn.objects, drawn.log)
    const { plan, after } = mended(before)
    expect(lost(before, after), `WORLD_SEED=${seed}: recorded, and refused now`).toEqual([])
    const must = reaching(needed(drawn, before))
    const left = [...reaching(after)].filter(([who]) => !must.has(who))
    expect(left, `WORLD_SEED=${seed}: cluster-admin without need`).toEqual([])
    expect(sorted(undoPlan(after, plan.steps)), `WORLD_SEED=${seed}: undone`).toEqual(sorted(before))
    counts.reached += reaching(before).size
    counts.reach += reaching(after).size
    counts.asked += recorded(before).length
    counts.steps += plan.steps.length
  }
  console.info(`WORLD_SEED=${SEED}: ${JSON.stringify(counts)} in ${WORLDS} worlds`)
  // A property over worlds in which nobody gets anywhere, or nobody does anything, proves nothing.
  expect(counts.reached / WORLDS).toBeGreaterThan(2)
  expect(counts.asked / WORLDS).toBeGreaterThan(3)
  expect(counts.reach).toBeLessThan(counts.reached / 2)
}, 300_000)

test.each([true, false])(
  'in clusters drawn at random without an audit log (even: %s), nobody is left without a reason',
  (even) => {
    for (let seed = SEED + (even ? 0 : 1); seed < SEED + WORLDS / 2; seed += 2) {
      const { plan, findings, after } = mended(rbacWorld(draw(seed).objects, undefined))
      const said = new Set([...plan.ledger.byHand, ...plan.ledger.refused, ...plan.ledger.needsValue].map(({ finding }) => finding))
      const left = reaching(after)
      const judged = rbac.flatMap((control) => judge(control, after).findings)
      const unsaid = [...left].filter(
        ([who]) =>
          !judged.some(({ id, key, evidence }) => said.has(id) && JSON.stringify([key, evidence]).includes(who.split(/[:/]/).at(-1)!)),
      )
      expect(unsaid, `WORLD_SEED=${seed}`).toEqual([])
      expect(findings.length).toBeGreaterThan(0)
    }
  },
  300_000,
)

test('in the cluster of forty, and in the second one, with a log and without', () => {
  const forty = FORTY.map(({ subject, does }) =>
    asker(
      subject,
      does.map((one) => ({ group: '', ...one })),
    ),
  )
  for (const [name, objects, log, count] of [
    ['forty', fortyObjects(), forty, 12],
    ['forty', fortyObjects(), undefined, 12],
    ['escalators', escalatorWorld(SEED).objects, [], 12],
    ['escalators', escalatorWorld(SEED).objects, undefined, 12],
  ] as const) {
    const before = rbacWorld(objects, log)
    expect(reaching(before).size, name).toBe(count)
    const { after } = mended(before)
    expect(Object.fromEntries(reaching(after)), name).toEqual({})
    expect(lost(before, after), name).toEqual([])
  }
}, 120_000)

test('what somebody works on by name is not rounded up to the one name that leads on', () => {
  const [{ objects }, subject] = [draw(1), { kind: 'ServiceAccount', namespace: 'team-0', name: 'tokens' }]
  const rest = objects.filter(({ kind }) => !/^(Cluster)?Role(Binding)?$/.test(kind))
  const rbacOf = (name: string, rules: readonly object[], holder: RbacSubject, within?: string) => [
    { apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
    {
      ...{ apiVersion: `${GROUP}/v1`, kind: within === undefined ? 'ClusterRoleBinding' : 'RoleBinding' },
      metadata: { name, ...(within !== undefined && { namespace: within }) },
      ...{ roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name }, subjects: [holder] },
    },
  ]
  const world = [
    ...rest,
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'tokens', namespace: 'team-0' } },
    ...rbacOf('boss', [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], { kind: 'ServiceAccount', namespace: 'vault', name: 'boss' }),
    ...rbacOf(
      'tokens',
      [{ apiGroups: [''], resources: ['serviceaccounts', 'serviceaccounts/token'], verbs: ['list', 'create'] }],
      subject,
      'vault',
    ),
  ] as KubeObject[]
  const about = { group: '', resource: 'serviceaccounts', namespace: 'vault' }
  const asks = [
    { ...about, verb: 'list' },
    { ...about, verb: 'create', subresource: 'token', name: 'clerk' },
  ]
  // The boss does what only he may, so that there is somebody to become.
  const boss = asker({ kind: 'ServiceAccount', namespace: 'vault', name: 'boss' }, [
    { verb: 'escalate', group: GROUP, resource: 'clusterroles' },
    { verb: 'update', group: GROUP, resource: 'clusterroles' },
  ])
  const before = rbacWorld(world, [asker(subject, asks), boss])
  expect([...reaching(before).keys()]).toContain('ServiceAccount:team-0/tokens')
  const { after } = mended(before)
  expect([...reaching(after).keys()]).toEqual(['ServiceAccount:vault/boss'])
  expect(lost(before, after)).toEqual([])
})
