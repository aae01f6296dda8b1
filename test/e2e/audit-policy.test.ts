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
import { type AuditPolicy, auditDecision, loggedLevel, readAuditPolicy } from '../../src/objects/audit-policy.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { ACTORS, type Actor, ANONYMOUS, anyCall, anyPolicy, type Call } from './audit-calls.ts'

describeCluster('the recommended audit policy', { audit: recommendedPolicyText() }, (cluster) => {
  test('logs every write, and nothing of what carries credentials', async () => {
    const { api } = cluster()
    const marker = 'never-in-the-log'
    const calls: [method: string, path: string, body?: unknown][] = [
      [
        'POST',
        '/api/v1/namespaces/default/secrets',
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: marker } },
      ],
      ['PATCH', '/api/v1/namespaces/default/secrets/s', { stringData: { other: marker } }],
      ['GET', '/api/v1/namespaces/default/secrets/s'],
      ['GET', '/api/v1/secrets'],
      [
        'POST',
        '/api/v1/namespaces/default/configmaps',
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { key: marker } },
      ],
      [
        'PUT',
        '/api/v1/namespaces/default/configmaps/c',
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { key: `${marker} again` } },
      ],
      [
        'POST',
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: marker } },
      ],
      ['POST', '/api/v1/namespaces/default/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } }],
      [
        'POST',
        '/api/v1/namespaces/default/serviceaccounts/robot/token',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
      ],
      [
        'POST',
        '/apis/rbac.authorization.k8s.io/v1/clusterroles',
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: 'r' },
          rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
        },
      ],
      [
        'POST',
        '/api/v1/namespaces/default/pods',
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] } },
      ],
      ['POST', '/api/v1/namespaces/default/pods/p/exec?command=id'],
      ['DELETE', '/api/v1/namespaces/default/pods/p'],
      ['DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterroles/r'],
      ['DELETE', '/api/v1/namespaces/default/configmaps'],
      ['DELETE', '/api/v1/namespaces/default/secrets/s'],
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
    expect(
      calls.map((_call, index) => of(index).length > 0),
      calls.map(([method, path]) => `${method} ${path}`).join('\n'),
    ).toEqual(calls.map(() => true))
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
async function agreement(
  cluster: Cluster,
  policy: AuditPolicy,
  calls: readonly { readonly actor: Actor; readonly call: Call }[],
  run: string,
): Promise<void> {
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
  const outgoing = httpsRequest(new URL(`${path}?${[query, probe].filter((part) => part !== '').join('&')}`, url), {
    method,
    agent,
    headers: { 'content-type': 'application/json' },
  }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
}
