/** The audit policy this tool writes, and its idea of how policies are read, against a real API server. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recommendedPolicyText } from '../../remediations/audit-policy.ts'
import type { ConfigFile } from '../../src/model/index.ts'
import { auditDecision, type AuditPolicy, type AuditRequest, loggedLevel, readAuditPolicy } from '../../src/objects/audit-policy.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'

interface Actor { readonly user: string; readonly groups: readonly string[] }
const ANONYMOUS: Actor = { user: 'system:anonymous', groups: [] }
const ACTORS: readonly Actor[] = [
  { user: 'alice', groups: ['dev'] }, { user: 'carol', groups: ['ops', 'dev'] }, { user: 'system:serviceaccount:a:bot', groups: ['system:serviceaccounts', 'system:serviceaccounts:a'] },
  { user: 'system:node:n1', groups: ['system:nodes'] }, { user: 'system:kube-proxy', groups: [] }, ANONYMOUS,
]
/** What the API server itself adds to what the certificate says. */
const groupsOf = ({ user, groups }: Actor): string[] => (user === ANONYMOUS.user ? ['system:unauthenticated'] : [...groups, 'system:authenticated'])

interface Call { readonly method: string; readonly path: string; readonly query: string; readonly request: AuditRequest }

const RESOURCES: readonly (readonly [group: string, version: string, resource: string, subresources: readonly string[], namespaced: boolean])[] = [
  ['', 'v1', 'pods', ['exec', 'log', 'status', 'portforward', 'ephemeralcontainers'], true], ['', 'v1', 'secrets', [], true], ['', 'v1', 'configmaps', [], true], ['', 'v1', 'serviceaccounts', ['token'], true],
  ['', 'v1', 'endpoints', [], true], ['', 'v1', 'events', [], true], ['', 'v1', 'nodes', ['status', 'proxy'], false], ['', 'v1', 'services', ['status', 'proxy'], true],
  ['apps', 'v1', 'deployments', ['scale', 'status'], true], ['rbac.authorization.k8s.io', 'v1', 'clusterroles', [], false], ['rbac.authorization.k8s.io', 'v1', 'roles', [], true],
  ['authentication.k8s.io', 'v1', 'tokenreviews', [], false], ['discovery.k8s.io', 'v1', 'endpointslices', [], true], ['metrics.k8s.io', 'v1beta1', 'nodes', [], false], ['k8s-harden.test', 'v1', 'probes', ['scale'], true],
]
const VERBS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETE' } as const
const PATHS = ['/', '/api', '/apis', '/apis/apps', '/healthz', '/healthz/etcd', '/livez', '/version', '/openapi/v3', '/metrics', '/unknown/path', '/unknown']

const onResource = fc.record({ actor: fc.constantFrom(...ACTORS), about: fc.constantFrom(...RESOURCES), verb: fc.constantFrom(...(Object.keys(VERBS) as (keyof typeof VERBS)[])), namespace: fc.constantFrom('a', 'kube-system'), name: fc.constantFrom('x', 'y'), sub: fc.nat() })
  .map(({ actor, about: [group, version, resource, subresources, namespaced], verb, namespace, name, sub }): { actor: Actor; call: Call } => {
    const named = !['list', 'watch', 'deletecollection'].includes(verb)
    const subresource = named ? subresources[sub % (subresources.length + 1)] : undefined
    const hasName = named && (verb !== 'create' || subresource !== undefined)
    const path = [group === '' ? '/api' : `/apis/${group}`, version, ...(namespaced ? ['namespaces', namespace] : []), resource, ...(hasName ? [name] : []), ...(subresource === undefined ? [] : [subresource])].join('/')
    const about = { group, resource, namespace: namespaced ? namespace : '', ...(subresource !== undefined && { subresource }), ...(hasName && { name }) }
    return { actor, call: { method: VERBS[verb], path, query: verb === 'watch' ? 'watch=1&timeoutSeconds=1' : '', request: { user: actor.user, groups: groupsOf(actor), verb, resource: about } } }
  })
