/** The log that a real API server writes under the recommended policy: every write is in it, and no Secret, ConfigMap or token. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { recommendedPolicyText } from '../../remediations/audit-policy.ts'
import type { AuditEvent } from '../cluster/audit.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { CARRIERS, MARKERS, OPEN, WRITES, type Write } from './audit-write-calls.ts'

const isLogged = ({ path, method }: Write): boolean => !(path.includes('/events') && method !== 'DELETE')

describeCluster('a log under the recommended audit policy', { audit: recommendedPolicyText() }, (cluster) => {
  let tokens: readonly string[] = []
  let events: readonly AuditEvent[] = []

  test('is written while all kinds of changes are made, by an administrator, by somebody who may not, and by kubectl', async () => {
    const answers = await send(cluster(), WRITES)
    // 503: there is nothing behind the Service that is asked through the API server.
    expect(answers.filter(({ status }) => [400, 405, 415, 422].includes(status) || (status >= 500 && status !== 503))).toEqual([])
    const issued = answers.filter(({ path }) => path.endsWith('/token')).map(({ text }) => tokenIn(text))
    await kubectl(cluster())
    tokens = [...issued, (await cluster().kubectl(['create', 'token', 'robot', '-n', 'default'])).trim()]
    expect(tokens.map((token) => token.split('.').length)).toEqual([3, 3])
    events = await cluster().auditEvents()
    expect(events.length).toBeGreaterThan(WRITES.length)
  })

  test('holds every write, answered or refused, but of Events that are only told', () => {
    const seen = new Set(events.flatMap(({ requestURI }) => /probe=(w\d+)-/.exec(requestURI)?.[1] ?? []))
    const found = WRITES.map((call, index) => `${seen.has(`w${index}`) ? 'logged' : 'not logged'}: ${call.method} ${call.path}`)
    const expected = WRITES.map((call) => `${isLogged(call) ? 'logged' : 'not logged'}: ${call.method} ${call.path}`)
    expect(found).toEqual(expected)
    expect(WRITES.filter(isLogged).length).toBeGreaterThan(70)
    for (const verb of ['create', 'update', 'patch', 'delete', 'deletecollection'])
      expect(events.some((event) => event.verb === verb && event.objectRef?.resource === 'secrets')).toBe(true)
  })

  test('holds nothing of what a Secret, a ConfigMap or a token holds', async () => {
    const log = await readFile(join(cluster().dir, 'audit.log'), 'utf8')
    const planted = [...MARKERS, ...MARKERS.map(base64), ...tokens.flatMap((token) => [token, token.split('.')[2]!])]
    expect(planted.filter((text) => log.includes(text))).toEqual([])
    const bodies = events.filter(
      ({ objectRef: { resource = '', subresource } = {}, requestObject, responseObject }) =>
        (CARRIERS.includes(resource) || subresource === 'token') && (requestObject ?? responseObject) !== undefined,
    )
    expect(bodies).toEqual([])
  })

  test('holds what a pod template says in the clear: where that is a password, it is in the log too', async () => {
    expect(await readFile(join(cluster().dir, 'audit.log'), 'utf8')).toContain(OPEN)
  })

  test('holds the body of what decides who may do what, of pods, and of ways into them, and no answer at all', () => {
    const bodyOf = (resource: string, verb: string) =>
      events.filter((event) => event.objectRef?.resource === resource && event.verb === verb && event.requestObject !== undefined)
    for (const resource of ['clusterroles', 'rolebindings', 'validatingwebhookconfigurations', 'networkpolicies', 'pods', 'deployments'])
      expect(bodyOf(resource, 'create').length, resource).toBeGreaterThan(0)
    expect(events.filter(({ responseObject }) => responseObject !== undefined)).toEqual([])
    expect(events.filter(({ stage }) => stage === 'RequestReceived')).toEqual([])
    expect(JSON.stringify(events)).not.toContain('"managedFields"')
  })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const tokenIn = (text: string): string => (JSON.parse(text) as { status: { token: string } }).status.token

async function send({ api }: Cluster, calls: readonly Write[]) {
  const answers: { readonly status: number; readonly method: string; readonly path: string; readonly text: string }[] = []
  for (const [index, { method, path, body, contentType }] of calls.entries()) {
    const { status, text } = await api.request(method, `${path}${path.includes('?') ? '&' : '?'}probe=w${index}-`, { body, contentType })
    answers.push({ status, method, path, text })
  }
  return answers
}

/** As people do it: the last applied configuration is a copy of the Secret in an annotation. */
async function kubectl(cluster: Cluster): Promise<void> {
  const secret = (value: string) =>
    stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'applied', namespace: 'default' }, stringData: { password: value } })
  await cluster.kubectl(['apply', '-f', '-'], { input: secret(MARKERS[0]!) })
  await cluster.kubectl(['apply', '-f', '-'], { input: secret(MARKERS[1]!) })
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: secret(MARKERS[2]!) })
  await cluster.kubectl(['create', 'configmap', 'made', '-n', 'default', `--from-literal=key=${MARKERS[3]}`])
  await cluster.kubectl(['annotate', 'secret', 'applied', '-n', 'default', `note=${MARKERS[4]}`])
  const mallory = await cluster.kubeconfigFor({ user: 'mallory', groups: [] })
  const refused = cluster.kubectl(['create', 'secret', 'generic', 'stolen', '-n', 'default', `--from-literal=key=${MARKERS[5]}`], {
    as: mallory,
  })
  await expect(refused).rejects.toThrow()
  await cluster.kubectl(['delete', 'secret', 'applied', '-n', 'default'])
}
