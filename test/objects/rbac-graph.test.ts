import { describe, expect, test } from 'vitest'
import type { Kind, KubeObject } from '../../src/model/index.ts'
import { goalOf, rbacGraph } from '../../src/objects/rbac-graph.ts'
import { sentenceOf, shortestPath } from '../../src/objects/rbac-graph-path.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import type { World } from '../helpers/world.ts'
import { account, binding, holds, namespace, node, pod, role, tokenSecret, viewOf } from './rbac-graph-worlds.ts'

/** `boss` is the account to get at; nothing in `vault` may run privileged. */
const BOSS = [
  namespace('vault', 'baseline'),
  account('vault', 'boss'),
  account('vault', 'clerk'),
  ...holds('ServiceAccount:vault/boss', ['* */*']),
]
const RBAC = 'rbac.authorization.k8s.io'
const CSR = 'certificates.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'

interface Case {
  readonly what: string
  readonly rules: readonly string[]
  readonly in?: string
  readonly more?: readonly KubeObject[]
  readonly world?: World
  readonly goal: 'cluster-admin' | 'node' | 'perhaps-node' | undefined
}
const reaches = (
  what: string,
  rules: readonly string[],
  more: Omit<Case, 'what' | 'rules' | 'goal'> = {},
  goal: Case['goal'] = 'cluster-admin',
): Case => ({ what, rules, goal, ...more })
const misses = (what: string, rules: readonly string[], more: Omit<Case, 'what' | 'rules' | 'goal'> = {}): Case => ({
  what,
  rules,
  goal: undefined,
  ...more,
})
const vault = { in: 'vault' }
const RUNNING = [pod('vault', 'boss-0', 'boss', { nodeName: 'n1' })]

const AUTHENTICATION = 'authentication.k8s.io'
/** Whoever gets into the pod has a node that the account does not run on. */
const OWN_NODE = [
  namespace('open'),
  pod('open', 'agent', 'agent', { nodeName: 'n2' }, true),
  ...holds('User:eve', ['create pods/exec'], 'open'),
  ...RUNNING,
]
const DRAWS = ['create pods/binding', 'patch nodes', 'delete nodes', 'create pods/eviction', 'delete pods']
const ACT_AS_USER = [`impersonate:user-info ${AUTHENTICATION}/users`]
const ROOT = { more: holds('User:root', ['* */*']) }

const FLUX = 'kustomize.toolkit.fluxcd.io'
const definition = (name: string): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
})
const flux = (...args: readonly string[]): readonly KubeObject[] => [
  definition(`kustomizations.${FLUX}`),
  namespace('flux-system', 'restricted'),
  ...holds('ServiceAccount:flux-system/controller', ['* */*']),
  pod('flux-system', 'kustomize-0', 'controller', {
    containers: [{ name: 'manager', image: 'ghcr.io/fluxcd/kustomize-controller:v1.7.0', args }],
  }),
]

