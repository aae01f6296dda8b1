/** Namespaces where policies isolate some pods already, and pods that no label names. */
import { describe, expect, it } from 'vitest'
import { defaultDenyIngress } from '../../../remediations/network-policy/default-deny.ts'
import { defaultDenyEgress } from '../../../remediations/network-policy/default-deny-egress.ts'
import type { Finding, KubeObject, NetworkPolicyObject } from '../../../src/model/index.ts'
import { worldOf } from '../../helpers/world.ts'

const pod = (name: string, labels: string, spec = 'automountServiceAccountToken: false, ') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, labels: {${labels}}}\nspec: {${spec}containers: [{name: app, image: a}]}\n`
const own = (selector: string, type = 'Ingress') =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: own, namespace: shop}\nspec: {podSelector: ${selector}, policyTypes: [${type}]}\n`
const calico = (selector: string) =>
  `apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: c, namespace: shop}\nspec: {selector: "${selector}", types: [Ingress]}\n`
const api =
  'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}\naddressType: IPv4\nendpoints: [{addresses: [10.0.0.10]}]\nports: [{port: 6443, protocol: TCP}]\n'

function propose(remedy: ReturnType<typeof defaultDenyIngress>, documents: readonly string[]) {
  const { snapshot } = worldOf(documents.join('---\n'))
  const finding = { subject: { apiVersion: 'v1', kind: 'Namespace', name: 'shop' } } as Finding
  return remedy.propose(finding, { view: snapshot, options: { mode: 'fence', outside: 'everything' }, alongside: [] })
}
const selectors = (remedy: ReturnType<typeof defaultDenyIngress>, ...documents: string[]) => {
  const proposal = propose(remedy, documents)
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return proposal.changes.map((change) => {
    const { metadata, spec } = (change as { object: KubeObject }).object as NetworkPolicyObject
    return [metadata.name, spec!.podSelector]
  })
}

describe('a namespace where policies isolate some pods already', () => {
  const notDb = { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db'] }] }

  it('is fenced for all the others, those without a label and those that come later too', () =>
    expect(
      selectors(defaultDenyIngress(), pod('db', 'app: db'), pod('web', 'app: web'), pod('bare', ''), own('{matchLabels: {app: db}}')),
    ).toEqual([
      ['allow-same-namespace', notDb],
      ['default-deny-ingress', {}],
    ]))

  it('leaves what is isolated out of the rules of others, where no label that stays tells them apart', () =>
    expect(
      selectors(
        defaultDenyEgress(),
        pod('old', 'app: web, version: v1'),
        pod('new', 'app: web, version: v2', ''),
        own('{matchLabels: {version: v1}}', 'Egress'),
        api,
      )[0],
    ).toEqual([
      'allow-api-server',
      { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'version', operator: 'NotIn', values: ['v1'] }] },
    ]))

  it('is fenced workload by workload where policies of another kind isolate the rest', () =>
    expect(selectors(defaultDenyIngress(), pod('db', 'app: db'), pod('web', 'app: web'), calico("app == 'db'"))).toEqual([
      ['allow-same-namespace', { matchLabels: { app: 'web' } }],
      ['default-deny-ingress', {}],
    ]))

  it('says so where pods that come later get the deny alone', () => {
    const breaks = (policy: string) => propose(defaultDenyIngress(), [pod('db', 'app: db'), pod('web', 'app: web'), policy])
    expect(breaks(calico("app == 'db'"))).toMatchObject({
      mayBreak: expect.arrayContaining([expect.stringContaining('get the deny alone')]),
    })
    expect(JSON.stringify(breaks(own('{matchLabels: {app: db}}')))).not.toContain('get the deny alone')
  })

  it('is refused where a rule for some would open what such policies isolate', () =>
    expect(
      propose(defaultDenyIngress(), [pod('db', 'app: db, version: v1'), pod('web', 'app: db, version: v2'), calico("version == 'v1'")]),
    ).toEqual({
      refused: expect.stringContaining('no label tells the pods of Pod shop/web'),
    }))
})

it('names pods without a label by what the others have', () =>
  expect(selectors(defaultDenyEgress(), pod('web', 'app: web'), pod('bare', '', ''), api)[0]).toEqual([
    'allow-api-server',
    { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] },
  ]))

it.each([
  ['label of the namespace', 'labels: {istio.io/dataplane-mode: ambient}', '', 15008],
  ['label of its pods', 'labels: {a: b}', ', istio.io/dataplane-mode: ambient', 15008],
  ['annotation for Linkerd', 'annotations: {linkerd.io/inject: enabled}', '', 4143],
])('lets traffic through the port of a proxy, by %s', (_by, metadata, labels, port) => {
  const namespace = `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, ${metadata}}\n`
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}\n'
  const proposal = propose(defaultDenyIngress(), [namespace, service, pod('web', `app: web${labels}`)])
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  const [first] = proposal.changes.map((change) => (change as { object: KubeObject }).object as NetworkPolicyObject)
  expect(first!.spec!.ingress![0]).toEqual({
    ports: [
      { protocol: 'TCP', port: 80 },
      { protocol: 'TCP', port },
    ],
  })
})

it('says which controllers route by objects that are not read', () => {
  const running = (image: string) => [
    pod('web', 'app: web'),
    pod('edge', 'app: edge').replace('namespace: shop', 'namespace: edge').replace('image: a', `image: "${image}"`),
  ]
  expect(propose(defaultDenyIngress(), running('traefik:v3.6'))).toMatchObject({
    mayBreak: expect.arrayContaining([expect.stringContaining('Pod edge/edge may route')]),
  })
  expect(JSON.stringify(propose(defaultDenyIngress(), running('nginx:1.29')))).not.toContain('may route')
})
