/** What the controls of tokens, keys and bootstrap tokens rely on, asked of a real API server. */
import { afterEach, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl, SourceEvent } from '../../src/model/index.ts'
import { staleTokens } from '../../src/objects/stale-tokens.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { liveSource } from '../../src/sources/live.ts'
import { describeCluster } from '../cluster/with-cluster.ts'

const OLD = 'https://kubernetes.default.svc'

describeCluster('tokens of service accounts and of bootstrapping', {}, (cluster) => {
  const opened: ApiClient[] = []
  afterEach(() => {
    for (const client of opened.splice(0)) client.close()
  })
  const control = (id: string) => controls.find((one) => one.id === id) as RegisteredControl
  async function scan(...ids: readonly string[]) {
    const client = new ApiClient(pickContext({ kubeconfig: cluster().kubeconfig, env: {} }))
    opened.push(client)
    const wanted = new Set(ids.flatMap((id) => [...control(id).reads, ...(control(id).consults ?? [])]))
    const source = liveSource({ client, context: 'e2e', timing: { backOff: [5, 50], settled: 20, grace: 5_000 } })
    const store = new SnapshotStore(source.info)
    for await (const batch of source.events({ signal: new AbortController().signal, follow: false, wanted }))
      for (const event of batch as readonly SourceEvent[]) store.take(event)
    return store.publish(Date.now()).snapshot
  }
  const keysOf = async (id: string) => judge(control(id), await scan(id)).findings.map(({ key }) => key)

  interface Claims {
    readonly iss: string
    readonly iat: number
    readonly exp: number
  }
  /** What a token says; as the kubelet asks for one, which is bound to a pod and for an hour and seven seconds. */
  async function token(
    bound?: { readonly pod: string; readonly uid: string },
    seconds = 3607,
  ): Promise<{ readonly text: string; readonly claims: Claims }> {
    const { status } = await cluster().api.create<{ status: { token: string } }>('/api/v1/namespaces/default/serviceaccounts/app/token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds: seconds,
        ...(bound && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: bound.pod, uid: bound.uid } }),
      },
    })
    return { text: status.token, claims: JSON.parse(Buffer.from(status.token.split('.')[1]!, 'base64url').toString()) as Claims }
  }
  async function review(text: string): Promise<boolean> {
    const { status } = await cluster().api.create<{ status: { authenticated?: boolean } }>('/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: text },
    })
    return status.authenticated === true
  }

  test('tokens of pods live for a year, others as long as is asked for, until the two flags are set', async () => {
    const { api } = cluster()
    await api.create('/api/v1/namespaces/default/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'app' } })
    const pod = await api.create<{ metadata: { uid: string } }>('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'app' },
      spec: { serviceAccountName: 'app', automountServiceAccountToken: false, containers: [{ name: 'app', image: 'example.com/app:1' }] },
    })
    const bound = { pod: 'app', uid: pod.metadata.uid }
    const life = ({ claims }: Awaited<ReturnType<typeof token>>): number => claims.exp - claims.iat
    expect(life(await token(bound))).toBeGreaterThan(300 * 86_400)
    expect(life(await token(undefined, 30 * 86_400))).toBe(30 * 86_400)
    const flags = ['kube-apiserver --service-account-extend-token-expiration', 'kube-apiserver --service-account-max-token-expiration']
    expect(await keysOf('sec-token-lifetime')).toEqual(flags)

    // It is there before any such request came: a missing sample is not taken for zero.
    expect(staleTokens(await scan('sec-token-lifetime'))).toBe(0)

    await cluster().restartApiServer({
      flags: { 'service-account-extend-token-expiration': 'false', 'service-account-max-token-expiration': '24h' },
    })
    expect(life(await token(bound))).toBe(3607)
    expect(life(await token(undefined, 30 * 86_400))).toBe(86_400)
    expect(await keysOf('sec-token-lifetime')).toEqual([])
  })

  test('a new issuer named first signs, and tokens of the old one are taken while it is named second', async () => {
    const before = await token()
    expect(before.claims.iss).toBe(OLD)
    await cluster().restartApiServer({ flags: { 'service-account-issuer': ['https://issuer.example.com', OLD] } })
    const snapshot = await scan('sec-sa-keys')
    expect(snapshot.fact('IssuerDiscovery')).toMatchObject({ issuer: 'https://issuer.example.com' })
    expect(judge(control('sec-sa-keys'), snapshot).findings).toEqual([])
    const after = await token()
    expect(after.claims.iss).toBe('https://issuer.example.com')
    expect([await review(before.text), await review(after.text)]).toEqual([true, true])
    await cluster().restartApiServer({ flags: { 'service-account-issuer': 'https://issuer.example.com' } })
    expect([await review(before.text), await review(after.text)]).toEqual([false, true])
  })

  test('a legacy issuer and unchecked accounts are found, and discovery does not answer for the issuer', async () => {
    await cluster().restartApiServer({
      flags: { 'service-account-issuer': 'kubernetes/serviceaccount', 'service-account-lookup': 'false' },
    })
    const snapshot = await scan('sec-sa-keys')
    expect(judge(control('sec-sa-keys'), snapshot).findings.map(({ key }) => key)).toEqual([
      'kube-apiserver --service-account-lookup',
      'kube-apiserver --service-account-issuer',
    ])
    expect(snapshot.unread('IssuerDiscovery')).toMatchObject({ why: 'not-served' })
  })

  test('a bootstrap token is known by its type alone, without its value', async () => {
    await cluster().api.create('/api/v1/namespaces/kube-system/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'bootstrap.kubernetes.io/token',
      metadata: { name: 'bootstrap-token-abcdef' },
      stringData: { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true' },
    })
    const snapshot = await scan('sec-bootstrap-tokens')
    expect(judge(control('sec-bootstrap-tokens'), snapshot)).toMatchObject({
      findings: [{ verdict: 'review', subject: { name: 'bootstrap-token-abcdef' } }],
    })
    const [secret] = snapshot.all('Secret').filter(({ metadata }) => metadata.name === 'bootstrap-token-abcdef')
    expect(secret!.metadata.written).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(JSON.stringify(snapshot.all('Secret'))).not.toContain('0123456789abcdef')
  })
})
