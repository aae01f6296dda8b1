import { describe, expect, it } from 'vitest'
import { between } from '../helpers/between.ts'

const object = (kind: string, name: string, spec: string, namespace?: string) =>
  `apiVersion: projectcalico.org/v3\nkind: ${kind}\nmetadata: {name: ${name}${namespace === undefined ? '' : `, namespace: ${namespace}`}}\nspec: ${spec}\n`
const global = (spec: string, name = 'g') => object('GlobalNetworkPolicy', name, spec)
const local = (spec: string, name = 'p') => object('NetworkPolicy', name, spec, 'shop')
const ingress = (rules: string) => local(`{selector: "app == 'db'", types: [Ingress], ingress: [${rules}]}`)
const all = (...texts: string[]) => texts.join('---\n')
const EVERY = ['every port', 'every port', 'every port']
const NONE = ['no port', 'no port', 'no port']
/** To shop/db from shop/web, front/store and 1.2.3.4. */
const toDb = (policy: string) => ['shop/web', 'front/store', '1.2.3.4'].map((from) => between(policy, from, 'shop/db'))

describe("who reaches shop/db under Calico's policies", () => {
  it.each([
    ['no rule', ingress(''), NONE],
    ['allow all', ingress('{action: Allow}'), EVERY],
    [
      'a selector stays in the namespace',
      ingress(`{action: Allow, source: {selector: "app == 'web'"}}`),
      ['every port', 'no port', 'no port'],
    ],
    [
      'unless it names namespaces',
      ingress(`{action: Allow, source: {selector: "app == 'web'", namespaceSelector: "team == 'blue'"}}`),
      ['no port', 'every port', 'no port'],
    ],
    [
      'namespaces by name',
      ingress(`{action: Allow, source: {namespaceSelector: "projectcalico.org/name == 'front'"}}`),
      ['no port', 'every port', 'no port'],
    ],
    [
      'the first rule that matches decides: deny before allow',
      ingress(`{action: Deny, source: {selector: "app == 'web'"}}, {action: Allow}`),
      ['no port', 'every port', 'every port'],
    ],
    [
      'and allow before deny',
      ingress(`{action: Allow, source: {selector: "app == 'web'"}}, {action: Deny}`),
      ['every port', 'no port', 'no port'],
    ],
    [
      'Log decides nothing',
      ingress(`{action: Log}, {action: Allow, source: {selector: "app == 'web'"}}`),
      ['every port', 'no port', 'no port'],
    ],
    ['Pass leaves the tier', ingress('{action: Pass}'), EVERY],
    ['nets are pods as well', ingress('{action: Allow, source: {nets: [10.0.2.0/24]}}'), ['no port', 'every port', 'no port']],
    ['all but some nets', ingress('{action: Allow, source: {notNets: [10.0.2.0/24]}}'), ['every port', 'no port', 'every port']],
    ['all but some pods', ingress(`{action: Allow, source: {notSelector: "role == 'x'"}}`), ['every port', 'no port', 'every port']],
    [
      'protocol and ports',
      ingress('{action: Allow, protocol: TCP, destination: {ports: [80, "8000:8100", web]}}'),
      Array(3).fill('TCP 80, 8000-8100'),
    ],
    ['a named port', ingress('{action: Allow, protocol: UDP, destination: {ports: [dns]}}'), Array(3).fill('UDP 53')],
    ['protocol by number', ingress('{action: Allow, protocol: 6, destination: {ports: [80]}}'), Array(3).fill('TCP 80')],
    [
      'all but some ports',
      ingress('{action: Allow, protocol: TCP, destination: {notPorts: ["1:79", "81:65535"]}}'),
      Array(3).fill('TCP 80'),
    ],
    ['all but a protocol', ingress('{action: Allow, notProtocol: TCP}'), Array(3).fill('UDP every port and SCTP every port')],
    ['ICMP opens no port', ingress('{action: Allow, protocol: ICMP}'), NONE],
    [
      'ports of the source',
      ingress('{action: Allow, protocol: TCP, source: {ports: [80]}}'),
      Array(3).fill('no port (perhaps TCP every port)'),
    ],
    [
      'service accounts',
      ingress('{action: Allow, source: {serviceAccounts: {names: [web]}}}'),
      ['no port (perhaps every port)', 'no port', 'no port'],
    ],
    ['Services', ingress('{action: Allow, source: {services: {name: a, namespace: b}}}'), Array(3).fill('no port (perhaps every port)')],
    ['HTTP', ingress('{action: Allow, http: {methods: [GET]}}'), Array(3).fill('no port (perhaps every port)')],
    [
      'a selector that nobody understands',
      ingress('{action: Allow, source: {selector: "app ~ web"}}'),
      Array(3).fill('no port (perhaps every port)'),
    ],
    ['its own side narrowed', local(`{types: [Ingress], ingress: [{action: Allow, destination: {selector: "app == 'web'"}}]}`), NONE],
    [
      'the namespace as a label',
      global(
        `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "projectcalico.org/namespace == 'front' && app == 'web'"}}]}`,
      ),
      ['no port', 'every port', 'no port'],
    ],
    [
      'global selectors reach everywhere',
      global(`{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app == 'web'"}}]}`),
      ['every port', 'every port', 'no port'],
    ],
    ['global, by namespace', global(`{namespaceSelector: "team == 'blue'", types: [Ingress]}`), EVERY],
    ['global, of every namespace', global('{types: [Ingress]}'), NONE],
    ['types by their rules', local('{egress: [{action: Allow}]}'), EVERY],
    ['no types and no rules: ingress', local('{}'), NONE],
    ['before DNAT: for nodes', global('{preDNAT: true, applyOnForward: true, types: [Ingress]}'), EVERY],
    ['untracked: for nodes', global('{doNotTrack: true, applyOnForward: true, types: [Ingress]}'), EVERY],
    ['on forward: for pods too', global('{applyOnForward: true, types: [Ingress]}'), NONE],
    [
      'a selector of service accounts',
      global(`{serviceAccountSelector: "a == 'b'", types: [Ingress]}`),
      Array(3).fill('no port (perhaps every port)'),
    ],
    ['the service account as a label', global(`{selector: "projectcalico.org/serviceaccount == 'db'", types: [Ingress]}`), NONE],
  ])('%s', (_name, policy, expected) => expect(toDb(policy)).toEqual(expected))

  it('asks policies by order, then by name, and those without one last', () => {
    const deny = (spec: string, name: string) => global(`{${spec} types: [Ingress], ingress: [{action: Deny}]}`, name)
    const allow = (spec: string, name: string) => global(`{${spec} types: [Ingress], ingress: [{action: Allow}]}`, name)
    expect(toDb(all(allow('order: 10,', 'z'), deny('order: 20,', 'a')))).toEqual(EVERY)
    expect(toDb(all(allow('order: 20,', 'a'), deny('order: 10,', 'z')))).toEqual(NONE)
    expect(toDb(all(allow('order: 20,', 'a'), deny('order: 20,', 'b')))).toEqual(EVERY)
    expect(toDb(all(allow('', 'a'), deny('order: 5000,', 'b')))).toEqual(NONE)
  })

  it('has NetworkPolicies at order 1000 of tier default', () => {
    const plain =
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\nspec: {podSelector: {}, ingress: [{}]}\n'
    const deny = (order: number) => global(`{order: ${order}, types: [Ingress], ingress: [{action: Deny}]}`)
    expect([toDb(all(plain, deny(999))), toDb(all(plain, deny(1001)))]).toEqual([NONE, EVERY])
  })

  it('asks tiers by their order, denies at the end of one, and passes on', () => {
    const tier = (name: string, rest: string) => object('Tier', name, `{${rest}}`)
    const inTier = (rules: string) => global(`{tier: first, selector: "app == 'db'", types: [Ingress], ingress: [${rules}]}`, 'first.g')
    const open = local('{types: [Ingress], ingress: [{action: Allow}]}')
    const first = tier('first', 'order: 100')
    expect(toDb(all(first, inTier(`{action: Pass, source: {selector: "app == 'web'"}}`), open))).toEqual([
      'every port',
      'every port',
      'no port',
    ])
    expect(toDb(all(first, inTier(''), open))).toEqual(NONE)
    expect(toDb(all(tier('first', 'order: 100, defaultAction: Pass'), inTier(''), open))).toEqual(EVERY)
    expect(toDb(all(tier('first', 'order: 2000000'), inTier('{action: Deny}'), open))).toEqual(EVERY)
    // A tier that is not there may stand before the others or behind them.
    expect(toDb(inTier('{action: Allow}'))).toEqual(Array(3).fill('no port (perhaps every port)'))
  })

  it('finds sets of addresses by their labels, of its namespace or of none', () => {
    const rule = `{action: Allow, source: {selector: "has(partner)"}}`
    const set = object('GlobalNetworkSet', 's', '{nets: [1.2.3.0/24]}').replace('{name: s}', '{name: s, labels: {partner: a}}')
    const own = object('NetworkSet', 's', '{nets: [1.2.3.4]}', 'shop').replace('{name: s,', '{name: s, labels: {partner: a},')
    expect(toDb(all(set, global(`{selector: "app == 'db'", ingress: [${rule}]}`)))[2]).toBe('every port')
    expect([toDb(all(set, ingress(rule)))[2], toDb(all(own, ingress(rule)))[2]]).toEqual(['no port', 'every port'])
    const unread =
      'apiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: CalicoNetworkSet, why: forbidden, because: refused, answer: allow}]\n'
    expect(toDb(all(unread, ingress(rule)))[2]).toBe('no port (perhaps every port)')
  })
})

it('is read under either name of its group', () => {
  const stored = global('{types: [Ingress]}').replace('projectcalico.org/v3', 'crd.projectcalico.org/v1')
  expect(toDb(stored)).toEqual(NONE)
  expect(toDb(object('GlobalNetworkPolicy', 'g', '{types: [Egress], egress: []}'))).toEqual(
    NONE.map((_, index) => (index === 2 ? 'every port' : 'no port')),
  )
})
