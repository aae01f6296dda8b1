import { afterEach, describe, expect, it } from 'vitest'
import { approveRegistries } from '../../remediations/admission-policy.ts'
import type { Finding } from '../../src/model/index.ts'
import { REGISTRY_POLICY, registryPolicy } from '../../src/objects/image-registries.ts'
import { WHOLE_CLUSTER } from '../../src/objects/ref.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { worldOf } from '../helpers/world.ts'

const finding = {
  subject: WHOLE_CLUSTER,
  evidence: { is: 'no-list', image: null, registry: null },
} as unknown as Finding<{ is: 'no-list'; image: null; registry: null }>
const pod = (images: readonly string[], name?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...(name === undefined ? { generateName: 'probe-' } : { name }), namespace: 'default' },
  spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })) },
})
const world = (extra = '') =>
  worldOf(
    `apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {containers: [{name: app, image: 'registry.example:5000/app'}, {name: b, image: nginx}]}\n${extra}`,
  ).snapshot
const propose = (options: Record<string, string>, extra?: string) =>
  approveRegistries().propose(finding, { view: world(extra), options: { mode: 'Audit', ...options }, alongside: [] })

describe('approving registries', () => {
  it('takes those that are seen, and only warns, unless told otherwise', () => {
    expect(propose({})).toMatchObject({
      risk: 'safe',
      summary: 'warn about pods whose images do not come from docker.io, registry.example:5000',
    })
    expect(propose({ mode: 'Deny', registries: 'registry.example' })).toMatchObject({
      risk: 'may-break',
      summary: 'refuse pods whose images do not come from registry.example',
    })
  })

  it('refuses what is no registry, and does without the API where it is not there yet', () => {
    expect(propose({ registries: 'https://registry.example' })).toHaveProperty('refused')
    expect(propose({ registries: "a'] || true" })).toHaveProperty('refused')
    expect(propose({}, '---\napiVersion: k8s-harden.test/v1\nkind: World\nkubernetes: v1.29.4\n')).toHaveProperty('byHand')
  })
})

describeCluster('the registry policy on a real API server', { controllerManager: true }, (cluster) => {
  const path = '/apis/admissionregistration.k8s.io/v1'
  const accepts = async (images: readonly string[]): Promise<boolean> => {
    const { status, text } = await cluster().api.request('POST', '/api/v1/namespaces/default/pods?dryRun=All', { body: pod(images) })
    if (status >= 400 && !text.includes('images must come from registry.example, docker.io')) throw new Error(text)
    return status < 400
  }
  afterEach(async () => {
    for (const plural of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies'])
      await cluster().api.request('DELETE', `${path}/${plural}/${REGISTRY_POLICY}`)
  })

  it('lets a pod that runs already be changed', async () => {
    await expect.poll(() => accepts(['nginx']).catch(() => false), { timeout: 30_000 }).toBe(true)
    await cluster().api.create('/api/v1/namespaces/default/pods', pod(['quay.example/app'], 'probe'))
    for (const [index, object] of registryPolicy(['registry.example', 'docker.io'], 'Deny', ['kube-system']).entries()) {
      await cluster().api.create(`${path}/${index === 0 ? 'validatingadmissionpolicies' : 'validatingadmissionpolicybindings'}`, object)
    }
    await expect.poll(() => accepts(['evil.example/app']), { timeout: 30_000 }).toBe(false)
    const change = (patch: object) =>
      cluster().api.request('PATCH', '/api/v1/namespaces/default/pods/probe', {
        body: patch,
        contentType: 'application/strategic-merge-patch+json',
      })
    expect((await change({ metadata: { labels: { seen: 'yes' } } })).status).toBe(200)
    expect((await change({ spec: { containers: [{ name: 'c0', image: 'evil.example/app' }] } })).status).toBe(422)
  })

  it('compares whole hosts, in every list of containers', async () => {
    await expect.poll(() => accepts(['nginx']).catch(() => false), { timeout: 30_000 }).toBe(true)
    const [policy, binding] = registryPolicy(['registry.example', 'docker.io'], 'Deny', ['kube-system'])
    await cluster().api.create(`${path}/validatingadmissionpolicies`, policy)
    await cluster().api.create(`${path}/validatingadmissionpolicybindings`, binding)
    await expect.poll(() => accepts(['evil.example/app']), { timeout: 30_000 }).toBe(false)
    expect(await accepts(['registry.example/app:1', 'nginx', 'library/nginx'])).toBe(true)
    expect(await accepts(['registry.example.evil.example/app'])).toBe(false)
    expect(await accepts(['registry.example:5000/app'])).toBe(false)
    expect(await accepts(['nginx', 'localhost/app'])).toBe(false)
    const status = JSON.parse((await cluster().api.request('GET', `${path}/validatingadmissionpolicies/${REGISTRY_POLICY}`)).text) as {
      status?: { typeChecking?: { expressionWarnings?: unknown[] } }
    }
    expect(status.status?.typeChecking?.expressionWarnings ?? []).toEqual([])
  })
})
