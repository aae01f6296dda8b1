/** Who may write what the whole cluster rests on: our findings against the API server's own SubjectAccessReview, before a remedy and after it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { controls as all } from '../../src/controls/index.gen.ts'
import type { Finding, KubeObject, PolicyRule } from '../../src/model/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { openSession, type Session } from './apply-harness.ts'

const GROUP = 'rbac.authorization.k8s.io'
const HOME = 'rights'
const NAMESPACES = [HOME, 'kube-system', 'agents', 'other']
const NAMES = ['coredns', 'other']
const IDS = ['rbac-admission-extension-write', 'rbac-pv-create', 'rbac-node-write', 'rbac-namespace-write', 'rbac-system-namespace-write']
const controls = all.filter(({ id }) => IDS.includes(id))

// ── what is dangerous, as requests ─────────────────────────────────────────────────────────────
interface Request {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection']
/** The name is in the request only where the API server sees one. */
const requests = (
  verbs: readonly string[],
  group: string,
  resources: readonly string[],
  { namespaces = [''], names = NAMES }: { readonly namespaces?: readonly string[]; readonly names?: readonly string[] } = {},
): Request[] =>
  resources.flatMap((full) => {
    const [resource, subresource = ''] = full.split('/') as [string, string?]
    return verbs.flatMap((verb) =>
      namespaces.flatMap((namespace) => {
        const nameless = verb === 'deletecollection' || (verb === 'create' && subresource === '')
        return (nameless ? [''] : ['', ...names]).map((name) => ({ verb, group, resource, subresource, namespace, name }))
      }),
    )
  })