const CASES: Readonly<Record<string, readonly Case[]>> = {
  E01: [
    reaches('everything under another name', ['* */*']),
    reaches(
      'everything in one namespace that holds nobody, but can be opened',
      ['* */*'],
      { in: 'empty', more: [namespace('empty', 'baseline')] },
      'node',
    ),
    misses('every verb on one resource', ['* configmaps']),
    misses('everything, of named objects only', ['* */* named one']),
  ],
  E02: [
    reaches('escalate and update of a role it is bound to', [`escalate,update ${RBAC}/clusterroles`]),
    misses('escalate alone', [`escalate ${RBAC}/clusterroles`]),
    misses('update alone', [`update,patch,create ${RBAC}/clusterroles`]),
    misses('of a role that it is not bound to', [`escalate,update ${RBAC}/clusterroles named other`], {
      more: [role('other', ['get pods'])],
    }),
    misses('escalate and update in different scopes', [`escalate,update ${RBAC}/clusterroles`], { in: 'vault' }),
  ],
  E03: [
    reaches('bind and create of cluster role bindings', [`bind ${RBAC}/clusterroles`, `create ${RBAC}/clusterrolebindings`]),
    reaches('bind of cluster-admin by name', [`bind ${RBAC}/clusterroles named cluster-admin`, `create ${RBAC}/clusterrolebindings`]),
    reaches('bind in a namespace with a powerful account', [`bind ${RBAC}/clusterroles`, `create ${RBAC}/rolebindings`], vault),
    misses('bind alone', [`bind ${RBAC}/clusterroles`]),
    misses('bind on the bindings instead of the roles', [`bind,create ${RBAC}/clusterrolebindings`]),
    misses('bind of a harmless role', [`bind ${RBAC}/clusterroles named view`, `create ${RBAC}/clusterrolebindings`], {
      more: [role('view', ['get pods'])],
    }),
    reaches('bind of a role that reaches it', [`bind ${RBAC}/clusterroles named strong`, `create ${RBAC}/clusterrolebindings`], {
      more: [role('strong', [`impersonate users,groups`])],
    }),
    reaches(
      'bind in a namespace that holds nobody, but can be opened',
      [`bind ${RBAC}/clusterroles`, `create ${RBAC}/rolebindings`],
      { in: 'empty', more: [namespace('empty', 'baseline')] },
      'node',
    ),
  ],
  'E02 and E03 together': [
    reaches(
      'joining a binding of cluster-admin',
      [`bind ${RBAC}/clusterroles named cluster-admin`, `patch ${RBAC}/clusterrolebindings named ops`],
      {
        more: [binding('ops', 'ClusterRole', 'cluster-admin', [])],
      },
    ),
    misses(
      'joining one by another name',
      [`bind ${RBAC}/clusterroles named cluster-admin`, `patch ${RBAC}/clusterrolebindings named dev`],
      {
        more: [binding('ops', 'ClusterRole', 'cluster-admin', []), role('dev', ['get pods']), binding('dev', 'ClusterRole', 'dev', [])],
      },
    ),
    misses('joining without bind', [`patch ${RBAC}/clusterrolebindings`], { more: [binding('ops', 'ClusterRole', 'cluster-admin', [])] }),
    reaches(
      'two roles that are strong only together',
      [`bind ${RBAC}/clusterroles named half,other`, `create ${RBAC}/clusterrolebindings`],
      { more: [role('half', ['create secrets']), role('other', ['get secrets'])] },
    ),
    misses('one of the two', [`bind ${RBAC}/clusterroles named half`, `create ${RBAC}/clusterrolebindings`], {
      more: [role('half', ['create secrets']), role('other', ['get secrets'])],
    }),
    reaches(
      'five roles, each of which lets it bind the next',
      [`bind ${RBAC}/clusterroles named r0`, `create ${RBAC}/clusterrolebindings`],
      {
        more: [...[0, 1, 2, 3].map((at) => role(`r${at}`, [`bind ${RBAC}/clusterroles named r${at + 1}`])), role('r4', ['* */*'])],
      },
    ),
    reaches('a role made anew in place of its own', [`escalate,create,delete ${RBAC}/clusterroles`]),
    misses('made anew without escalate', [`create,delete ${RBAC}/clusterroles`]),
    misses('made anew where it cannot be deleted', [`escalate,create ${RBAC}/clusterroles`]),
    reaches('a role that is bound and not there', [`escalate,create ${RBAC}/clusterroles`], {
      more: [binding('dangling', 'ClusterRole', 'gone', ['User:eve'])],
    }),
    misses('escalate by name, which a create never has', [`escalate ${RBAC}/clusterroles named gone`, `create ${RBAC}/clusterroles`], {
      more: [binding('dangling', 'ClusterRole', 'gone', ['User:eve'])],
    }),
  ],
  E04: [misses('bindings without bind', [`create,update,patch ${RBAC}/clusterrolebindings,rolebindings,roles,clusterroles`])],
  E05: [
    reaches('groups and a user', ['impersonate users,groups']),
    misses('groups without anybody', ['impersonate groups']),
    reaches('a named admin', ['impersonate users named root'], { more: holds('User:root', ['* */*']) }),
    misses('another named user', ['impersonate users named joe'], { more: holds('User:root', ['* */*']) }),
    reaches('the account', ['impersonate serviceaccounts'], vault),
    misses('the other account', ['impersonate serviceaccounts named clerk'], vault),
    reaches('a named group with a named user', ['impersonate users named joe', 'impersonate groups named ops'], {
      more: holds('Group:ops', ['* */*']),
    }),
    misses('another group', ['impersonate users named joe', 'impersonate groups named dev'], { more: holds('Group:ops', ['* */*']) }),
  ],
  E06: [
    reaches('a user who makes a binding', [...ACT_AS_USER, `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`], ROOT),
    reaches('a user who reads a token Secret', [...ACT_AS_USER, 'impersonate-on:user-info:get secrets'], {
      more: [...holds('User:root', ['get secrets'], 'vault'), tokenSecret('vault', 'old', 'boss')],
    }),
    misses('a user who may not read it', [...ACT_AS_USER, 'impersonate-on:user-info:get secrets'], {
      more: [...holds('User:root', ['create secrets'], 'vault'), tokenSecret('vault', 'old', 'boss')],
    }),
    misses('a verb that gains nothing', [...ACT_AS_USER, 'impersonate-on:user-info:get configmaps'], ROOT),
    misses('without what may be done', ACT_AS_USER, ROOT),
    misses('without whom', [`impersonate-on:user-info:create ${RBAC}/clusterrolebindings`], ROOT),
    misses(
      'another user by name',
      [`impersonate:user-info ${AUTHENTICATION}/users named joe`, `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`],
      ROOT,
    ),
    misses('the wrong mode', [...ACT_AS_USER, `impersonate-on:serviceaccount:create ${RBAC}/clusterrolebindings`], ROOT),
    misses('system:masters', [
      ...ACT_AS_USER,
      `impersonate:user-info ${AUTHENTICATION}/groups`,
      `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`,
    ]),
    reaches(
      'a group',
      [
        ...ACT_AS_USER,
        `impersonate:user-info ${AUTHENTICATION}/groups named ops`,
        `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`,
      ],
      {
        more: holds('Group:ops', ['* */*']),
      },
    ),
    misses(
      'the older right beside it',
      ['impersonate users named joe', `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`],
      ROOT,
    ),
    misses('an older server', [...ACT_AS_USER, `impersonate-on:user-info:create ${RBAC}/clusterrolebindings`], {
      ...ROOT,
      world: { kubernetes: 'v1.35.0' },
    }),
    reaches('rights joined of two bindings', [...ACT_AS_USER, 'impersonate-on:user-info:create secrets', 'get secrets'], {
      more: holds('User:root', ['create secrets'], 'vault'),
    }),
    reaches('the account', [
      `impersonate:serviceaccount ${AUTHENTICATION}/serviceaccounts named boss`,
      `impersonate-on:serviceaccount:update ${RBAC}/clusterroles`,
    ]),
    misses('the other account', [
      `impersonate:serviceaccount ${AUTHENTICATION}/serviceaccounts named clerk`,
      `impersonate-on:serviceaccount:update ${RBAC}/clusterroles`,
    ]),
    reaches(
      'a node that asks for tokens',
      [`impersonate:arbitrary-node ${AUTHENTICATION}/nodes named n1`, 'impersonate-on:arbitrary-node:create serviceaccounts/token'],
      { more: RUNNING },
    ),
    misses(
      'a node without them',
      [`impersonate:arbitrary-node ${AUTHENTICATION}/nodes named n2`, 'impersonate-on:arbitrary-node:create serviceaccounts/token'],
      { more: RUNNING },
    ),
    misses('a node for nodes alone', [`impersonate:arbitrary-node ${AUTHENTICATION}/nodes`, 'impersonate-on:arbitrary-node:create pods'], {
      more: RUNNING,
    }),
    reaches('a node by its name and group', ['impersonate users named system:node:n1', 'impersonate groups named system:nodes'], {
      more: RUNNING,
    }),
  ],
  E07: [
    reaches('a token Secret of the account', ['get secrets'], { ...vault, more: [tokenSecret('vault', 'old', 'boss')] }),
    reaches('list of them', ['list secrets'], { more: [tokenSecret('vault', 'old', 'boss')] }),
    misses('no such Secret', ['get,list,watch secrets'], vault),
    misses('that of the other account', ['get secrets'], { ...vault, more: [tokenSecret('vault', 'old', 'clerk')] }),
    misses('another Secret by name', ['get secrets named new'], { ...vault, more: [tokenSecret('vault', 'old', 'boss')] }),
  ],
  E08: [
    reaches('create and get', ['create,get secrets'], vault),
    misses('create without get', ['create secrets'], vault),
    misses('in another namespace', ['create,get secrets'], { in: 'empty', more: [namespace('empty', 'baseline')] }),
    reaches('update of a token Secret of the other account', ['update,get secrets'], {
      ...vault,
      more: [tokenSecret('vault', 'old', 'clerk')],
    }),
    misses('update where there is none', ['update,get secrets'], vault),
  ],
  E09: [
    reaches('tokens of all accounts', ['create serviceaccounts/token'], vault),
    reaches('of the account by name', ['create serviceaccounts/token named boss'], vault),
    misses('of the other one by name', ['create serviceaccounts/token named clerk'], vault),
    misses('the accounts themselves', ['create serviceaccounts'], vault),
  ],
  E10: [
    reaches('pods', ['create pods'], vault),
    misses('with names, which a create never has', ['create pods named web'], vault),
    misses('elsewhere', ['create pods'], { in: 'empty', more: [namespace('empty', 'restricted')] }),
    reaches('a privileged pod', ['create pods'], { in: 'open', more: [namespace('open')] }, 'node'),
    reaches('a privileged pod on the control plane', ['create pods'], { in: 'open', more: [namespace('open'), node('cp', true)] }),
    reaches('a namespace that cannot be seen', ['create pods'], { in: 'unseen', world: { source: 'manifests' } }, 'perhaps-node'),
  ],
  E11: [
    reaches('deployments', ['create apps/deployments'], vault),
    reaches('jobs', ['create batch/jobs'], vault),
    misses('jobs of another group', ['create apps/jobs'], vault),
    misses('update where there is none', ['update apps/deployments'], vault),
    reaches('update of one', ['update apps/deployments'], { ...vault, more: [deployment('vault', 'web', 'clerk')] }),
    misses('update of another name', ['update apps/deployments named api'], { ...vault, more: [deployment('vault', 'web', 'clerk')] }),
  ],
  E12: [
    reaches('the image of its pod', ['patch pods'], { ...vault, more: RUNNING }),
    misses('where it runs nothing', ['patch pods'], vault),
    misses('another pod by name', ['patch pods named other'], { ...vault, more: RUNNING }),
  ],
  E13: [
    reaches('exec', ['create pods/exec'], { ...vault, more: RUNNING }),
    reaches('get, on an older server', ['get pods/exec'], { ...vault, more: RUNNING, world: { kubernetes: 'v1.34.0' } }),
    misses('get, on a newer one', ['get pods/exec'], { ...vault, more: RUNNING }),
    misses('a pod that does not run yet', ['create pods/exec'], {
      ...vault,
      more: [{ ...RUNNING[0]!, status: { phase: 'Pending' } } as KubeObject],
    }),
    misses('without a token in the pod', ['create pods/exec'], {
      ...vault,
      more: [pod('vault', 'boss-0', 'boss', { automountServiceAccountToken: false })],
    }),
    reaches(
      'a privileged pod',
      ['create pods/exec'],
      { in: 'open', more: [namespace('open'), pod('open', 'agent', 'agent', { nodeName: 'n1' }, true)] },
      'node',
    ),
    reaches('a privileged pod beside the token', ['create pods/exec'], {
      in: 'open',
      more: [namespace('open'), pod('open', 'agent', 'agent', { nodeName: 'n1' }, true), ...RUNNING],
    }),
    reaches(
      'a privileged pod on another node',
      ['create pods/exec'],
      { in: 'open', more: [namespace('open'), pod('open', 'agent', 'agent', { nodeName: 'n2' }, true), ...RUNNING] },
      'node',
    ),
  ],
  E14: [
    reaches('ephemeral containers', ['update pods/ephemeralcontainers'], { ...vault, more: RUNNING }),
    misses('where nothing runs', ['update pods/ephemeralcontainers'], vault),
  ],
  E16: [
    reaches('get on nodes/proxy', ['get nodes/proxy'], { more: RUNNING }),
    reaches('with no powerful token', ['get nodes/proxy'], {}, 'node'),
    misses('bound in a namespace', ['get nodes/proxy'], vault),
    misses('nodes themselves', ['get nodes', 'get nodes/metrics']),
  ],
  'E17 and E18': [
    ...DRAWS.map((right) => reaches(`${right}, with a node of its own`, [right], { more: OWN_NODE })),
    ...DRAWS.map((right) => misses(`${right}, without one`, [right], { more: RUNNING })),
    reaches('one node by name', ['patch nodes named n2'], { more: OWN_NODE }, 'node'),
    reaches('pods of another namespace', ['delete pods'], { in: 'open', more: OWN_NODE }, 'node'),
  ],
  'one identity for each half': [
    reaches('one makes the Secret, the other one reads it', ['create serviceaccounts/token named helper', 'create secrets'], {
      ...vault,
      more: [account('vault', 'helper'), ...holds('ServiceAccount:vault/helper', ['get secrets'], 'vault')],
    }),
    misses('one that cannot be come by', ['create serviceaccounts/token named clerk', 'create secrets'], {
      ...vault,
      more: [account('vault', 'helper'), ...holds('ServiceAccount:vault/helper', ['get secrets'], 'vault')],
    }),
    reaches(
      'one may rewrite what the other one holds',
      ['create serviceaccounts/token named clerk', `escalate,update ${RBAC}/roles named desk`],
      {
        ...vault,
        more: [role('desk', ['get pods'], 'vault'), binding('desk', 'Role', 'desk', ['ServiceAccount:vault/clerk'], 'vault')],
      },
    ),
    misses('groups and users of two identities', ['create serviceaccounts/token named clerk'], {
      ...vault,
      more: [...holds('User:eve', ['impersonate groups']), ...holds('ServiceAccount:vault/clerk', ['impersonate users named joe'])],
    }),
  ],
  E20: [
    reaches(
      'volumes, claims and pods',
      ['create persistentvolumes,persistentvolumeclaims,pods'],
      { more: [namespace('open', 'restricted')] },
      'cluster-admin',
    ),
    misses('volumes alone', ['create persistentvolumes,persistentvolumeclaims']),
  ],
  E21: [
    reaches('create, approve and the signer', [
      `create ${CSR}/certificatesigningrequests`,
      `update ${CSR}/certificatesigningrequests/approval`,
      `approve ${CSR}/signers`,
    ]),
    reaches(
      'kubelets',
      [
        `create ${CSR}/certificatesigningrequests`,
        `update ${CSR}/certificatesigningrequests/approval`,
        `approve ${CSR}/signers named kubernetes.io/kube-apiserver-client-kubelet`,
      ],
      {},
      'node',
    ),
    misses('serving certificates', [
      `create ${CSR}/certificatesigningrequests`,
      `update ${CSR}/certificatesigningrequests/approval`,
      `approve ${CSR}/signers named kubernetes.io/kubelet-serving`,
    ]),
    misses('without a signer', [`create ${CSR}/certificatesigningrequests`, `update ${CSR}/certificatesigningrequests/approval`]),
  ],
  E22: [misses('sign, without the key', [`sign ${CSR}/signers`, `update ${CSR}/certificatesigningrequests/status`])],
  E23: [
    reaches('webhooks', [`create ${ADMISSION}/mutatingwebhookconfigurations`]),
    misses('update where there is none', [`update ${ADMISSION}/mutatingwebhookconfigurations`]),
    reaches('policies with their bindings', [`create ${ADMISSION}/mutatingadmissionpolicies,mutatingadmissionpolicybindings`]),
    misses('policies alone', [`create ${ADMISSION}/mutatingadmissionpolicies`]),
  ],
  E27: [
    reaches('labels and pods', ['patch namespaces', 'create pods'], { in: 'empty', more: [namespace('empty', 'restricted')] }, 'node'),
    misses('labels of another namespace', ['patch namespaces named other', 'create pods'], {
      in: 'empty',
      more: [namespace('empty', 'restricted')],
    }),
    misses('labels alone', ['patch namespaces']),
  ],
  E28: [
    reaches('an account that is gone', ['create serviceaccounts,serviceaccounts/token'], {
      in: 'old',
      more: [namespace('old', 'baseline'), ...holds('ServiceAccount:old/gone', ['* */*'])],
    }),
    misses('without a way to its token', ['create serviceaccounts'], {
      in: 'old',
      more: [namespace('old', 'baseline'), ...holds('ServiceAccount:old/gone', ['* */*'])],
    }),
    misses('a token of what is not there', ['create serviceaccounts/token'], {
      in: 'old',
      more: [namespace('old', 'baseline'), ...holds('ServiceAccount:old/gone', ['* */*'])],
    }),
  ],
  E29: [
    reaches('aws-auth', ['patch configmaps'], {
      in: 'kube-system',
      more: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'aws-auth', namespace: 'kube-system' } }],
    }),
    misses('where there is none', ['patch configmaps'], { in: 'kube-system' }),
  ],
  E32: [
    reaches('what Flux applies', [`create ${FLUX}/kustomizations`], { in: 'team', more: [...flux(), namespace('team', 'baseline')] }),
    misses('where Flux acts as an account of the namespace', [`create ${FLUX}/kustomizations`], {
      in: 'team',
      more: [...flux('--default-service-account=default'), namespace('team', 'baseline')],
    }),
    misses('where it does not run', [`create ${FLUX}/kustomizations`], { more: [definition(`kustomizations.${FLUX}`)] }),
    misses('reading it', [`get,list ${FLUX}/kustomizations`], { more: flux() }),
  ],
}

