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
import { type AuditPolicy, auditDecision, loggedLevel, loggedStages } from '../../src/objects/audit-policy.ts'
import { readAuditPolicy } from '../../src/objects/audit-policy-read.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { ACTORS, type Actor, ANONYMOUS, anyCall, anyPolicy, type Call, NOBODY } from './audit-calls.ts'

describeCluster('the recommended audit policy', { audit: recommendedPolicyText() }, (cluster) => {
  test('is read by the API server as the simulator reads it', async () => {
    await agreement(cluster(), RECOMMENDED_POLICY, fc.sample(anyCall, { numRuns: 600, seed: 20261123 }), 'r')
  })

  test('hides nobody who says that he acts for a component', async () => {
    const agent = await agentFor(cluster(), ACTORS[0]!)
    const headers = { 'impersonate-user': 'system:kube-proxy' }
    await send(cluster().url, agent, { method: 'GET', path: '/api/v1/endpoints', query: 'watch=1&timeoutSeconds=1' }, 'probe=imp-', headers)
    agent.destroy()
    const events = (await cluster().auditEvents()).filter(({ requestURI }) => requestURI.includes('probe=imp-'))
    expect(events.map(({ level, user: { username } }) => `${level} ${username}`)).toContain('Metadata alice')
  })

  test.each([1, 2, 3, 4, 5, 6])('so is a tangled policy (%i)', async (seed) => {
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

/** Sends all calls, and compares the level and the stages of each in the log with what the simulator says. */
async function agreement(
  cluster: Cluster,
  policy: AuditPolicy,
  calls: readonly { readonly actor: Actor; readonly call: Call }[],
  run: string,
): Promise<void> {
  const clients = new Map(await Promise.all(ACTORS.map(async (actor) => [actor.user, await agentFor(cluster, actor)] as const)))
  for (const [index, { actor, call }] of calls.entries()) {
    const headers: Readonly<Record<string, string>> = actor === NOBODY ? { authorization: 'Bearer nobody-issued-this' } : {}
    await send(cluster.url, clients.get(actor.user)!, call, `probe=${run}${index}-`, headers)
  }
  const logged = new Map<string, Set<string>>()
  for (const { requestURI, level, stage } of await cluster.auditEvents()) {
    const probe = /probe=([\w-]+?-)(&|$)/.exec(requestURI)?.[1]
    if (probe !== undefined) logged.set(probe, (logged.get(probe) ?? new Set()).add(`${level} ${stage}`))
  }
  for (const agent of clients.values()) agent.destroy()
  const differing = calls.flatMap(({ call }, index) => {
    const decision = auditDecision(policy, call.request)
    const expected = loggedStages(decision, call.request)
      .map((stage) => `${decision.level} ${stage}`)
      .join()
    const found = [...(logged.get(`${run}${index}-`) ?? [])].join()
    return expected === found ? [] : [`${call.method} ${call.path} by ${call.request.user}: simulator ${expected}, API server ${found}`]
  })
  expect(differing).toEqual([])
  // A policy that logs all or nothing would agree with any simulator.
  expect(new Set(calls.map(({ call }) => loggedLevel(auditDecision(policy, call.request), call.request))).size).toBeGreaterThan(1)
}

async function agentFor(cluster: Cluster, actor: Actor): Promise<Agent> {
  const ca = await readFile(cluster.caFile)
  if (actor === ANONYMOUS || actor === NOBODY) return new Agent({ ca, keepAlive: true })
  const kubeconfig = JSON.parse(await readFile(await cluster.kubeconfigFor(actor), 'utf8')) as { users: [{ user: Record<string, string> }] }
  const pem = (field: string) => Buffer.from(kubeconfig.users[0].user[field]!, 'base64')
  return new Agent({ ca, cert: pem('client-certificate-data'), key: pem('client-key-data'), keepAlive: true })
}

/** Whatever the answer is: refused requests are audited like others. */
async function send(
  url: string,
  agent: Agent,
  { method, path, query }: Pick<Call, 'method' | 'path' | 'query'>,
  probe: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const outgoing = httpsRequest(new URL(`${path}?${[query, probe].filter((part) => part !== '').join('&')}`, url), {
    method,
    agent,
    headers: { 'content-type': 'application/json', ...more },
  }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
}
