/**
 * A cluster of 300 roles and 40 subjects. Twelve of them reach cluster-admin, each by a primitive of its own; the others hold what looks
 * much like it and is not. Every subject has a script of what it does all day, which uses none of its way to cluster-admin.
 */
import type { KubeObject, PolicyRule, RbacSubject } from '../../src/model/index.ts'

const GROUP = 'rbac.authorization.k8s.io'
export interface Call {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete'
  readonly group?: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}
export interface FortySubject {
  readonly subject: RbacSubject
  /** The primitive (controls.md 7a) by which it reaches cluster-admin. */
  readonly reaches?: string
  readonly does: readonly Call[]
}
interface Grant {
  readonly rules: readonly PolicyRule[]
  /** Namespaces of RoleBindings; absent: a ClusterRoleBinding. */
  readonly in?: readonly string[]
}
interface Member extends FortySubject {
  readonly name: string
  readonly grants: readonly Grant[]
}

const rule = (verbs: string, resources: string, group = '', names?: string): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [group],
  resources: resources.split(' '),
  ...(names !== undefined && { resourceNames: names.split(' ') }),
})
const account = (namespace: string, name: string): RbacSubject => ({ kind: 'ServiceAccount', namespace, name })
const CERTIFICATES = 'certificates.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'
/** Kubernetes' own controller that may write any role: whoever becomes it is as good as cluster-admin. */
export const STRONG = 'clusterrole-aggregation-controller'
const READS: readonly PolicyRule[] = [rule('get list watch', 'pods configmaps services')]

const ESCALATORS: readonly Member[] = [
  {
    name: 'everything',
    reaches: 'E01',
    subject: account('team-0', 'ops'),
    grants: [{ rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] }],
    does: [
      { verb: 'list', resource: 'pods', namespace: 'team-0' },
      { verb: 'get', resource: 'configmaps', namespace: 'team-0', name: 'app' },
      { verb: 'list', resource: 'nodes' },
    ],
  },
  {
    name: 'role-manager',
    reaches: 'E02',
    subject: account('team-1', 'role-manager'),
    grants: [{ rules: [rule('get list watch create update patch escalate', 'roles clusterroles', GROUP)] }],
    does: [
      { verb: 'list', group: GROUP, resource: 'clusterroles' },
      { verb: 'get', group: GROUP, resource: 'roles', namespace: 'team-1', name: 'app' },
    ],
  },
  {
    name: 'binder',
    reaches: 'E03',
    subject: account('team-2', 'binder'),
    grants: [{ rules: [rule('get list create', 'clusterrolebindings', GROUP), rule('get list bind', 'clusterroles', GROUP)] }],
    does: [
      { verb: 'list', group: GROUP, resource: 'clusterrolebindings' },
      { verb: 'get', group: GROUP, resource: 'clusterroles', name: 'view' },
    ],
  },
  {
    name: 'impersonator',
    reaches: 'E05',
    subject: { kind: 'User', name: 'carol' },
    grants: [{ rules: [rule('impersonate', 'users groups'), rule('get list', 'namespaces')] }],
    does: [{ verb: 'list', resource: 'namespaces' }],
  },
  {
    name: 'secret-reader',
    reaches: 'E07',
    subject: account('team-3', 'reader'),
    grants: [{ rules: [rule('get list', 'secrets')], in: ['kube-system'] }],
    does: [{ verb: 'get', resource: 'secrets', namespace: 'kube-system', name: 'app-config' }],
  },
  {
    name: 'secret-writer',
    reaches: 'E08',
    subject: account('team-4', 'minter'),
    grants: [{ rules: [rule('get create', 'secrets')], in: ['kube-system'] }],
    does: [{ verb: 'get', resource: 'secrets', namespace: 'kube-system', name: 'shared' }],
  },
  {
    name: 'token-issuer',
    reaches: 'E09',
    subject: account('team-5', 'tokens'),
    grants: [{ rules: [rule('create', 'serviceaccounts/token'), rule('get list', 'serviceaccounts')] }],
    does: [
      { verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace: 'team-5', name: 'tokens' },
      { verb: 'list', resource: 'serviceaccounts', namespace: 'team-5' },
    ],
  },
  {
    name: 'pod-runner',
    reaches: 'E10',
    subject: account('team-6', 'runner'),
    grants: [{ rules: [rule('create get list delete', 'pods')] }],
    does: [
      { verb: 'create', resource: 'pods', namespace: 'team-6' },
      { verb: 'list', resource: 'pods', namespace: 'team-6' },
      { verb: 'delete', resource: 'pods', namespace: 'team-6', name: 'job-1' },
    ],
  },
  {
    name: 'deployer',
    reaches: 'E11',
    subject: account('team-7', 'deployer'),
    grants: [{ rules: [rule('get list patch', 'deployments', 'apps')], in: ['kube-system', 'team-7'] }],
    does: [
      { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'team-7', name: 'web' },
      { verb: 'list', group: 'apps', resource: 'deployments', namespace: 'team-7' },
    ],
  },
  {
    name: 'debugger',
    reaches: 'E13',
    subject: account('team-8', 'debugger'),
    grants: [{ rules: [rule('get list', 'pods'), rule('create', 'pods/exec')] }],
    does: [{ verb: 'list', resource: 'pods' }],
  },
  {
    name: 'certifier',
    reaches: 'E21',
    subject: { kind: 'Group', name: 'csr-team' },
    grants: [
      {
        rules: [
          rule('create get list', 'certificatesigningrequests', CERTIFICATES),
          rule('update', 'certificatesigningrequests/approval', CERTIFICATES),
        ],
      },
      { rules: [rule('approve', 'signers', CERTIFICATES)] },
    ],
    does: [{ verb: 'list', group: CERTIFICATES, resource: 'certificatesigningrequests' }],
  },
  {
    name: 'webhooks',
    reaches: 'E23',
    subject: account('team-9', 'webhooks'),
    grants: [{ rules: [rule('get list create update', 'mutatingwebhookconfigurations', ADMISSION)] }],
    does: [{ verb: 'get', group: ADMISSION, resource: 'mutatingwebhookconfigurations', name: 'team-9' }],
  },
]