function deployment(ns: string, name: string, serviceAccountName: string): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: ns },
    spec: { template: { spec: { serviceAccountName, containers: [{ name: 'c', image: 'i' }] } } },
  } as KubeObject
}

describe.each(Object.entries(CASES))('%s', (_id, cases) => {
  test.each(cases.map((one) => [`${one.goal ?? 'nothing'} by ${one.what}`, one] as const))('%s', (_name, one) => {
    const view = viewOf([...BOSS, ...holds('User:eve', one.rules, one.in), ...(one.more ?? [])], one.world)
    const graph = rbacGraph(view)
    const goal = goalOf(graph, 'User:eve')
    const path = goal === undefined ? [] : shortestPath(graph, 'User:eve', goal)
    expect(goal, sentenceOf(path)).toBe(one.goal)
    // Whoever gets there has a way to tell.
    expect(path.length > 0).toBe(goal !== undefined)
  })
})

test('the way is told as one sentence', () => {
  const view = viewOf([
    ...BOSS.slice(0, 3),
    role('aggregator', [`escalate,update,patch ${RBAC}/clusterroles`]),
    binding('aggregator', 'ClusterRole', 'aggregator', ['ServiceAccount:vault/boss']),
    ...holds('User:eve', ['create pods'], 'vault'),
  ])
  const graph = rbacGraph(view)
  expect(sentenceOf(shortestPath(graph, 'User:eve', 'cluster-admin'))).toBe(
    'eve can create pods in vault → run as vault/boss → escalate ClusterRole aggregator → cluster-admin',
  )
})

