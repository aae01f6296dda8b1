import { describe, expect, it } from 'vitest'
import { between } from '../helpers/between.ts'

const cluster = (spec: string, name = 'c') =>
  `apiVersion: crd.antrea.io/v1beta1\nkind: ClusterNetworkPolicy\nmetadata: {name: ${name}}\nspec: {${spec}}\n`
const local = (spec: string) =>
  `apiVersion: crd.antrea.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {${spec}}\n`
const plain = (spec: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\nspec: ${spec}\n`
const all = (...texts: string[]) => texts.join('---\n')
const EVERY = ['every port', 'every port', 'every port']
const NONE = ['no port', 'no port', 'no port']
const toDb = (policy: string) => ['shop/web', 'front/store', '1.2.3.4'].map((from) => between(policy, from, 'shop/db'))
const db = 'priority: 5, appliedTo: [{podSelector: {matchLabels: {app: db}}}]'
const rules = (text: string) => cluster(`${db}, ingress: [${text}]`)

describe("who reaches shop/db under Antrea's policies", () => {
  it.each([
    ['no rule isolates nothing', rules(''), EVERY],
    ['allow isolates nothing', rules('{action: Allow, from: [{podSelector: {}}]}'), EVERY],
    ['drop', rules('{action: Drop}'), NONE],
    [
      'reject some',
      rules('{action: Reject, from: [{namespaceSelector: {matchLabels: {team: blue}}}]}'),
      ['every port', 'no port', 'every port'],
    ],
    [
      'the first rule decides',
      rules('{action: Allow, from: [{podSelector: {matchLabels: {tier: a}}}]}, {action: Drop}'),
      ['every port', 'no port', 'no port'],
    ],
    [
      'deny before allow',
      rules('{action: Drop, from: [{podSelector: {matchLabels: {tier: a}}}]}, {action: Allow}'),
      ['no port', 'every port', 'every port'],
    ],
    [
      'without namespaces, those of every one',
      rules('{action: Drop, from: [{podSelector: {matchLabels: {app: web}}}]}'),
      ['no port', 'no port', 'every port'],
    ],
    [
      'a namespaced policy stays inside',
      local(`${db}, ingress: [{action: Drop, from: [{podSelector: {matchLabels: {app: web}}}]}]`),
      ['no port', 'every port', 'every port'],
    ],
    [
      'addresses',
      rules('{action: Drop, from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.1.0/24]}}]}'),
      ['every port', 'no port', 'no port'],
    ],
    [
      'ports',
      rules(
        '{action: Drop, ports: [{protocol: TCP, port: 1, endPort: 8079}, {port: web}, {port: 8081, endPort: 65535}, {protocol: UDP}, {protocol: SCTP}]}',
      ),
      NONE,
    ],
    ['ICMP is no port', rules('{action: Drop, protocols: [{icmp: {}}]}'), EVERY],
    ['groups', rules('{action: Drop, from: [{group: g}]}'), Array(3).fill('no port (perhaps every port)')],
    [
      'its own namespace',
      rules('{action: Drop, from: [{namespaces: {match: Self}}]}'),
      ['no port (perhaps every port)', 'no port (perhaps every port)', 'every port'],
    ],
    ['applied rule by rule', cluster('priority: 5, ingress: [{action: Drop, appliedTo: [{podSelector: {matchLabels: {app: db}}}]}]'), NONE],
    ['applied to others', cluster('priority: 5, appliedTo: [{podSelector: {matchLabels: {app: x}}}], ingress: [{action: Drop}]'), EVERY],
    [
      'applied to a service account',
      cluster('priority: 5, appliedTo: [{serviceAccount: {name: db, namespace: shop}}], ingress: [{action: Drop}]'),
      NONE,
    ],
    [
      'applied to a group',
      cluster('priority: 5, appliedTo: [{group: g}], ingress: [{action: Drop}]'),
      Array(3).fill('no port (perhaps every port)'),
    ],
    ['applied to nodes', cluster('priority: 5, appliedTo: [{nodeSelector: {}}], ingress: [{action: Drop}]'), EVERY],
    ['a tier that is not read', cluster(`tier: mine, ${db}, ingress: [{action: Drop}]`), Array(3).fill('no port (perhaps every port)')],
  ])('%s', (_name, policy, expected) => expect(toDb(policy)).toEqual(expected))

  it('asks by tier, then by priority', () => {
    const one = (tier: string, priority: number, action: string, name: string) =>
      cluster(`tier: ${tier}, priority: ${priority}, appliedTo: [{podSelector: {}}], ingress: [{action: ${action}}]`, name)
    expect(toDb(all(one('emergency', 9, 'Allow', 'a'), one('platform', 1, 'Drop', 'b')))).toEqual(EVERY)
    expect(toDb(all(one('platform', 9, 'Allow', 'a'), one('platform', 1, 'Drop', 'b')))).toEqual(NONE)
  })

  it('stands before NetworkPolicies, which Pass leaves it to, and with its baseline behind them', () => {
    const deny = plain('{podSelector: {}, policyTypes: [Ingress]}')
    expect(toDb(all(rules('{action: Allow}'), deny))).toEqual(EVERY)
    expect(toDb(all(rules('{action: Pass}, {action: Allow}'), deny))).toEqual(NONE)
    const later = cluster(`tier: application, priority: 6, appliedTo: [{podSelector: {}}], ingress: [{action: Drop}]`, 'later')
    expect(toDb(all(rules('{action: Pass}'), later))).toEqual(EVERY)
    const baseline = cluster(`tier: baseline, ${db}, ingress: [{action: Drop}]`)
    expect([toDb(baseline), toDb(all(baseline, plain('{podSelector: {}, ingress: [{}]}')))]).toEqual([NONE, EVERY])
  })
})

it('egress by node and by host name', () => {
  const out = (rule: string) => cluster(`priority: 5, appliedTo: [{podSelector: {matchLabels: {tier: a}}}], egress: [${rule}]`)
  expect(between(out('{action: Drop, to: [{nodeSelector: {matchLabels: {zone: z}}}]}'), 'shop/web', 'node front-node')).toBe('no port')
  expect(between(out('{action: Drop, to: [{fqdn: "*.example.com"}]}'), 'shop/web', '1.2.3.4')).toBe('no port (perhaps every port)')
  expect(between(out('{action: Drop, toServices: [{name: a, namespace: b}]}'), 'shop/web', 'shop/db')).toBe('no port (perhaps every port)')
})