const ADMISSION = 'admissionregistration.k8s.io'
const PARTS = ['policies', 'policybindings'].flatMap((kind) => [`mutatingadmission${kind}`, `validatingadmission${kind}`])
const PRIVILEGED = { namespaces: ['kube-system', 'agents'] }
const DANGERS: Readonly<Record<string, readonly Request[]>> = {
  'rbac-admission-extension-write': [
    ...requests(WRITE, ADMISSION, ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', ...PARTS]),
    ...requests(WRITE, 'apiregistration.k8s.io', ['apiservices']),
    ...requests(WRITE, 'apiextensions.k8s.io', ['customresourcedefinitions']),
  ],
  'rbac-pv-create': [
    ...requests(['create', 'update', 'patch'], '', ['persistentvolumes']),
    ...requests(['create'], 'storage.k8s.io', ['storageclasses']),
  ],
  'rbac-node-write': [
    ...requests(WRITE, '', ['nodes']),
    ...requests(['update', 'patch'], '', ['nodes/status']),
    ...requests(['create'], '', ['pods/binding', 'bindings'], { namespaces: NAMESPACES }),
  ],
  'rbac-namespace-write': [...NAMESPACES, 'coredns'].flatMap((name) =>
    ['', 'status', 'finalize'].flatMap((subresource) =>
      ['update', 'patch'].map((verb) => ({ verb, group: '', resource: 'namespaces', subresource, namespace: name, name })),
    ),
  ),
  'rbac-system-namespace-write': [
    ...requests(WRITE, '', ['configmaps'], { ...PRIVILEGED, names: ['coredns'] }),
    ...requests(WRITE, '', ['secrets', 'serviceaccounts', 'pods', 'replicationcontrollers'], PRIVILEGED),
    ...requests(WRITE, 'apps', ['deployments', 'daemonsets', 'statefulsets', 'replicasets'], PRIVILEGED),
    ...requests(WRITE, 'batch', ['jobs', 'cronjobs'], PRIVILEGED),
    ...['', 'events.k8s.io'].flatMap((group) => requests(['delete', 'deletecollection'], group, ['events'], PRIVILEGED)),
  ],
}
/** What no remedy has any business with: reading, and writing of other things. */
const HARMLESS: readonly Request[] = [
  ...requests(['get', 'list', 'watch'], '', ['configmaps', 'secrets', 'pods', 'pods/log', 'services'], { namespaces: NAMESPACES }),
  ...requests(['get', 'list'], '', ['nodes', 'nodes/metrics', 'namespaces', 'persistentvolumes']),
  ...requests(['get', 'watch'], ADMISSION, ['mutatingwebhookconfigurations']),
  ...requests(WRITE, '', ['services', 'persistentvolumeclaims', 'pods/eviction', 'endpoints'], { namespaces: NAMESPACES }),
  ...requests(WRITE, 'networking.k8s.io', ['networkpolicies'], { namespaces: NAMESPACES }),
  ...requests(['create', 'delete'], '', ['namespaces', 'persistentvolumes/status']).filter(
    ({ verb, subresource }) => verb === 'create' || subresource === '',
  ),
  ...requests(['get', 'delete'], 'storage.k8s.io', ['storageclasses']),
  ...requests(['create', 'patch'], '', ['events'], { namespaces: NAMESPACES }),
]

// ── the world: one role, one binding and one subject a case, all of one name ───────────────────
interface Case {
  readonly name: string
  readonly rules: readonly PolicyRule[]
  /** Namespace of the Role; absent: a ClusterRole. */
  readonly roleIn?: string
  /** Namespace of the RoleBinding; absent: a ClusterRoleBinding. `none`: nothing binds it. */
  readonly boundIn?: string
  readonly builtIn?: string
  readonly by?: 'group' | 'user' | 'aggregation'
  /** Controls that have to find something. */
  readonly finds: readonly string[]
}
const rule = (verbs: string, group: string, resources: string, ...names: string[]): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [group],
  resources: resources.split(' '),
  ...(names.length > 0 && { resourceNames: names }),
})
const [HOOKS, VOLUMES, NODE, SPACES, SYSTEM] = IDS as [string, string, string, string, string]
const CASES: readonly Case[] = [
  { name: 'hooks', rules: [rule('get update', ADMISSION, 'mutatingwebhookconfigurations')], finds: [HOOKS] },
  { name: 'hooks-named', rules: [rule('get patch', ADMISSION, 'mutatingwebhookconfigurations', 'other')], finds: [HOOKS] },
  { name: 'hooks-create-named', rules: [rule('create', ADMISSION, 'mutatingwebhookconfigurations', 'other')], finds: [] },
  { name: 'hooks-in-namespace', rules: [rule('update', ADMISSION, 'validatingwebhookconfigurations')], boundIn: HOME, finds: [] },
  { name: 'hooks-by-group', rules: [rule('deletecollection', ADMISSION, 'validatingadmissionpolicies')], by: 'group', finds: [HOOKS] },
  { name: 'hooks-aggregated', rules: [rule('create', 'apiregistration.k8s.io', 'apiservices')], by: 'aggregation', finds: [HOOKS] },
  { name: 'hooks-unbound', rules: [rule('create', ADMISSION, 'mutatingwebhookconfigurations')], boundIn: 'none', finds: [] },
  { name: 'hooks-other-group', rules: [rule('* get', 'policy.example', 'mutatingwebhookconfigurations apiservices')], finds: [] },
  { name: 'volumes', rules: [rule('get create delete', '', 'persistentvolumes persistentvolumeclaims')], finds: [VOLUMES] },
  {
    name: 'volumes-delete',
    rules: [rule('get delete', '', 'persistentvolumes'), rule('update', '', 'persistentvolumes/status')],
    finds: [],
  },
  { name: 'volumes-built-in', rules: [], builtIn: 'system:persistent-volume-provisioner', finds: [VOLUMES] },
  { name: 'nodes', rules: [rule('get patch', '', 'nodes nodes/metrics')], by: 'user', finds: [NODE] },
  { name: 'nodes-in-namespace', rules: [rule('patch', '', 'nodes')], boundIn: HOME, finds: [] },
  { name: 'nodes-binding', rules: [rule('create', '', 'pods/binding')], roleIn: 'other', boundIn: 'other', finds: [NODE] },
  { name: 'nodes-reader', rules: [rule('get list', '', 'nodes nodes/status'), rule('create', '', 'pods/eviction')], finds: [] },
  { name: 'spaces', rules: [rule('patch get', '', 'namespaces')], finds: [SPACES] },
  { name: 'spaces-own', rules: [rule('update get', '', 'namespaces configmaps')], roleIn: HOME, boundIn: HOME, finds: [SPACES] },
  { name: 'spaces-elsewhere', rules: [rule('update', '', 'namespaces', 'other')], boundIn: HOME, finds: [] },
  { name: 'spaces-status', rules: [rule('patch', '', 'namespaces/status')], boundIn: 'other', finds: [SPACES] },
  { name: 'spaces-create', rules: [rule('create get', '', 'namespaces')], finds: [] },
  {
    name: 'system',
    rules: [rule('get update', '', 'configmaps services')],
    roleIn: 'kube-system',
    boundIn: 'kube-system',
    finds: [SYSTEM],
  },
  { name: 'system-lock', rules: [rule('update', '', 'configmaps', 'leader')], roleIn: 'kube-system', boundIn: 'kube-system', finds: [] },
  { name: 'system-coredns', rules: [rule('patch', '', 'configmaps', 'coredns')], boundIn: 'kube-system', finds: [SYSTEM] },
  { name: 'system-beside', rules: [rule('get patch', 'apps', 'daemonsets')], boundIn: 'agents', finds: [SYSTEM] },
  { name: 'system-elsewhere', rules: [rule('*', 'apps', '*'), rule('create', '', 'pods')], boundIn: 'other', finds: [] },
  { name: 'system-events', rules: [rule('list deletecollection', 'events.k8s.io', 'events')], finds: [SYSTEM] },
  { name: 'wild', rules: [rule('*', '', '*')], finds: [VOLUMES, NODE, SPACES, SYSTEM] },
]
const pick = (...items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: Math.min(3, items.length) })
const randomRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: pick('get', 'create', 'update', 'patch', 'delete', 'deletecollection', '*'),
  apiGroups: fc.oneof(fc.constant(['']), pick('', 'apps', ADMISSION, 'storage.k8s.io', '*')),
  resources: pick(
    'configmaps',
    'namespaces',
    'namespaces/status',
    'nodes',
    'pods',
    'pods/binding',
    'deployments',
    'persistentvolumes',
    'storageclasses',
    'mutatingwebhookconfigurations',
    '*/status',
    '*/binding',
    'events',
    '*',
  ),
  resourceNames: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: pick(...NAMES) }),
})
const RANDOM: readonly Omit<Case, 'finds'>[] = fc
  .sample(
    fc.tuple(
      fc.array(randomRule, { minLength: 1, maxLength: 2 }),
      fc.constantFrom(undefined, undefined, undefined, ...NAMESPACES),
      fc.boolean(),
    ),
    { seed: 20, numRuns: 20 },
  )
  .map(([rules, boundIn, isRole], n) => ({
    name: `random-${n}`,
    rules,
    ...(boundIn !== undefined && { boundIn, ...(isRole && { roleIn: boundIn }) }),
  }))