describe('as a cluster goes on', () => {
  const store = new SnapshotStore({ kind: 'live', name: 'fixture', kubernetes: 'v1.37.2' })
  const all = [...BOSS, ...RUNNING, ...holds('User:eve', ['create pods/exec'], 'vault')]
  for (const [kind, items] of Map.groupBy(all, (object) => object.kind as Kind))
    store.take({
      type: 'replace',
      kind,
      items: items.map((object) => [keyOf(object.metadata.namespace, object.metadata.name), object] as const),
    })
  const graphNow = () => rbacGraph(store.publish(0).snapshot)

  test('a pod that takes the place of another costs nothing', () => {
    const before = graphNow()
    store.take({ type: 'remove', kind: 'Pod', key: 'vault/boss-0' })
    store.take({ type: 'upsert', kind: 'Pod', key: 'vault/boss-1', object: pod('vault', 'boss-1', 'boss', { nodeName: 'n1' }) })
    expect(graphNow()).toBe(before)
    expect(goalOf(before, 'User:eve')).toBe('cluster-admin')
  })
  test('the last pod of an account makes a difference when it goes', () => {
    store.take({ type: 'remove', kind: 'Pod', key: 'vault/boss-1' })
    expect(goalOf(graphNow(), 'User:eve')).toBeUndefined()
  })
  test('so does a binding', () => {
    const before = graphNow()
    const [, bound] = holds('User:eve', ['create pods/exec'], 'vault')
    store.take({ type: 'remove', kind: 'RoleBinding', key: `vault/${bound!.metadata.name}` })
    expect(graphNow()).not.toBe(before)
  })
})
