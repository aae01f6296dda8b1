import { describe, expect, it } from 'vitest'
import { between } from '../helpers/between.ts'

const cnp = (spec: string) => `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: ${spec}\n`
const ccnp = (spec: string) => `apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: c}\nspec: ${spec}\n`
const ingress = (rules: string) => cnp(`{endpointSelector: {matchLabels: {app: db}}, ingress: [${rules}]}`)
const egress = (rules: string) => cnp(`{endpointSelector: {matchLabels: {app: web}}, egress: [${rules}]}`)

describe('who reaches shop/db under a CiliumNetworkPolicy', () => {
  // [policy, from shop/web, from front/store, from 1.2.3.4]
  it.each([
    ['an empty rule allows nothing', ingress('{}'), 'no port', 'no port', 'no port'],
    ['an empty list of endpoints selects nothing', ingress('{fromEndpoints: []}'), 'no port', 'no port', 'no port'],
    ['an empty selector is the whole namespace', ingress('{fromEndpoints: [{}]}'), 'every port', 'no port', 'no port'],
    ['ports without peers are for all', ingress('{toPorts: [{ports: [{port: "80"}]}]}'), ...Array(3).fill('TCP 80, UDP 80 and SCTP 80')],
    ['labels stay in the namespace', ingress('{fromEndpoints: [{matchLabels: {"k8s:app": web}}]}'), 'every port', 'no port', 'no port'],
    [
      'another namespace by name',
      ingress('{fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": front}}]}'),
      'no port',
      'every port',
      'no port',
    ],
    [
      'another namespace, whatever the source',
      ingress('{fromEndpoints: [{matchLabels: {io.kubernetes.pod.namespace: front, "any:role": x}}]}'),
      'no port',
      'every port',
      'no port',
    ],
    [
      'a label of namespaces',
      ingress('{fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": blue}}]}'),
      'no port',
      'every port',
      'no port',
    ],
    [
      'every namespace',
      ingress('{fromEndpoints: [{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}]}'),
      'every port',
      'every port',
      'no port',
    ],
    ['everybody', ingress('{fromEntities: [all]}'), 'every port', 'every port', 'every port'],
    ['the outside', ingress('{fromEntities: [world]}'), 'no port', 'no port', 'every port'],
    ['the cluster', ingress('{fromEntities: [cluster]}'), 'every port', 'every port', 'no port'],
    ['addresses are not pods', ingress('{fromCIDR: [0.0.0.0/0]}'), 'no port', 'no port', 'every port'],
    ['an address without a length', ingress('{fromCIDR: [1.2.3.4]}'), 'no port', 'no port', 'every port'],
    ['ranges with exceptions', ingress('{fromCIDRSet: [{cidr: 0.0.0.0/0, except: [1.0.0.0/8]}]}'), 'no port', 'no port', 'no port'],
    ['a group of addresses', ingress('{fromCIDRSet: [{cidrGroupRef: g}]}'), 'no port', 'no port', 'no port (perhaps every port)'],
    [
      'deny wins',
      cnp('{endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEntities: [all]}], ingressDeny: [{fromEntities: [world]}]}'),
      'every port',
      'every port',
      'no port',
    ],
    [
      'a denied port',
      cnp(
        '{endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEntities: [all]}], ingressDeny: [{toPorts: [{ports: [{port: "22", protocol: TCP}]}]}]}',
      ),
      ...Array(3).fill('TCP 1-21, 23-65535, UDP every port and SCTP every port'),
    ],
    ['deny alone shuts all out', cnp('{endpointSelector: {}, ingressDeny: [{fromEntities: [world]}]}'), 'no port', 'no port', 'no port'],
    [
      'without default deny the rest stays open',
      cnp('{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingressDeny: [{fromEntities: [world]}]}'),
      'every port',
      'every port',
      'no port',
    ],
    [
      'default deny asked for, without a rule',
      cnp('{endpointSelector: {}, enableDefaultDeny: {ingress: true}}'),
      'no port',
      'no port',
      'no port',
    ],
    ['an empty section does nothing', cnp('{endpointSelector: {}, ingress: []}'), 'every port', 'every port', 'every port'],
    [
      'egress says nothing of ingress',
      cnp('{endpointSelector: {matchLabels: {app: db}}, egress: [{}]}'),
      'every port',
      'every port',
      'every port',
    ],
    ['a named port', ingress('{fromEntities: [all], toPorts: [{ports: [{port: web, protocol: TCP}]}]}'), ...Array(3).fill('TCP 8080')],
    ['a named port without a protocol', ingress('{fromEntities: [all], toPorts: [{ports: [{port: DNS}]}]}'), ...Array(3).fill('UDP 53')],
    [
      'a range',
      ingress('{fromEntities: [all], toPorts: [{ports: [{port: "8000", endPort: 8100, protocol: TCP}]}]}'),
      ...Array(3).fill('TCP 8000-8100'),
    ],
    ['port 0', ingress('{fromEntities: [all], toPorts: [{ports: [{port: "0", protocol: UDP}]}]}'), ...Array(3).fill('UDP every port')],
    [
      'HTTP paths',
      ingress('{fromEntities: [all], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /a}]}}]}'),
      ...Array(3).fill('no port (perhaps TCP 80)'),
    ],
    ['ICMP alone', ingress('{fromEntities: [all], icmps: [{fields: [{type: 8}]}]}'), ...Array(3).fill('no port')],
    [
      'mutual authentication',
      ingress('{fromEntities: [all], authentication: {mode: required}}'),
      ...Array(3).fill('no port (perhaps every port)'),
    ],
    [
      'a service account',
      ingress('{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: web}}]}'),
      'no port (perhaps every port)',
      'no port',
      'no port',
    ],
    [
      'requirements',
      ingress('{fromEntities: [cluster], fromRequires: [{matchLabels: {tier: a}}]}'),
      'every port',
      'no port (perhaps every port)',
      'no port',
    ],
    [
      'two kinds of peers, which Cilium refuses',
      ingress('{fromEntities: [all], fromCIDR: [0.0.0.0/0]}'),
      ...Array(3).fill('no port (perhaps every port)'),
    ],
    ['nodes only', cnp('{nodeSelector: {}, ingress: [{}]}'), 'every port', 'every port', 'every port'],
  ])('%s', (_name, policy, web, store, outside) => {
    expect([
      between(policy, 'shop/web', 'shop/db'),
      between(policy, 'front/store', 'shop/db'),
      between(policy, '1.2.3.4', 'shop/db'),
    ]).toEqual([web, store, outside])
  })

  it('knows nodes by entity, never by address', () => {
    const from = (policy: string) => [
      between(policy, 'node control', 'shop/db'),
      between(policy, 'node front-node', 'shop/db'),
      between(policy, 'node shop-node', 'shop/db'),
    ]
    expect(from(ingress('{fromCIDR: [192.168.0.0/16]}'))).toEqual(['no port', 'no port', 'every port'])
    expect(from(ingress('{fromEntities: [remote-node]}'))).toEqual(['every port', 'every port', 'every port'])
    expect(from(ingress('{fromEntities: [kube-apiserver]}'))).toEqual(['no port (perhaps every port)', 'no port', 'every port'])
    expect(from(ingress('{fromNodes: [{matchLabels: {zone: z}}]}'))).toEqual(['no port', 'no port (perhaps every port)', 'every port'])
  })
  it('reads every one of specs', () => {
    const policy =
      'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs: [{endpointSelector: {}, ingress: [{}]}, {endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEntities: [world]}]}]\n'
    expect([between(policy, '1.2.3.4', 'shop/db'), between(policy, '1.2.3.4', 'shop/web')]).toEqual(['every port', 'no port'])
  })
})

