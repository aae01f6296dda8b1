import { describe, expect, test } from 'vitest'
import type { Change, KubeObject, Step } from '../../src/model/index.ts'
import { defaultRules } from '../../src/objects/rbac-bootstrap.ts'
import { refOf } from '../../src/objects/ref.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { LockOut } from '../../src/writers/lockout.ts'
import { namespace, worldOf } from '../plan/plan-fixtures.ts'

const step = (...changes: Change[]): Step =>
  ({
    id: 's',
    title: 't',
    changes,
    inverse: [],
    mends: [],
    controls: [],
    practices: [],
    after: [],
    risk: 'safe',
    mayBreak: [],
    managedBy: '',
    carriedOut: 'live',
  }) as unknown as Step
const GROUP = 'rbac.authorization.k8s.io'
const role = (name: string, rules: readonly object[], more: object = {}): KubeObject =>
  ({ apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: { name, ...more }, rules }) as unknown as KubeObject
const binding = (name: string, to: string, ...subjects: object[]): KubeObject =>
  ({
    apiVersion: `${GROUP}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: to },
    subjects,
  }) as unknown as KubeObject
const user = (name: string) => ({ kind: 'User', apiGroup: GROUP, name })
const group = (name: string) => ({ kind: 'Group', apiGroup: GROUP, name })
const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', namespace, name })
const systemPod = (serviceAccountName: string, spec: object = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: serviceAccountName, namespace: 'kube-system' },
    spec: { serviceAccountName, containers: [], ...spec },
  }) as unknown as KubeObject
const ALL = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
const admin = role('cluster-admin', ALL)

/** A server that knows who asks; `allowed` answers access reviews. */
const serverFor = (username: string, groups: readonly string[] = ['system:authenticated'], allowed: () => boolean = () => true) =>
  ({
    review: async (path: string) => ({
      ok: true,
      status: 201,
      warnings: [],
      body: path.includes('selfsubjectreviews') ? { status: { userInfo: { username, groups } } } : { status: { allowed: allowed() } },
    }),
    get: async () => ({ ok: false, refusal: { kind: 'not-found', message: 'no' } }),
  }) as unknown as ClusterApi
const foretold = (
  objects: readonly KubeObject[],
  change: Change,
  api = serverFor('alice'),
  unread: readonly string[] = [],
  kubernetes?: string,
) => {
  const world = worldOf(objects, {
    ...(kubernetes !== undefined && { kubernetes }),
    unread: unread.map((what) => ({
      what: what as never,
      why: 'forbidden',
      because: `the API server refused to list ${what} (403)`,
      answer: '',
    })),
  })
  return new LockOut(api, { snapshot: () => world, steps: [step(change)], settleMs: 0 }).before(step(change))
}
const remove = (object: KubeObject): Change => ({ type: 'delete', target: refOf(object) })

describe('the operator', () => {
  const alice = binding('alice', 'cluster-admin', user('alice'))
  test('does not lose what only this binding gives', async () => {
    expect(await foretold([admin, alice], remove(alice))).toMatch(/^you \(alice\) would lose the right to/)
  })
  test('may take away what another binding, or a group, gives as well', async () => {
    expect(
      await foretold([admin, alice, binding('again', 'cluster-admin', group('ops'))], remove(alice), serverFor('alice', ['ops'])),
    ).toBeUndefined()
  })
  test('may take away what somebody else has', async () => {
    const bob = binding('bob', 'cluster-admin', user('bob'))
    expect(await foretold([admin, alice, bob], remove(bob))).toBeUndefined()
  })
  test('of system:masters cannot be locked out by RBAC', async () => {
    expect(await foretold([admin, alice], remove(alice), serverFor('alice', ['system:masters']))).toBeUndefined()
  })
  test('does not narrow the role that is his own', async () => {
    const change: Change = {
      type: 'edit',
      target: refOf(admin),
      edits: [{ set: ['rules'], to: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
    }
    expect(await foretold([admin, alice], change)).toContain('you (alice) would lose')
  })
  test('does not lose rights by way of a role that another one aggregates', async () => {
    const part = role('part', ALL, { labels: { to: 'whole' } })
    const whole = { ...role('whole', ALL), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'whole' } }] } } as KubeObject
    expect(await foretold([part, whole, binding('alice', 'whole', user('alice'))], remove(part))).toContain('you (alice) would lose')
  })
  test('is not served by a forecast where the rights cannot be read, nor where he is not known', async () => {
    expect(await foretold([admin, alice], remove(alice), undefined, ['ClusterRole'])).toBe(
      'what it takes away cannot be foretold: the API server refused to list ClusterRole (403)',
    )
    const silent = {
      ...serverFor('alice'),
      review: async () => ({ ok: false, refusal: { kind: 'forbidden', message: 'the API server refused (403)' } }),
    } as unknown as ClusterApi
    expect(await foretold([admin, alice], remove(alice), silent)).toContain('who you are cannot be told')
  })
  test('is told what is lost all the same', async () => {
    let allowed = true
    const bob = binding('bob', 'cluster-admin', user('bob'))
    const world = worldOf([admin, alice, bob])
    const watchman = new LockOut(
      serverFor('alice', [], () => allowed),
      { snapshot: () => world, steps: [step(remove(bob))], settleMs: 0 },
    )
    expect(await watchman.before(step(remove(bob)))).toBeUndefined()
    expect(await watchman.after(step(remove(bob)))).toBeUndefined()
    allowed = false
    expect(await watchman.after(step(remove(bob)))).toMatch(/^you have lost the right to/)
  })
})

describe('a system component', () => {
  const operator = binding('ops', 'cluster-admin', user('alice'))
  const pods = role('reads-pods', [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }])
  test('loses what somebody added to its role of Kubernetes, and nothing that Kubernetes ships', async () => {
    const name = 'system:kube-scheduler'
    const shipped = defaultRules(undefined, name, 37, false)!
    const [widened, bound] = [role(name, [...shipped, ...ALL]), binding(name, name, user(name))]
    const to = (rules: readonly object[]): Change => ({
      type: 'edit',
      target: refOf(widened),
      edits: [{ set: ['rules'], to: rules as never }],
    })
    const all = [admin, operator, widened, bound]
    expect(await foretold(all, to(shipped), undefined, [], 'v1.37.2')).toBeUndefined()
    expect(await foretold(all, to(shipped.slice(1)), undefined, [], 'v1.37.2')).toMatch(/^system:kube-scheduler would lose/)
    // Of a version that is not known here nobody can say what it ships.
    expect(await foretold(all, to(shipped), undefined, [], 'v1.60.0')).toMatch(/^system:kube-scheduler would lose/)
  })
  test('keeps what its pods run on', async () => {
    const proxy = binding('cni', 'reads-pods', account('kube-system', 'cni'))
    expect(await foretold([admin, operator, pods, proxy, systemPod('cni')], remove(proxy))).toBe(
      'service account kube-system/cni would lose the right to get/list pods, which nothing else gives it',
    )
    expect(await foretold([admin, operator, pods, proxy], remove(proxy))).toBeUndefined()
    expect(
      await foretold([admin, operator, pods, proxy, systemPod('cni', { automountServiceAccountToken: false })], remove(proxy)),
    ).toBeUndefined()
  })
  test('does not keep open what was given to everybody, where it has rights of its own', async () => {
    const everybody = binding('everybody', 'cluster-admin', group('system:authenticated'))
    const own = binding('cni', 'reads-pods', account('kube-system', 'cni'))
    expect(await foretold([admin, operator, pods, everybody, own, systemPod('cni')], remove(everybody))).toBeUndefined()
    expect(await foretold([admin, operator, pods, everybody, systemPod('cni')], remove(everybody))).toContain(
      'service account kube-system/cni would lose',
    )
  })
  test('nodes and the scheduler are asked after by name', async () => {
    const nodes = binding('nodes', 'reads-pods', group('system:nodes'))
    expect(await foretold([admin, operator, pods, nodes], remove(nodes))).toContain('every node (system:nodes) would lose')
  })
})

describe('what could stop system pods', () => {
  const create = (object: object): Change => ({ type: 'create', object: object as KubeObject })
  const bound = (selector: object | undefined, action = 'Deny') =>
    create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'b' },
      spec: { validationActions: [action], ...(selector && { matchResources: { namespaceSelector: selector } }) },
    })
  const without = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }] }
  test.each([
    ['a policy that denies everywhere', bound(undefined), "could keep the cluster's own components from starting"],
    ['one that leaves kube-system out', bound(without), undefined],
    ['one that only warns', bound(undefined, 'Warn'), undefined],
    [
      'a webhook that fails closed',
      create({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'w' },
        webhooks: [{ name: 'a' }],
      }),
      'could keep',
    ],
    [
      'a webhook that fails open',
      create({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'w' },
        webhooks: [{ name: 'a', failurePolicy: 'Ignore' }],
      }),
      undefined,
    ],
    [
      'a NetworkPolicy in kube-system',
      create({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'n', namespace: 'kube-system' } }),
      'would isolate pods of kube-system',
    ],
    [
      'a NetworkPolicy elsewhere',
      create({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'n', namespace: 'shop' } }),
      undefined,
    ],
    [
      'enforcing a level on kube-system',
      {
        type: 'edit',
        target: { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' },
        edits: [{ set: ['metadata', 'labels', 'pod-security.kubernetes.io/enforce'], to: 'restricted' }],
      } as Change,
      'could keep system pods from starting',
    ],
  ])('%s', async (_what, change, because) => {
    const said = await foretold([namespace('kube-system'), namespace('shop')], change)
    if (because === undefined) expect(said).toBeUndefined()
    else expect(said).toContain(because)
  })
})