/** A Namespace is in itself, as far as the audit filter is concerned. */
const onNamespace = fc.record({ actor: fc.constantFrom(...ACTORS), verb: fc.constantFrom('get', 'update', 'delete', 'list', 'create'), name: fc.constantFrom('a', 'kube-system') }).map(({ actor, verb, name }): { actor: Actor; call: Call } => {
  const named = verb !== 'list' && verb !== 'create'
  const request = { user: actor.user, groups: groupsOf(actor), verb, resource: { group: '', resource: 'namespaces', namespace: named ? name : '', ...(named && { name }) } }
  return { actor, call: { method: VERBS[verb as keyof typeof VERBS], path: `/api/v1/namespaces${named ? `/${name}` : ''}`, query: '', request } }
})
const onPath = fc.record({ actor: fc.constantFrom(...ACTORS), path: fc.constantFrom(...PATHS), method: fc.constantFrom('GET', 'POST', 'HEAD') }).map(({ actor, path, method }): { actor: Actor; call: Call } =>
  ({ actor, call: { method, path, query: '', request: { user: actor.user, groups: groupsOf(actor), verb: method.toLowerCase(), path } } }))
const anyCall = fc.oneof({ weight: 8, arbitrary: onResource }, { weight: 1, arbitrary: onNamespace }, { weight: 2, arbitrary: onPath })

const some = <T>(...values: readonly T[]) => fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 0, maxLength: 3 }), { nil: undefined, freq: 3 })
const anyLevel = fc.constantFrom('None' as const, 'None' as const, 'Metadata' as const, 'Request' as const, 'RequestResponse' as const)
const anyRule = fc.record({
  level: anyLevel, users: some(...ACTORS.map((actor) => actor.user)), userGroups: some('dev', 'ops', 'system:nodes', 'system:authenticated', 'system:unauthenticated', 'system:serviceaccounts:a'),
  verbs: some(...Object.keys(VERBS), 'post'), about: fc.oneof(
    fc.constant({}), fc.record({ nonResourceURLs: fc.uniqueArray(fc.constantFrom('*', '/', '/healthz*', '/api*', '/apis/*', '/unknown', '/version'), { minLength: 1, maxLength: 2 }) }),
    fc.record({
      namespaces: some('', 'a', 'kube-system'),
      resources: fc.option(fc.array(fc.record({
        group: fc.constantFrom('', '', 'apps', 'rbac.authorization.k8s.io', 'k8s-harden.test', '*'),
        resources: fc.uniqueArray(fc.constantFrom('pods', 'pods/exec', 'pods/*', '*', '*/status', '*/scale', 'secrets', 'deployments', 'namespaces', 'nodes', 'serviceaccounts/*', 'services/proxy'), { minLength: 1, maxLength: 3 }),
        resourceNames: some('x', 'kube-system'),
      }), { minLength: 1, maxLength: 2 }), { nil: undefined }),
    }),
  ), omitStages: fc.option(fc.constantFrom(['ResponseComplete'], ['ResponseComplete', 'ResponseStarted'], ['Panic']), { nil: undefined, freq: 4 }),
}).map(({ about, ...rule }) => JSON.parse(JSON.stringify({ ...rule, ...about })) as AuditPolicy['rules'][number])
const anyPolicy = fc.array(anyRule, { minLength: 4, maxLength: 9 }).map((rules): AuditPolicy => ({ rules, omitStages: ['RequestReceived'] }))

