/** Where other scanners of RBAC are known to be wrong, one way or the other: each trap with the thread or the check it comes from. */
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { KubeObject, ObservedRequest, Outcome } from '../../src/model/index.ts'
import { grants } from '../../src/objects/rbac-grants.ts'
import { goalOf, placeOf, rbacGraph } from '../../src/objects/rbac-graph.ts'
import { LEADING_KINDS } from '../../src/objects/rbac-graph-world.ts'
import { keptRules, usedOf } from '../../src/objects/rbac-kept.ts'
import type { World } from '../helpers/world.ts'
import { account, binding, holds, namespace, pod, role, viewOf } from './rbac-graph-worlds.ts'

const CART = 'ServiceAccount:shop/cart'
const SHOP = [namespace('shop', 'restricted'), account('shop', 'cart')]
const FILES: World = { source: 'manifests' }

function outcome(id: string, objects: readonly KubeObject[], world: World = {}): Outcome {
  return judge(controls.find((control) => control.id === `rbac-${id}`)!, viewOf([...SHOP, ...objects], world))
}
const found = (id: string, objects: readonly KubeObject[], world?: World) =>
  outcome(id, objects, world)
    .findings.filter(({ origin }) => origin === 'workload')
    .map(({ severity, verdict, subject }) => `${verdict} ${severity} ${subject.kind} ${subject.name}`)
const wide = (...rules: string[]) => holds(CART, rules)
const inShop = (...rules: string[]) => holds(CART, rules, 'shop')

describe('one rule has to allow it all', () => {
  test('a role manager with every verb in the RBAC group cannot exec (kubescape#224)', () => {
    expect(found('pod-exec', wide('* rbac/*'))).toEqual([])
    expect(found('bind-escalate', wide('* rbac/*'))).toHaveLength(1)
  })
  test('the verbs of one rule are not those of the resources of another', () => {
    const mixed = wide('create configmaps', 'list pods/exec', 'create events')
    expect(found('pod-exec', mixed)).toEqual([])
    expect(found('secrets-read', wide('get,list configmaps', 'create secrets'))).toEqual([])
  })
  test('pods does not cover pods/exec, pods/* covers nothing, */exec does (KubiScan compares strings)', () => {
    expect(found('pod-exec', wide('create pods', 'create pods/*'))).toEqual([])
    expect(found('pod-exec', wide('create */*/exec'))).toHaveLength(1)
  })
  test('but the union over all of a subject’s roles makes what takes several rights (CSR approval)', () => {
    const csr = 'certificates.k8s.io'
    const own = [role('a', [`create ${csr}/certificatesigningrequests`, `update ${csr}/certificatesigningrequests/approval`])]
    const other = [role('b', [`approve ${csr}/signers`])]
    const bound = ['a', 'b'].map((name) => binding(name, 'ClusterRole', name, [CART]))
    expect(found('csr-approve', [...own, ...other, ...bound])).toEqual(expect.arrayContaining([expect.stringMatching(/^fail critical /)]))
    expect(found('csr-approve', [...own, ...other, bound[0]!])).toEqual([])
  })
})

describe('a role is judged with its bindings', () => {
  test('bound by a RoleBinding it is not good in the whole cluster (trivy KSV-0048, devantler platform#3236)', () => {
    expect(found('secrets-read', inShop('get secrets'))).toEqual([expect.stringMatching(/^fail medium /)])
    expect(found('secrets-read', wide('get secrets'))).toEqual([expect.stringMatching(/^fail high /)])
    expect(found('workload-create', inShop('create pods'))).toEqual([expect.stringMatching(/^fail high /)])
    expect(found('workload-create', wide('create pods'))).toEqual([expect.stringMatching(/^fail critical /)])
    expect(found('nodes-proxy', inShop('get nodes/proxy'))).toEqual([])
  })
  test('with names it is good for these only (trivy KSV-0046)', () => {
    expect(found('secrets-read', inShop('get secrets named cart'))).toEqual([])
    expect(found('secrets-read', inShop('create secrets named cart'))).toEqual([])
  })
  test('bound by nothing it is no failure', () => expect(found('secrets-read', [role('idle', ['get secrets'])])).toEqual([]))
})