/** As near as can be, and still nothing: the wrong group, names, a scope where it has no effect, one part of several, a weak place. */
const NEAR: readonly Omit<Member, 'subject' | 'does'>[] = [
  { name: 'all-of-apps', grants: [{ rules: [rule('get list watch', '*', 'apps')] }] },
  { name: 'escalate-elsewhere', grants: [{ rules: [rule('escalate update', 'clusterroles', 'apps'), ...READS] }] },
  { name: 'escalate-no-write', grants: [{ rules: [rule('escalate get', 'clusterroles', GROUP), ...READS] }] },
  {
    name: 'bind-view',
    grants: [{ rules: [rule('create', 'clusterrolebindings', GROUP), rule('bind', 'clusterroles', GROUP, 'view'), ...READS] }],
  },
  { name: 'bind-nothing-to-write', grants: [{ rules: [rule('bind', 'clusterroles', GROUP), ...READS] }] },
  { name: 'binds-own-rights', grants: [{ rules: [rule('create update', 'clusterrolebindings rolebindings', GROUP), ...READS] }] },
  { name: 'impersonate-nobody', grants: [{ rules: [rule('impersonate', 'users', '', 'nobody'), ...READS] }] },
  { name: 'impersonate-in-a-namespace', grants: [{ rules: [rule('impersonate', 'users groups'), ...READS], in: ['calm-6'] }] },
  { name: 'named-secret', grants: [{ rules: [rule('get', 'secrets', '', 'app-config')], in: ['kube-system'] }] },
  { name: 'own-secrets', grants: [{ rules: [rule('get list', 'secrets'), ...READS], in: ['calm-8'] }] },
  { name: 'named-token', grants: [{ rules: [rule('create', 'serviceaccounts/token', '', 'calm-9'), ...READS], in: ['calm-9'] }] },
  { name: 'own-pods', grants: [{ rules: [rule('create get list', 'pods')], in: ['calm-10'] }] },
  { name: 'own-deployments', grants: [{ rules: [rule('get list patch', 'deployments', 'apps')], in: ['calm-11'] }] },
  { name: 'deployments-of-extensions', grants: [{ rules: [rule('patch', 'deployments', 'extensions'), ...READS], in: ['kube-system'] }] },
  { name: 'own-exec', grants: [{ rules: [rule('get list', 'pods'), rule('create', 'pods/exec')], in: ['calm-13'] }] },
  { name: 'pods-star', grants: [{ rules: [rule('create', 'pods/*'), ...READS] }] },
  { name: 'nodes-proxy-in-a-namespace', grants: [{ rules: [rule('get', 'nodes/proxy'), ...READS], in: ['calm-15'] }] },
  {
    name: 'csr-without-signer',
    grants: [
      {
        rules: [
          rule('create', 'certificatesigningrequests', CERTIFICATES),
          rule('update', 'certificatesigningrequests/approval', CERTIFICATES),
          ...READS,
        ],
      },
    ],
  },
  {
    name: 'csr-serving-only',
    grants: [
      {
        rules: [
          rule('create', 'certificatesigningrequests', CERTIFICATES),
          rule('update', 'certificatesigningrequests/approval', CERTIFICATES),
          rule('approve', 'signers', CERTIFICATES, 'kubernetes.io/kubelet-serving'),
          ...READS,
        ],
      },
    ],
  },
  { name: 'webhooks-read', grants: [{ rules: [rule('get list watch', 'mutatingwebhookconfigurations', ADMISSION), ...READS] }] },
  { name: 'webhooks-elsewhere', grants: [{ rules: [rule('create update', 'mutatingwebhookconfigurations', 'apps'), ...READS] }] },
  { name: 'reads-pods', grants: [{ rules: READS }] },
  { name: 'reads-logs', grants: [{ rules: [rule('get list', 'pods pods/log')] }] },
  { name: 'reads-nodes', grants: [{ rules: [rule('get list', 'nodes'), ...READS] }] },
  { name: 'scales', grants: [{ rules: [rule('get update', 'deployments/scale', 'apps'), ...READS] }] },
  { name: 'leases', grants: [{ rules: [rule('get create update', 'leases', 'coordination.k8s.io'), ...READS], in: ['calm-25'] }] },
  { name: 'metrics', grants: [{ rules: [rule('get list', 'pods nodes', 'metrics.k8s.io'), ...READS] }] },
  { name: 'services', grants: [{ rules: [rule('get list', 'services endpoints')] }] },
]

