import { describe, expect, it } from 'vitest'
import type { NetworkPolicyObject } from '../../src/model/index.ts'
import type { PodEnd } from '../../src/objects/network-ends.ts'
import { isolation, policyTypes } from '../../src/objects/network-isolation.ts'
import { worldOf } from '../helpers/world.ts'

const shop = { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop', team: 'red' } }
const plain = (spec: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: ${spec}\n`
const other = (apiVersion: string, kind: string, spec: string) =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: p${kind.startsWith('Cilium') && !kind.includes('Cluster') ? ', namespace: shop' : ''}}\n${spec}\n`
/** Is a pod with these labels in namespace shop isolated by the policy? */
function isolates(text: string, labels: Record<string, string> = { app: 'web' }, direction: 'ingress' | 'egress' = 'ingress') {
  const pod = { is: 'pod', namespace: shop, labels, hostNetwork: false, workload: { serviceAccount: 'default' } } as unknown as PodEnd
  const found = isolation(worldOf(text).snapshot, direction).find(
    (policy) => (policy.namespace === undefined || policy.namespace === 'shop') && policy.selects(pod),
  )
  return found?.vague === undefined ? found !== undefined : 'perhaps'
}

describe('policy types', () => {
  const of = (spec: NetworkPolicyObject['spec']) =>
    policyTypes({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p' }, spec })
  it('are filled in as the API server does', () => {
    expect([of({}), of({ egress: [] }), of({ egress: [{}] }), of({ policyTypes: [] }), of({ policyTypes: ['Egress'] })]).toEqual([
      ['Ingress'],
      ['Ingress'],
      ['Ingress', 'Egress'],
      ['Ingress'],
      ['Egress'],
    ])
  })
})

describe('isolation for ingress', () => {
  it.each([
    ['selects all', '{podSelector: {}}', true],
    ['no selector is the empty one', '{policyTypes: [Ingress]}', true],
    ['selects it', '{podSelector: {matchLabels: {app: web}}}', true],
    ['selects another', '{podSelector: {matchLabels: {app: db}}}', false],
    ['egress only', '{podSelector: {}, policyTypes: [Egress]}', false],
    ['allows all from everywhere', '{podSelector: {}, ingress: [{}]}', false],
    ['allows everything on a port', '{podSelector: {}, ingress: [{ports: [{port: 80}]}]}', true],
    ['an empty list of peers is everybody', '{podSelector: {}, ingress: [{from: [], ports: []}]}', false],
  ])('NetworkPolicy: %s', (_name, spec, expected) => expect(isolates(plain(spec))).toBe(expected))

  it.each([
    ['spec', 'spec: {endpointSelector: {}, ingress: [{}]}', true],
    ['specs', 'specs: [{endpointSelector: {matchLabels: {"any:app": web}}, ingress: [{}]}]', true],
    ['no ingress section', 'spec: {endpointSelector: {}, egress: [{}]}', false],
    ['an empty list of rules', 'spec: {endpointSelector: {}, ingress: []}', false],
    ['deny rules', 'spec: {endpointSelector: {}, ingressDeny: [{fromEntities: [world]}]}', true],
    ['everybody allowed', 'spec: {endpointSelector: {}, ingress: [{fromEntities: [all]}]}', false],
    ['default deny switched off', 'spec: {endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{}]}', false],
    ['for nodes', 'spec: {nodeSelector: {}, ingress: [{}]}', false],
  ])('CiliumNetworkPolicy: %s', (_name, spec, expected) =>
    expect(isolates(other('cilium.io/v2', 'CiliumNetworkPolicy', spec))).toBe(expected),
  )

  it.each([
    [
      'by the label of the namespace',
      'spec: {endpointSelector: {matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": red}}, ingress: [{}]}',
      true,
    ],
    ['another namespace', 'spec: {endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": front}}, ingress: [{}]}', false],
  ])('CiliumClusterwideNetworkPolicy: %s', (_name, spec, expected) =>
    expect(isolates(other('cilium.io/v2', 'CiliumClusterwideNetworkPolicy', spec))).toBe(expected),
  )

  it.each([
    ['all', 'spec: {types: [Ingress]}', true],
    ['types default', 'spec: {selector: "app == \'web\'", ingress: []}', true],
    ['egress only', 'spec: {egress: [{action: Allow}]}', false],
    ['an empty list of egress rules is none', 'spec: {egress: []}', true],
    ['everybody allowed', 'spec: {ingress: [{action: Allow}]}', false],
    ['by namespace', 'spec: {namespaceSelector: "team == \'blue\'", types: [Ingress]}', false],
    ['a selector that is not understood', 'spec: {selector: "app ~ web", types: [Ingress]}', 'perhaps'],
    ['by service account', 'spec: {serviceAccountSelector: "a == \'b\'", types: [Ingress]}', 'perhaps'],
  ])('GlobalNetworkPolicy of Calico: %s', (_name, spec, expected) =>
    expect(isolates(other('crd.projectcalico.org/v1', 'GlobalNetworkPolicy', spec))).toBe(expected),
  )

  it('AdminNetworkPolicies count only where they deny all namespaces, and only for the inside', () => {
    const text = (action: string, from: string) =>
      other(
        'policy.networking.k8s.io/v1alpha1',
        'AdminNetworkPolicy',
        `spec: {subject: {namespaces: {}}, ingress: [{action: ${action}, from: [{namespaces: ${from}}]}]}`,
      )
    expect([isolates(text('Deny', '{}')), isolates(text('Allow', '{}')), isolates(text('Deny', '{matchLabels: {a: b}}'))]).toEqual([
      true,
      false,
      false,
    ])
    expect(isolation(worldOf(text('Deny', '{}')).snapshot, 'ingress')[0]!.insideOnly).toBe(true)
  })
})

describe('isolation for egress', () => {
  const egress = (text: string) => isolates(text, { app: 'web' }, 'egress')
  it.each([
    ['Egress named', plain('{podSelector: {}, policyTypes: [Egress]}'), true],
    ['rules alone', plain('{podSelector: {}, egress: [{ports: [{port: 53}]}]}'), true],
    ['an empty list of rules and no types', plain('{podSelector: {}, egress: []}'), false],
    ['everything allowed', plain('{podSelector: {}, egress: [{}]}'), false],
    ['another selector', plain('{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}'), false],
    ['Cilium', other('cilium.io/v2', 'CiliumNetworkPolicy', 'spec: {endpointSelector: {}, egress: [{}]}'), true],
    [
      'Cilium, everything allowed',
      other('cilium.io/v2', 'CiliumNetworkPolicy', 'spec: {endpointSelector: {}, egress: [{toEntities: [all]}]}'),
      false,
    ],
    ['Calico', other('projectcalico.org/v3', 'GlobalNetworkPolicy', 'spec: {types: [Egress]}'), true],
    ['Calico, ingress', other('projectcalico.org/v3', 'GlobalNetworkPolicy', 'spec: {types: [Ingress]}'), false],
    [
      'Antrea drops all',
      other(
        'crd.antrea.io/v1beta1',
        'ClusterNetworkPolicy',
        'spec: {priority: 1, appliedTo: [{podSelector: {}}], egress: [{action: Drop}]}',
      ),
      true,
    ],
    [
      'Antrea drops some',
      other(
        'crd.antrea.io/v1beta1',
        'ClusterNetworkPolicy',
        'spec: {priority: 1, appliedTo: [{podSelector: {}}], egress: [{action: Drop, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}',
      ),
      false,
    ],
    [
      'ClusterNetworkPolicy denies every namespace and every address',
      other(
        'policy.networking.k8s.io/v1alpha2',
        'ClusterNetworkPolicy',
        'spec: {tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}, {networks: [0.0.0.0/0, "::/0"]}]}]}',
      ),
      true,
    ],
  ])('%s', (_name, text, expected) => expect(egress(text)).toBe(expected))
})