const asUser = ({ name, by }: Pick<Case, 'name' | 'by'>): { readonly user: string; readonly groups: readonly string[] } => {
  if (by === 'user') return { user: name, groups: ['system:authenticated'] }
  const namespace = by === 'group' ? 'grouped' : HOME
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  }
}
function objectsOf({ name, rules, roleIn, boundIn, builtIn, by }: Omit<Case, 'finds'>): KubeObject[] {
  const role = {
    apiVersion: `${GROUP}/v1`,
    kind: roleIn ? 'Role' : 'ClusterRole',
    metadata: { name, ...(roleIn && { namespace: roleIn }), ...(by === 'aggregation' && { labels: { whole: name } }) },
    rules,
  }
  const whole = {
    ...role,
    metadata: { name: `${name}-whole` },
    rules: [],
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { whole: name } }] },
  }
  const subject = {
    group: { apiGroup: GROUP, kind: 'Group', name: 'system:serviceaccounts:grouped' },
    user: { apiGroup: GROUP, kind: 'User', name },
  }[by as string] ?? { kind: 'ServiceAccount', name, namespace: HOME }
  const ref = builtIn ?? (by === 'aggregation' ? `${name}-whole` : name)
  const binding = {
    apiVersion: `${GROUP}/v1`,
    kind: boundIn ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name, ...(boundIn && { namespace: boundIn }) },
    roleRef: { apiGroup: GROUP, kind: role.kind, name: ref },
    subjects: [subject],
  }
  return [...(builtIn ? [] : [role]), ...(by === 'aggregation' ? [whole] : []), ...(boundIn === 'none' ? [] : [binding])]
}
const pathOf = ({ kind, metadata }: KubeObject): string =>
  `/apis/${GROUP}/v1/${metadata.namespace ? `namespaces/${metadata.namespace}/` : ''}${kind.toLowerCase()}s`