describeCluster('the recommended audit policy', { audit: recommendedPolicyText() }, (cluster) => {
  test('logs every write, and nothing of what carries credentials', async () => {
    const { api } = cluster()
    const marker = 'never-in-the-log'
    const calls: [method: string, path: string, body?: unknown][] = [
      ['POST', '/api/v1/namespaces/default/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: marker } }],
      ['PATCH', '/api/v1/namespaces/default/secrets/s', { stringData: { other: marker } }],
      ['GET', '/api/v1/namespaces/default/secrets/s'], ['GET', '/api/v1/secrets'],
      ['POST', '/api/v1/namespaces/default/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { key: marker } }],
      ['PUT', '/api/v1/namespaces/default/configmaps/c', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { key: `${marker} again` } }],
      ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: marker } }],
      ['POST', '/api/v1/namespaces/default/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } }],
      ['POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }],
      ['POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
      ['POST', '/api/v1/namespaces/default/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] } }],
      ['POST', '/api/v1/namespaces/default/pods/p/exec?command=id'],
      ['DELETE', '/api/v1/namespaces/default/pods/p'], ['DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterroles/r'], ['DELETE', '/api/v1/namespaces/default/configmaps'], ['DELETE', '/api/v1/namespaces/default/secrets/s'],
    ]
    const answers: { readonly status: number; readonly text: string }[] = []
    for (const [index, [method, path, body]] of calls.entries()) {
      const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
      answers.push(await api.request(method, `${path}${path.includes('?') ? '&' : '?'}probe=w${index}-`, { body, contentType }))
    }
    const token = (JSON.parse(answers[8]!.text) as { status: { token: string } }).status.token
    expect(answers.filter((answer) => answer.status >= 500 || answer.status === 409)).toEqual([])

    const events = await cluster().auditEvents()
    const of = (index: number) => events.filter((event) => event.requestURI.includes(`probe=w${index}-`))
    expect(calls.map((_call, index) => of(index).length > 0), calls.map(([method, path]) => `${method} ${path}`).join('\n')).toEqual(calls.map(() => true))
    for (const [index, [, path]] of calls.entries()) {
      if (!/secrets|configmaps|tokenreviews|\/token/.test(path)) continue
      for (const event of of(index)) expect(event).toMatchObject({ level: 'Metadata' })
      expect(of(index).filter((event) => event.requestObject !== undefined || event.responseObject !== undefined)).toEqual([])
    }
    expect(of(9)[0]).toMatchObject({ level: 'Request', requestObject: { metadata: { name: 'r' } } })
    expect(of(10)[0]).toMatchObject({ level: 'Request', requestObject: { spec: { containers: [{ name: 'app' }] } } })
    const log = await readFile(join(cluster().dir, 'audit.log'), 'utf8')
    expect(log.includes(marker)).toBe(false)
    expect(log.includes(token)).toBe(false)
  })

  test('is read by the API server as the simulator reads it', async () => {
    await agreement(cluster(), RECOMMENDED_POLICY, fc.sample(anyCall, { numRuns: 400, seed: 20261123 }), 'r')
  })

  test.each([1, 2, 3, 4])('so is a tangled policy (%i)', async (seed) => {
    const [policy] = fc.sample(anyPolicy, { numRuns: 1, seed })
    const file = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy }
    const path = join(cluster().dir, `audit-policy-${seed}.yaml`)
    await writeFile(path, JSON.stringify(file))
    await cluster().restartApiServer({ flags: { 'audit-policy-file': path } })
    const read = readAuditPolicy({ ...file, metadata: { name: 'audit-policy.yaml' } } as unknown as ConfigFile)
    expect(read.problems).toEqual([])
    await agreement(cluster(), read.policy, fc.sample(anyCall, { numRuns: 400, seed: 1000 + seed }), `t${seed}-`)
  })
})

/** Sends all calls, and compares the level of each in the log with what the simulator says. */
async function agreement(cluster: Cluster, policy: AuditPolicy, calls: readonly { readonly actor: Actor; readonly call: Call }[], run: string): Promise<void> {
  const clients = new Map(await Promise.all(ACTORS.map(async (actor) => [actor.user, await agentFor(cluster, actor)] as const)))
  for (const [index, { actor, call }] of calls.entries()) await send(cluster.url, clients.get(actor.user)!, call, `probe=${run}${index}-`)
  const logged = new Map<string, Set<string>>()
  for (const event of await cluster.auditEvents()) {
    const probe = /probe=([\w-]+?-)(&|$)/.exec(event.requestURI)?.[1]
    if (probe !== undefined) logged.set(probe, (logged.get(probe) ?? new Set()).add(event.level))
  }
  for (const agent of clients.values()) agent.destroy()
  const differing = calls.flatMap(({ call }, index) => {
    const expected = loggedLevel(auditDecision(policy, call.request), call.request)
    const found = [...(logged.get(`${run}${index}-`) ?? ['None'])].join()
    return expected === found ? [] : [`${call.method} ${call.path} by ${call.request.user}: simulator ${expected}, API server ${found}`]
  })
  expect(differing).toEqual([])
  // A policy that logs all or nothing would agree with any simulator.
  expect(new Set(calls.map(({ call }) => loggedLevel(auditDecision(policy, call.request), call.request))).size).toBeGreaterThan(1)
}

async function agentFor(cluster: Cluster, actor: Actor): Promise<Agent> {
  const ca = await readFile(cluster.caFile)
  if (actor.user === ANONYMOUS.user) return new Agent({ ca, keepAlive: true })
  const kubeconfig = JSON.parse(await readFile(await cluster.kubeconfigFor(actor), 'utf8')) as { users: [{ user: Record<string, string> }] }
  const pem = (field: string) => Buffer.from(kubeconfig.users[0].user[field]!, 'base64')
  return new Agent({ ca, cert: pem('client-certificate-data'), key: pem('client-key-data'), keepAlive: true })
}

/** Whatever the answer is: refused requests are audited like others. */
async function send(url: string, agent: Agent, { method, path, query }: Call, probe: string): Promise<void> {
  const outgoing = httpsRequest(new URL(`${path}?${[query, probe].filter((part) => part !== '').join('&')}`, url), { method, agent, headers: { 'content-type': 'application/json' } }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
}