describe('where shop/web gets to', () => {
  it.each([
    ['an empty rule', egress('{}'), 'no port', 'no port', 'no port'],
    ['endpoints', egress('{toEndpoints: [{}]}'), 'every port', 'no port', 'no port'],
    ['host names', egress('{toFQDNs: [{matchName: example.com}]}'), 'no port', 'no port', 'no port (perhaps every port)'],
    ['Services', egress('{toServices: [{k8sService: {serviceName: db}}]}'), ...Array(3).fill('no port (perhaps every port)')],
    [
      'DNS for every name is no narrowing',
      egress('{toEndpoints: [{}], toPorts: [{ports: [{port: "53", protocol: ANY}], rules: {dns: [{matchPattern: "*"}]}}]}'),
      'TCP 53, UDP 53 and SCTP 53',
      'no port',
      'no port',
    ],
    [
      'deny',
      cnp('{endpointSelector: {}, egressDeny: [{toCIDR: [169.254.169.254/32]}], enableDefaultDeny: {egress: false}}'),
      'every port',
      'every port',
      'every port',
    ],
  ])('%s', (_name, policy, db, store, outside) => {
    expect([
      between(policy, 'shop/web', 'shop/db'),
      between(policy, 'shop/web', 'front/store'),
      between(policy, 'shop/web', '1.2.3.4'),
    ]).toEqual([db, store, outside])
  })
  it('denies the metadata service alone', () => {
    const policy = cnp('{endpointSelector: {}, egressDeny: [{toCIDR: [169.254.169.254/32]}], enableDefaultDeny: {egress: false}}')
    expect(between(policy, 'shop/web', '169.254.169.254')).toBe('no port')
  })
})

describe('CiliumClusterwideNetworkPolicy', () => {
  it('is for all namespaces, and an empty selector for all of their pods', () => {
    const policy = ccnp('{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}')
    expect([
      between(policy, 'front/store', 'shop/db'),
      between(policy, 'shop/db', 'front/store'),
      between(policy, '1.2.3.4', 'shop/db'),
    ]).toEqual(['every port', 'every port', 'no port'])
  })
  it('selects by namespace and by service account', () => {
    const policy = ccnp(
      '{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": shop, io.cilium.k8s.policy.serviceaccount: db}}, ingress: [{}]}',
    )
    expect([
      between(policy, 'front/store', 'shop/db'),
      between(policy, 'front/store', 'shop/web'),
      between(policy, 'shop/db', 'front/store'),
    ]).toEqual(['no port', 'every port', 'every port'])
  })
  it('does not know whom reserved identities mean', () => {
    expect(between(ccnp('{endpointSelector: {matchLabels: {"reserved:init": ""}}, ingress: [{}]}'), 'front/store', 'shop/db')).toBe(
      'no port (perhaps every port)',
    )
  })
})