/** What is in use of a harmless one: the first right that it has. */
function firstCall({ grants: [first] }: Omit<Member, 'subject' | 'does'>, n: number): readonly Call[] {
  const usable = first!.rules.find(
    ({ verbs, apiGroups, resources, resourceNames }) =>
      verbs.includes('get') && SERVED.has(`${apiGroups![0]}/${resources![0]}`) && resourceNames === undefined,
  )
  if (usable === undefined) return []
  const [resource = '', subresource] = usable.resources![0]!.split('/')
  const namespaced = resource !== 'nodes' && resource !== 'clusterroles' && resource !== 'mutatingwebhookconfigurations'
  return [
    {
      verb: 'get',
      group: usable.apiGroups![0]!,
      resource,
      ...(subresource && { subresource }),
      ...(namespaced && { namespace: first!.in?.[0] ?? `calm-${n}` }),
      name: 'app',
    },
  ]
}
const SERVED = new Set([
  '/pods',
  '/services',
  '/secrets',
  '/nodes',
  '/configmaps',
  'apps/deployments',
  'apps/deployments/scale',
  'coordination.k8s.io/leases',
  `${GROUP}/clusterroles`,
  `${ADMISSION}/mutatingwebhookconfigurations`,
])

const members: readonly Member[] = [
  ...ESCALATORS,
  ...NEAR.map(
    (one, n): Member => ({
      ...one,
      subject: n % 7 === 5 ? { kind: 'User', name: `user-${n}` } : account(`calm-${n}`, `calm-${n}`),
      does: firstCall(one, n),
    }),
  ),
]
/** All forty. */
export const FORTY: readonly FortySubject[] = members

/** Everything to create, in this order. Namespaces admit no privileged pods, so that running one is no way to a node. */
export function fortyObjects(): readonly KubeObject[] {
  const objects: object[] = []
  const namespaces = new Set([
    ...members.flatMap(({ subject, grants }) => [subject.namespace, ...grants.flatMap((one) => one.in ?? [])]),
    ...NEAR.map((_, n) => `calm-${n}`),
  ])
  for (const name of [...namespaces].filter((one) => one !== undefined && one !== 'kube-system'))
    objects.push({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    })
  for (const { subject } of members)
    if (subject.kind === 'ServiceAccount')
      objects.push({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: subject.name, namespace: subject.namespace },
        automountServiceAccountToken: false,
      })
  objects.push({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'old-token', namespace: 'kube-system', annotations: { 'kubernetes.io/service-account.name': STRONG } },
    type: 'kubernetes.io/service-account-token',
  })
  objects.push({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'aggregator', namespace: 'kube-system' },
    spec: { serviceAccountName: STRONG, containers: [{ name: 'app', image: 'aggregator:1' }] },
  })
  // Something to patch.
  objects.push({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'dns', namespace: 'kube-system' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'dns' } },
      template: { metadata: { labels: { app: 'dns' } }, spec: { containers: [{ name: 'app', image: 'dns:1' }] } },
    },
  })
  let roles = 0
  const grant = (name: string, { rules, in: places }: Grant, subjects: readonly RbacSubject[]): void => {
    roles++
    objects.push({ apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: { name }, rules })
    for (const namespace of places ?? [undefined])
      objects.push({
        apiVersion: `${GROUP}/v1`,
        kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
        metadata: { name, ...(namespace !== undefined && { namespace }) },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
        subjects: subjects.map((subject) => (subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: GROUP })),
      })
  }
  for (const { name, grants, subject } of members)
    for (const [index, one] of grants.entries()) grant(index === 0 ? name : `${name}-${index}`, one, [subject])
  // The rest are roles of everyday life: some bound by nobody, some to the harmless ones.
  for (let n = 0; roles < 300; n++) {
    const namespace = `calm-${n % NEAR.length}`
    roles++
    objects.push({
      apiVersion: `${GROUP}/v1`,
      kind: 'Role',
      metadata: { name: `everyday-${n}`, namespace },
      rules: [rule('get list watch', EVERYDAY[n % EVERYDAY.length]!)],
    })
    if (n % 3 === 0)
      objects.push({
        apiVersion: `${GROUP}/v1`,
        kind: 'RoleBinding',
        metadata: { name: `everyday-${n}`, namespace },
        roleRef: { apiGroup: GROUP, kind: 'Role', name: `everyday-${n}` },
        subjects: [account(namespace, namespace)],
      })
  }
  return objects as KubeObject[]
}
const EVERYDAY = ['pods', 'services', 'configmaps', 'events', 'endpoints', 'persistentvolumeclaims']
