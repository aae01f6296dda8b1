/** Rights that lead further: what the controls say of a subject, the API server's authorizer says as well, before and after the remedy. */
import { afterAll, expect, test } from 'vitest'
import { controls as every } from '../../src/controls/index.gen.ts'
import type { KubeObject, RbacSubject } from '../../src/model/index.ts'
import { serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { account, ask, binding, collectionOf, inParallel, role, rule, settled, user, type Who } from './access-reviews.ts'
import { openSession, type Session } from './apply-harness.ts'

const IDS = ['rbac-workload-create', 'rbac-impersonate', 'rbac-nodes-proxy', 'rbac-csr-approve', 'rbac-token-create']
const controls = every.filter(({ id }) => IDS.includes(id))
const NAMESPACES = ['shop', 'pay', 'ops']

const CSR = 'certificates.k8s.io'
const LOGIN = 'kubernetes.io/kube-apiserver-client'
const request = (verb: string, group: string, full: string, namespace = '', name = ''): ResourceRequest => {
  const [resource, subresource = ''] = full.split('/') as [string, string?]
  return { verb, group, resource, subresource, namespace, name }
}

interface Case {
  /** Of the role that the finding is about. */
  readonly name: string
  readonly control: string
  /** `none`: it only looks alike. */
  readonly verdict: 'fail' | 'review' | 'none'
  readonly objects: readonly KubeObject[]
  /** Allowed, all of them together, is what the control is about. */
  readonly danger: readonly ResourceRequest[]
  /** What the subject must not lose. */
  readonly keeps: readonly ResourceRequest[]
}
/** The subject of each case is the service account of its name in shop, and nobody else is. */
const subject = (name: string): RbacSubject => account('shop', name)
const who = (name: string): Who => ({ user: serviceAccountUser('shop', name), groups: serviceAccountGroups('shop') })

const READ = rule([''], ['configmaps'], ['get'])
const keepsReading = (namespace = ''): readonly ResourceRequest[] => [request('get', '', 'configmaps', namespace)]

/** One role with these rules and one harmless one, bound to the subject in the whole cluster or in a namespace. */
function simple(
  control: string,
  name: string,
  verdict: Case['verdict'],
  given: { readonly in?: string; readonly rules: Parameters<typeof role>[2][]; readonly by?: RbacSubject; readonly roleIn?: string | null },
  danger: readonly ResourceRequest[],
  keeps: readonly ResourceRequest[] = [],
): Case {
  const where = given.roleIn === null ? undefined : (given.roleIn ?? given.in)
  const made = role(where, name, READ, ...given.rules)
  const objects = [made, binding(given.in, made, given.by ?? subject(name))]
  return { name, control, verdict, objects, danger, keeps: [...keepsReading(given.in), ...keeps] }
}

const approval = role(undefined, 'csr-approval', rule([CSR], ['certificatesigningrequests/approval'], ['update']))
const operator = role(undefined, 'operator-of-ops', rule(['rbac.authorization.k8s.io'], ['clusterroles'], ['bind']))
const approves = [request('approve', CSR, 'signers', '', LOGIN), request('update', CSR, 'certificatesigningrequests/approval')]

const CASES: readonly Case[] = [
  simple(
    'rbac-workload-create',
    'w-deployments',
    'fail',
    { in: 'shop', rules: [rule(['apps'], ['deployments', 'deployments/scale'], ['get', 'create', 'patch'])] },
    [request('create', 'apps', 'deployments', 'shop')],
    [request('get', 'apps', 'deployments', 'shop'), request('patch', 'apps', 'deployments/scale', 'shop')],
  ),
  simple(
    'rbac-workload-create',
    'w-patch-pods',
    'fail',
    { in: 'pay', roleIn: null, rules: [rule([''], ['pods'], ['patch', 'delete'])] },
    [request('patch', '', 'pods', 'pay')],
    [request('delete', '', 'pods', 'pay')],
  ),
  simple(
    'rbac-workload-create',
    'w-everywhere',
    'fail',
    { rules: [rule(['batch', 'autoscaling'], ['*'], ['update', 'list'])] },
    [request('update', 'batch', 'cronjobs', 'ops')],
    [
      request('list', 'batch', 'jobs', 'ops'),
      request('update', 'batch', 'jobs/status', 'ops'),
      request('update', 'autoscaling', 'horizontalpodautoscalers', 'pay'),
    ],
  ),
  simple(
    'rbac-workload-create',
    'w-wrong-group',
    'none',
    { in: 'shop', rules: [rule(['apps'], ['pods'], ['create']), rule([''], ['deployments'], ['create'])] },
    [request('create', '', 'pods', 'shop')],
  ),
  simple('rbac-workload-create', 'w-named-create', 'none', { in: 'shop', rules: [rule(['batch'], ['jobs'], ['create'], ['nightly'])] }, [
    request('create', 'batch', 'jobs', 'shop'),
  ]),
  simple('rbac-workload-create', 'w-named-patch', 'review', { in: 'pay', rules: [rule(['apps'], ['statefulsets'], ['patch'], ['db'])] }, [
    request('patch', 'apps', 'statefulsets', 'pay', 'db'),
  ]),
  simple('rbac-impersonate', 'i-users', 'fail', { rules: [rule([''], ['users', 'groups'], ['impersonate'])] }, [
    request('impersonate', '', 'groups', '', 'system:masters'),
  ]),
  simple(
    'rbac-impersonate',
    'i-masters',
    'fail',
    { rules: [rule([''], ['groups'], ['impersonate'], ['developers', 'system:masters'])] },
    [request('impersonate', '', 'groups', '', 'system:masters')],
    [request('impersonate', '', 'groups', '', 'developers')],
  ),
  simple(
    'rbac-impersonate',
    'i-accounts',
    'fail',
    { in: 'pay', rules: [rule([''], ['serviceaccounts'], ['impersonate', 'list'])] },
    [request('impersonate', '', 'serviceaccounts', 'pay', 'default')],
    [request('list', '', 'serviceaccounts', 'pay')],
  ),
  simple(
    'rbac-impersonate',
    'i-in-a-namespace',
    'none',
    { in: 'shop', roleIn: null, rules: [rule([''], ['users', 'groups'], ['impersonate'])] },
    [request('impersonate', '', 'groups', '', 'system:masters')],
  ),
  simple(
    'rbac-impersonate',
    'i-constrained',
    'fail',
    {
      rules: [
        rule(['authentication.k8s.io'], ['nodes'], ['impersonate:arbitrary-node']),
        rule([''], ['secrets'], ['impersonate-on:arbitrary-node:get']),
      ],
    },
    [
      request('impersonate:arbitrary-node', 'authentication.k8s.io', 'nodes', '', 'node-0'),
      request('impersonate-on:arbitrary-node:get', '', 'secrets', 'shop'),
    ],
    [request('impersonate-on:arbitrary-node:get', '', 'secrets', 'shop')],
  ),
  simple('rbac-impersonate', 'i-half', 'none', { rules: [rule(['authentication.k8s.io'], ['nodes'], ['impersonate:arbitrary-node'])] }, [
    request('impersonate:arbitrary-node', 'authentication.k8s.io', 'nodes', '', 'node-0'),
    request('impersonate-on:arbitrary-node:get', '', 'secrets', 'shop'),
  ]),
  simple(
    'rbac-nodes-proxy',
    'n-get',
    'fail',
    { rules: [rule([''], ['nodes/proxy', 'nodes/metrics'], ['get'])] },
    [request('get', '', 'nodes/proxy', '', 'node-0')],
    [request('get', '', 'nodes/metrics', '', 'node-0')],
  ),
  simple(
    'rbac-nodes-proxy',
    'n-any-proxy',
    'fail',
    { rules: [rule([''], ['*/proxy'], ['create'])] },
    [request('create', '', 'nodes/proxy', '', 'node-0')],
    [request('create', '', 'services/proxy', 'shop')],
  ),
  simple('rbac-nodes-proxy', 'n-star', 'none', { rules: [rule([''], ['nodes/*', 'nodes'], ['get'])] }, [
    request('get', '', 'nodes/proxy', '', 'node-0'),
  ]),
  simple('rbac-nodes-proxy', 'n-in-a-namespace', 'none', { in: 'shop', roleIn: null, rules: [rule([''], ['nodes/proxy'], ['get'])] }, [
    request('get', '', 'nodes/proxy', '', 'node-0'),
  ]),
  {
    ...simple('rbac-csr-approve', 'c-two-roles', 'fail', { rules: [rule([CSR], ['signers'], ['approve', 'sign'])] }, approves, [
      request('sign', CSR, 'signers', '', LOGIN),
      approves[1]!,
    ]),
    ...(() => {
      const signers = role(undefined, 'c-two-roles', READ, rule([CSR], ['signers'], ['approve', 'sign']))
      return {
        objects: [
          signers,
          binding(undefined, signers, user(who('c-two-roles').user)),
          approval,
          binding(undefined, approval, subject('c-two-roles'), subject('c-serving')),
        ],
      }
    })(),
  },
  simple(
    'rbac-csr-approve',
    'c-one-signer',
    'fail',
    {
      rules: [
        rule([CSR], ['certificatesigningrequests/approval'], ['update']),
        rule([CSR], ['signers'], ['approve'], [LOGIN, 'example.com/own']),
      ],
    },
    approves,
    [request('approve', CSR, 'signers', '', 'example.com/own'), approves[1]!],
  ),
  simple(
    'rbac-csr-approve',
    'c-serving',
    'none',
    { rules: [rule([CSR], ['signers'], ['approve'], ['kubernetes.io/kubelet-serving'])] },
    approves,
  ),
  simple(
    'rbac-csr-approve',
    'c-half',
    'none',
    { rules: [rule([CSR], ['signers'], ['approve']), rule([CSR], ['certificatesigningrequests'], ['update'])] },
    approves,
  ),
  simple(
    'rbac-token-create',
    't-namespace',
    'fail',
    { in: 'shop', rules: [rule([''], ['serviceaccounts/token', 'serviceaccounts'], ['create'])] },
    [request('create', '', 'serviceaccounts/token', 'shop', 'default')],
    [request('create', '', 'serviceaccounts', 'shop')],
  ),
  simple('rbac-token-create', 't-accounts', 'none', { in: 'shop', rules: [rule([''], ['serviceaccounts'], ['create'])] }, [
    request('create', '', 'serviceaccounts/token', 'shop', 'default'),
  ]),
  simple(
    'rbac-token-create',
    't-named',
    'review',
    { in: 'shop', rules: [rule([''], ['serviceaccounts/token'], ['create'], ['default'])] },
    [request('create', '', 'serviceaccounts/token', 'shop', 'default')],
  ),
  simple(
    'rbac-token-create',
    't-secrets',
    'fail',
    { in: 'ops', rules: [rule([''], ['secrets'], ['patch', 'delete'])] },
    [request('patch', '', 'secrets', 'ops')],
    [request('delete', '', 'secrets', 'ops')],
  ),
]

describeCluster('rights that lead further', { controllerManager: true, audit: false }, (cluster) => {
  const opened: Session[] = []
  afterAll(async () => {
    for (const session of opened) await session.close()
  })

  test('the verdicts are those of the authorizer; after the remedies the rights are gone and all others are left', {
    timeout: 400_000,
  }, async () => {
    const { api, kubeconfig } = cluster()
    for (const name of NAMESPACES) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const accounts: [string, string][] = [['ops', 'operator'], ...CASES.map(({ name }): [string, string] => ['shop', name])]
    await inParallel(accounts, ([namespace, name]) =>
      api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name, namespace },
      }),
    )
    const objects = [operator, binding(undefined, operator, account('ops', 'operator')), ...CASES.flatMap((one) => one.objects)]
    await inParallel(objects, (object) => api.create(collectionOf(object), object))
    await settled(api, 'loaded', 'shop')

    const allowed = (name: string, requests: readonly ResourceRequest[]) => inParallel(requests, (one) => ask(api, who(name), one))
    const session = await openSession({ kubeconfig, controls })
    opened.push(session)
    const verdictOf = ({ control, name }: Case): string =>
      session.scan.findings.find((one) => one.control === control && one.origin === 'workload' && one.subject.name === name)?.verdict ??
      'none'
    expect(Object.fromEntries(CASES.map((one) => [one.name, verdictOf(one)]))).toEqual(
      Object.fromEntries(CASES.map(({ name, verdict }) => [name, verdict])),
    )
    for (const { name, danger, keeps, verdict } of CASES) {
      expect((await allowed(name, danger)).every(Boolean), `${name}: the API server on what makes it dangerous`).toBe(verdict !== 'none')
      expect(await allowed(name, keeps), `${name}: what is to be kept`).toEqual(keeps.map(() => true))
    }

    const states = await session.apply()
    expect(states.map(({ is }) => is)).toEqual(states.map(() => 'mended'))
    expect(states).toHaveLength(CASES.filter(({ verdict }) => verdict === 'fail').length)
    await settled(api, 'mended', 'shop')
    for (const { name, danger, keeps, verdict } of CASES) {
      expect((await allowed(name, danger)).every(Boolean), `${name}: still dangerous`).toBe(verdict === 'review')
      expect(await allowed(name, keeps), `${name}: lost what it should keep`).toEqual(keeps.map(() => true))
    }
  })
})