describe('who holds it', () => {
  test('view bound to those who did not log in is reported, harmless as it looks (KubiScan#70)', () => {
    for (const who of ['User:system:anonymous', 'Group:system:unauthenticated']) {
      const view = [role('view', ['get,list pods']), binding('open', 'ClusterRole', 'view', [who])]
      expect(found('anonymous-bindings', view)).toEqual([expect.stringMatching(/^fail \w+ ClusterRoleBinding open/)])
    }
  })
  test('a service account has the rights of its groups, and of the user that it is', () => {
    const boss = holds('ServiceAccount:vault/boss', ['* */*'])
    for (const who of ['Group:system:serviceaccounts:shop', 'Group:system:serviceaccounts', 'User:system:serviceaccount:shop:cart']) {
      const objects = [...SHOP, namespace('vault', 'restricted'), account('vault', 'boss'), ...boss]
      const view = viewOf([...objects, ...holds(who, ['create serviceaccounts/token'])])
      const graph = rbacGraph(view)
      const place = placeOf(graph, { kind: 'ServiceAccount', namespace: 'shop', name: 'cart' })
      expect(place && goalOf(graph, place), who).toBe('cluster-admin')
    }
  })
  test('a controller of Kubernetes with its own default role is not the operator’s finding, its name alone does not make it one (KubiScan#13)', () => {
    const name = 'system:controller:mine'
    const own = [role(name, ['get secrets']), binding(name, 'ClusterRole', name, [CART])]
    expect(found('secrets-read', own)).toHaveLength(1)
  })
})

describe('what a verb is worth', () => {
  test('nodes/proxy runs commands with get already (rbac-police looks for create)', () => {
    expect(found('nodes-proxy', wide('get nodes/proxy'))).toHaveLength(1)
    expect(found('nodes-proxy', wide('get *'))).toHaveLength(1)
  })
  test('and is of no use to who can only list and watch: a proxied request always names its node (OLM lists everything)', () => {
    for (const rule of ['list *', 'list,watch */*', 'list,watch,deletecollection nodes/proxy'])
      expect(found('nodes-proxy', wide(rule))).toEqual([])
  })
  test('bind counts on roles, not on bindings (rbac-police looks at rolebindings)', () => {
    expect(found('bind-escalate', wide('bind rbac/clusterroles'))).toEqual([expect.stringMatching(/^fail critical /)])
    expect(found('bind-escalate', wide('bind,create rbac/rolebindings,clusterrolebindings'))).toEqual([])
  })
  test('list and watch of Secrets disclose them like get', () => {
    for (const verb of ['get', 'list', 'watch']) expect(found('secrets-read', wide(`${verb} secrets`))).toHaveLength(1)
    expect(found('secrets-read', wide('create,update,delete secrets'))).toEqual([])
  })
  test('get of pods/exec sufficed before 1.35, and no longer does', () => {
    expect(found('pod-exec', wide('get pods/exec'), { kubernetes: 'v1.34.3' })).toHaveLength(1)
    expect(found('pod-exec', wide('get pods/exec'), { kubernetes: 'v1.37.2' })).toEqual([])
  })
  test('a Job cannot be made to run anything else: patch of jobs makes no pods (cluster-autoscaler has it), create does', () => {
    expect(found('workload-create', wide('get,list,watch,update,patch batch/jobs'))).toEqual([])
    expect(found('workload-create', wide('patch batch/cronjobs'))).toHaveLength(1)
    expect(found('workload-create', wide('create batch/jobs'))).toHaveLength(1)
  })
  test('a token of one’s own account is nothing gained (cert-manager asks for its own)', () => {
    const admin = wide('* */*')
    const broker = account('shop', 'broker')
    const own = inShop('create serviceaccounts/token named cart')
    expect(found('token-create', own)).toEqual([expect.stringMatching(/^review low /)])
    const asks = (who: string) => [...admin, broker, ...holds(who, ['create serviceaccounts/token named cart'], 'shop')]
    expect(found('token-create', asks(CART))).toContain('review low ClusterRole serviceaccount-shop-cart-shop')
    expect(found('token-create', asks('ServiceAccount:shop/broker'))).toContain('fail high ClusterRole serviceaccount-shop-broker-shop')
  })
})

describe('tokens in pods', () => {
  const automount = (ofAccount: boolean | undefined, ofPod: boolean | undefined) => [
    { ...account('shop', 'cart'), ...(ofAccount !== undefined && { automountServiceAccountToken: ofAccount }) },
    pod('shop', 'cart-0', 'cart', ofPod === undefined ? {} : { automountServiceAccountToken: ofPod }),
  ]
  test.each<readonly [boolean | undefined, boolean | undefined, number, string]>([
    [undefined, false, 0, 'kube-bench 5.1.6, kube-linter#135'],
    [false, undefined, 0, 'kubeaudit#290, KICS#4887'],
    [true, false, 0, 'the pod wins'],
    [false, true, 1, 'the pod wins'],
    [undefined, undefined, 1, 'on is the default'],
  ])('account %s, pod %s: %i findings (%s)', (ofAccount, ofPod, count, _thread) =>
    expect(found('token-automount', automount(ofAccount, ofPod))).toHaveLength(count),
  )
  test('the account default is not used by a pod that mounts no token (kube-linter#135)', () => {
    const off = { ...account('shop', 'default'), automountServiceAccountToken: false }
    const quiet = pod('shop', 'quiet', 'default', { automountServiceAccountToken: false })
    const loud = pod('shop', 'loud', 'default', { automountServiceAccountToken: true })
    expect(found('default-sa', [off, quiet])).toEqual([])
    expect(found('default-sa', [off, loud])).toHaveLength(1)
  })
})