describeCluster('writers of what the cluster rests on', { controllerManager: true, audit: false }, (cluster: () => Cluster) => {
  const ask = async (who: Pick<Case, 'name' | 'by'>, resourceAttributes: Request): Promise<boolean> => {
    const spec = { ...asUser(who), resourceAttributes }
    const { status } = await cluster().api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec,
    })
    return status.allowed
  }
  const allowed = async (who: Pick<Case, 'name' | 'by'>, list: readonly Request[]): Promise<readonly Request[]> => {
    const answers: boolean[] = []
    for (let at = 0; at < list.length; at += 30) answers.push(...(await Promise.all(list.slice(at, at + 30).map((one) => ask(who, one)))))
    return list.filter((_, at) => answers[at])
  }
  const anyAllowed = async (who: Pick<Case, 'name' | 'by'>, list: readonly Request[]): Promise<boolean> => {
    for (let at = 0; at < list.length; at += 60) if ((await allowed(who, list.slice(at, at + 60))).length > 0) return true
    return false
  }
  const holding = async (who: Pick<Case, 'name' | 'by'>): Promise<readonly string[]> => {
    const held: string[] = []
    for (const id of IDS) if (await anyAllowed(who, DANGERS[id]!)) held.push(id)
    return held
  }
  /** By the name that role, binding and subject of a case share. */
  const found = (session: Session, name: string): readonly string[] => {
    const mine = session.scan.findings.filter((one: Finding) => one.origin === 'workload' && one.subject.name === name)
    return IDS.filter((id) => mine.some(({ control }) => control === id))
  }

  test('a finding where the API server says yes, none where it says no; after the remedy it says no, and to nothing else', {
    timeout: 400_000,
  }, async () => {
    const { api } = cluster()
    for (const name of NAMESPACES.filter((one) => one !== 'kube-system'))
      await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await api.create('/apis/apps/v1/namespaces/agents/daemonsets', {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: {
          metadata: { labels: { app: 'agent' } },
          spec: { containers: [{ name: 'agent', image: 'example.test/agent:1', securityContext: { privileged: true } }] },
        },
      },
    })
    const cases = [...CASES, ...RANDOM]
    for (const one of cases) for (const object of objectsOf(one)) await api.create(pathOf(object), object)
    // The last of each kind of object has reached the authorizer, and the aggregated role is filled.
    await expect.poll(() => holding(CASES.find(({ by }) => by === 'aggregation')!), { timeout: 60_000 }).toEqual([HOOKS])
    await expect.poll(() => holding(CASES.at(-1)!), { timeout: 60_000 }).toEqual(CASES.at(-1)!.finds)

    const session = await openSession({ kubeconfig: cluster().kubeconfig, controls })
    try {
      const judged = new Map<string, { readonly server: readonly string[]; readonly harmless: readonly Request[] }>()
      for (const one of cases) judged.set(one.name, { server: await holding(one), harmless: await allowed(one, HARMLESS) })
      expect(CASES.map(({ name }) => [name, judged.get(name)!.server])).toEqual(CASES.map(({ name, finds }) => [name, finds]))
      expect(cases.map(({ name }) => [name, found(session, name)])).toEqual(cases.map(({ name }) => [name, judged.get(name)!.server]))
      const random = RANDOM.map(({ name }) => judged.get(name)!.server.length)
      expect([random.filter((count) => count === 0).length > 3, random.filter((count) => count > 0).length > 6]).toEqual([true, true])

      const before = session.plan()
      expect(before.ledger.byHand.concat(before.ledger.needsValue as never)).toEqual([])
      const states = await session.apply()
      expect(states.filter(({ is }) => is !== 'mended')).toEqual([])
      await expect.poll(() => holding(CASES.at(-1)!), { timeout: 60_000 }).toEqual([])
      await expect.poll(() => holding(CASES.find(({ by }) => by === 'aggregation')!), { timeout: 60_000 }).toEqual([])
      for (const one of cases) {
        expect([one.name, await holding(one)]).toEqual([one.name, []])
        // The binding to a built-in role goes as a whole.
        if (!('builtIn' in one)) expect([one.name, await allowed(one, HARMLESS)]).toEqual([one.name, judged.get(one.name)!.harmless])
      }
      expect(cases.flatMap(({ name }) => found(session, name))).toEqual([])
    } finally {
      await session.close()
    }
  })

  test('the policy that freezes Pod Security labels refuses them, and nothing else, to who may only write namespaces', {
    timeout: 180_000,
  }, async () => {
    const { api, kubectl } = cluster()
    const name = 'frozen'
    await api.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    })
    const labeller: Case = { name: 'labeller', by: 'user', rules: [rule('get patch', '', 'namespaces namespaces/status')], finds: [SPACES] }
    for (const object of objectsOf(labeller)) await api.create(pathOf(object), object)
    await expect.poll(() => holding(labeller), { timeout: 20_000 }).toEqual([SPACES])
    /** What the API server answers to a patch of labels; '' where it takes it. */
    const patch = async (labels: object, ...more: string[]): Promise<string> => {
      const body = JSON.stringify({ metadata: { labels } })
      return kubectl(['patch', 'namespace', name, '--type=merge', '-p', body, '--dry-run=server', ...more]).then(
        () => '',
        (error: Error) => error.message,
      )
    }
    const [off, lower] = [{ 'pod-security.kubernetes.io/enforce': null }, { 'pod-security.kubernetes.io/enforce': 'privileged' }]
    expect(await patch(off, '--as=labeller')).toBe('')
    expect(await patch(off, '--as=labeller', '--subresource=status'), 'the status is a way round Pod Security').toBe('')

    const session = await openSession({ kubeconfig: cluster().kubeconfig, controls })
    try {
      const offers = () => session.scan.findings.filter(({ key }) => key === 'freeze').map(({ verdict }) => verdict)
      expect(offers()).toEqual(['review'])
      const changes = session.plan().steps.flatMap((step) => step.changes)
      for (const change of changes)
        if (change.type === 'create')
          await api.create(`/apis/admissionregistration.k8s.io/v1/${change.object.kind.toLowerCase().replace(/y$/, 'ie')}s`, change.object)
      await expect.poll(() => patch(off, '--as=labeller'), { timeout: 60_000 }).toContain('Pod Security labels are changed by')
      for (const labels of [off, lower, { 'pod-security.kubernetes.io/warn': 'baseline' }])
        for (const more of [[], ['--subresource=status']])
          expect(await patch(labels, '--as=labeller', ...more)).toContain('Pod Security labels')
      expect(await patch({ team: 'shop' }, '--as=labeller')).toBe('')
      expect(await patch(off)).toBe('')
      await expect.poll(offers, { timeout: 30_000 }).toEqual([])
      expect(found(session, 'labeller'), 'the right itself is still found').toEqual([SPACES])
    } finally {
      await session.close()
    }
  })
})
