/** The policy against external addresses on a real API server: what it refuses, and what it lets be. */
import { beforeAll, expect, test, vi } from 'vitest'
import { EXTERNAL_IPS_POLICY, externalIpsBinding, externalIpsPolicy } from '../../src/objects/external-ips-policy.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })
const SERVICES = '/api/v1/namespaces/default/services'
const service = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...more },
})

describeCluster('external addresses', { controllerManager: true }, (cluster) => {
  const env: Record<string, string> = { XDG_STATE_HOME: freshState() }
  const run = (...args: string[]) => cli(args, { env: { ...env, KUBECONFIG: cluster().kubeconfig }, timeout: 200_000 })
  const ask = (method: string, path: string, body: object) => cluster().api.request(method, `${path}?dryRun=All`, { body })
  const statusOf = async (): Promise<string> => {
    const { stdout } = await run('scan', '-o', 'json', '--control', 'net-external-ips')
    return (JSON.parse(stdout) as { results: { status: string }[] }).results[0]!.status
  }

  beforeAll(async () => {
    await cluster().api.create(SERVICES, service('old', { externalIPs: ['198.51.100.7', '198.51.100.8'] }))
  })

  test('nothing refuses them first, and the policy does after apply', async () => {
    expect(await statusOf()).toBe('fail')
    expect((await ask('POST', SERVICES, service('new', { externalIPs: ['198.51.100.9'] }))).status).toBe(201)
    const done = await run('apply', '--yes', '--accept-risk', 'may-break', '--control', 'net-external-ips')
    expect([done.exitCode, done.stderr], done.stdout).toEqual([0, expect.anything()])
    await vi.waitFor(
      async () => {
        const answer = await ask('POST', SERVICES, service('new', { externalIPs: ['198.51.100.9'] }))
        expect([answer.status, answer.text]).toEqual([422, expect.stringContaining(EXTERNAL_IPS_POLICY)])
      },
      { timeout: 30_000, interval: 200 },
    )
    expect((await ask('POST', SERVICES, service('new'))).status).toBe(201)
    expect((await ask('POST', SERVICES, service('new', { type: 'LoadBalancer' }))).status).toBe(201)
    expect(await statusOf()).toBe('pass')
  })

  test('its types are in order', async () => {
    const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${EXTERNAL_IPS_POLICY}`
    await vi.waitFor(
      async () => {
        const { status } = await cluster().api.get<{ status?: { observedGeneration?: number; typeChecking?: object } }>(path)
        expect(status?.observedGeneration).toBeDefined()
        expect(status?.typeChecking ?? {}).toEqual({})
      },
      { timeout: 30_000, interval: 200 },
    )
  })

  test('what has an address may keep and lose it, but get no other', async () => {
    const undone = await run('undo', '--yes')
    expect([undone.exitCode, undone.stderr], undone.stdout).toEqual([0, expect.anything()])
    // The Service has its addresses again, and nothing is in the way.
    const { spec } = await cluster().api.get<{ spec: { externalIPs?: string[] } }>(`${SERVICES}/old`)
    expect(spec.externalIPs).toEqual(['198.51.100.7', '198.51.100.8'])
    expect((await ask('POST', SERVICES, service('new', { externalIPs: ['198.51.100.9'] }))).status).toBe(201)
    const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies'
    await cluster().api.create(policies, externalIpsPolicy())
    await cluster().api.create(policies.replace('policies', 'policybindings'), externalIpsBinding('Deny'))
    const patch = (externalIPs: readonly string[]) =>
      cluster().api.request('PATCH', `${SERVICES}/old?dryRun=All`, {
        body: { spec: { externalIPs } },
        contentType: 'application/merge-patch+json',
      })
    await vi.waitFor(async () => expect((await patch(['198.51.100.7', '203.0.113.1'])).status).toBe(422), {
      timeout: 30_000,
      interval: 200,
    })
    expect((await patch(['198.51.100.7'])).status).toBe(200)
    expect((await patch([])).status).toBe(200)
  })
})
