import { describe, expect, it } from 'vitest'
import { EVIDENCE } from '../../../remediations/network-policy/default-deny.ts'
import isolation from '../../../src/controls/nodes-and-pods/net-default-deny-ingress.ts'
import type { Json, NetworkPolicyObject } from '../../../src/model/index.ts'
import { proposals } from '../proposals.ts'

const pod =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: app, image: a}]}\n'
const service =
  '---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n'
const propose = (text: string, options: Record<string, Json> = {}) =>
  proposals('net-default-deny-ingress', isolation, text, options)[0]!.proposal
function policies(text: string, options: Record<string, Json> = {}): NetworkPolicyObject[] {
  const proposal = propose(text, options)
  return 'changes' in proposal
    ? proposal.changes.map((change) => (change.type === 'create' ? change.object : undefined) as NetworkPolicyObject)
    : []
}

describe('closing a namespace', () => {
  it('opens first what must stay open, and denies last', () => {
    expect(policies(pod + service).map((policy) => policy.metadata.name)).toEqual([
      'allow-to-web',
      'allow-same-namespace',
      'default-deny-ingress',
    ])
  })

  it('gives each set of pods all it needs in one policy, since a policy isolates from the moment it is there', () => {
    expect(policies(pod + service)[0]!.spec).toEqual({
      podSelector: { matchLabels: { app: 'web' } },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: 8080 }] }, { from: [{ podSelector: {} }] }],
    })
  })

  it('writes the evidence beside every rule', () => {
    for (const { metadata } of policies(pod + service)) expect(metadata.annotations?.[EVIDENCE]).toMatch(/\w/)
    expect(policies(pod + service)[0]!.metadata.annotations![EVIDENCE]).toContain('Service web is of type LoadBalancer')
  })

  it('lets nobody in when strict', () => {
    expect(policies(pod + service, { mode: 'strict' }).map((policy) => policy.metadata.name)).toEqual([
      'allow-to-web',
      'default-deny-ingress',
    ])
    expect(JSON.stringify(policies(pod + service, { mode: 'strict' }))).not.toContain('"from"')
  })

  it('adds nothing for pods to come that a policy isolates already', () => {
    const later = service.replace('name: web', 'name: db').replace('app: web', 'app: db, tier: data')
    const theirs = (selector: string) =>
      `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec: {podSelector: ${selector}, ingress: [{from: [{podSelector: {}}]}]}\n`
    const names = (selector: string) => policies(pod + later + theirs(selector)).map(({ metadata }) => metadata.name)
    expect(names('{matchLabels: {app: db}}')).toEqual(['allow-same-namespace', 'default-deny-ingress'])
    for (const other of [
      '{matchLabels: {app: db, more: "1"}}',
      '{matchExpressions: [{key: canary, operator: DoesNotExist}, {key: tier, operator: Exists}]}',
    ])
      expect(names(other)).toContain('allow-to-db')
  })

  it('leaves a namespace to a person where an operator makes the collector of metrics', () => {
    const awaited =
      '---\napiVersion: v1\nkind: Service\nmetadata: {name: prometheus-k8s, namespace: shop}\nspec: {selector: {app.kubernetes.io/name: prometheus}, ports: [{port: 9090}]}\n'
    expect(propose(pod + awaited)).toEqual({
      byHand: expect.stringContaining('namespace shop watches the cluster (Service prometheus-k8s)'),
    })
  })

  it('does not take a name that is there', () => {
    const named =
      '---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: default-deny-ingress, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}}\n'
    expect(policies(pod + named).at(-1)!.metadata.name).toBe('default-deny-ingress-2')
  })

  it('is refused where what must stay reachable cannot be told', () => {
    const unread =
      '---\napiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: Service, why: forbidden, because: "the API server refused to list services (403)", answer: allow list on services}]\n'
    expect(propose(pod + unread)).toEqual({ refused: expect.stringContaining('allow list on services') })
  })

  it('always says that it may break something', () =>
    expect(propose(pod)).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('traffic from other namespaces')] }))
})