describe('what was not seen', () => {
  test('refused RoleBindings are no missing RoleBindings (kubescape#3069)', () => {
    const unread = [{ what: 'RoleBinding' as const, why: 'forbidden' as const, because: 'refused', answer: 'grant list on rolebindings' }]
    const passed = controls
      .filter(({ practice, reads }) => practice === 'rbac' && reads.includes('RoleBinding'))
      .map((control) => judge(control, viewOf([...SHOP, role('idle', ['get configmaps'])], { unread })))
    expect(passed.length).toBeGreaterThan(15)
    expect(passed.filter(({ status }) => status !== 'unknown')).toEqual([])
  })
  test('an account that is not among the files may live elsewhere (kube-linter#137)', () => {
    const away = [role('reader', ['get configmaps']), binding('away', 'ClusterRole', 'reader', ['ServiceAccount:pay/gone'], 'shop')]
    expect(found('dangling', away, FILES)).toEqual([expect.stringMatching(/^review low /)])
    expect(outcome('dangling', away, FILES).findings[0]).toMatchObject({
      reason: 'names a service account that is not among these files',
      detail: 'pay/gone',
    })
    expect(found('dangling', away)).toEqual([expect.stringMatching(/^fail low /)])
  })
  test('the roles that Kubernetes makes itself are in no chart (metrics-server binds one in kube-system)', () => {
    const reader = 'extension-apiserver-authentication-reader'
    const bound = [account('kube-system', 'metrics'), binding('m', 'Role', reader, ['ServiceAccount:kube-system/metrics'], 'kube-system')]
    expect(outcome('dangling', bound, FILES).status).toBe('pass')
    expect(outcome('secrets-read', bound, FILES).status).toBe('pass')
    expect(found('dangling', bound)).toEqual([expect.stringMatching(/^fail low RoleBinding m/)])
  })
})

describe('what an audit log teaches (audit2rbac)', () => {
  const asked = (words: string, more: Partial<ObservedRequest> = {}): ObservedRequest => {
    const [verb, resource, ns, name] = words.split(' ') as [string, string, string, string?]
    const request = { verb, group: '', resource, namespace: ns, ...(name && { name }) }
    return { ...request, count: 1, last: '2026-11-20T00:00:00Z', was: 'allowed', ...more } as ObservedRequest
  }
  const learned = (...requests: readonly ObservedRequest[]) => {
    const observed = {
      ...{ from: ['audit.log'], events: 9, since: '2026-11-01T00:00:00Z', until: '2026-11-20T00:00:00Z', blind: [], doubts: [] },
      subjects: [{ user: 'system:serviceaccount:shop:cart', groups: [], requests }],
    }
    const view = viewOf([...SHOP, ...wide('* */*')], { facts: { ObservedRequests: observed } })
    const [grant] = grants(view).all
    return keptRules(usedOf(view, grant!, grant!.rules, () => false)!, grant!.rules, grant!.namespace, observed)
  }
  test('what was refused is not granted', () => expect(learned(asked('get secrets shop db', { was: 'denied' })).namespaced.size).toBe(0))
  test('create never has a name (#24), and get of one Secret does not become list', () => {
    const [rules] = [learned(asked('create configmaps shop'), asked('get secrets shop db')).namespaced.get('shop')!]
    expect(rules).toEqual(
      expect.arrayContaining([
        { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
        { apiGroups: [''], resources: ['secrets'], resourceNames: ['db'], verbs: ['get'] },
      ]),
    )
    expect(rules).toHaveLength(2)
  })
  test('a second namespace is a second namespace, not the cluster', () => {
    const { cluster, namespaced } = learned(asked('get configmaps shop a'), asked('get configmaps pay a'))
    expect([cluster, [...namespaced.keys()].sort()]).toEqual([[], ['pay', 'shop']])
  })
})

describe('ways that lead through what could not be read', () => {
  test.each(LEADING_KINDS)('%s: nobody is said to have none', (what) => {
    const unread = [
      { what, why: 'forbidden' as const, because: `the API server refused to list ${what} (403)`, answer: `allow list on ${what}` },
    ]
    const world = [...wide('get events'), pod('shop', 'cart-0', 'cart')]
    expect(outcome('admin-equivalent-role', world).status).toBe('pass')
    expect(outcome('admin-equivalent-role', world, { unread }).status).toBe('unknown')
    expect(outcome('exposed-takeover-workload', world).status).toBe('pass')
    expect(outcome('exposed-takeover-workload', world, { unread }).status).toBe('unknown')
  })
})
