/** What the operator must decide about exposure: who may come in, which certificate, what refuses external addresses. */
import { describe, expect, test } from 'vitest'
import externalIps from '../../src/controls/nodes-and-pods/net-external-ips.ts'
import ingressTls from '../../src/controls/nodes-and-pods/net-ingress-tls.ts'
import exposure from '../../src/controls/nodes-and-pods/net-service-exposure.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Json, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'
import { proposals } from './proposals.ts'

const CONTROLS = {
  'net-service-exposure': exposure,
  'net-ingress-tls': ingressTls,
  'net-external-ips': externalIps,
} as unknown as Readonly<Record<string, RegisteredControl>>

const registered = (id: string): RegisteredControl => ({ ...CONTROLS[id]!, id, practice: 'nodes-and-pods' })
/** Statuses before and after the plan with these choices. */
function around(id: string, text: string, options: Readonly<Record<string, Json>>) {
  const { snapshot } = worldOf(text)
  const control = registered(id)
  const before = judge(control, snapshot)
  const plan = compile(before.findings, new Map([[id, control]]), snapshot, { values: { [id]: options } })
  return { before: before.status, after: judge(control, applyPlan(snapshot, plan.steps)).status, plan }
}
const proposed = (id: string, text: string, options: Readonly<Record<string, Json>> = {}): Proposal =>
  proposals(id, CONTROLS[id]!, text, options)[0]!.proposal

const BALANCER = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443, nodePort: 30443}]}
`
const node = (providerID: string) => `---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {providerID: '${providerID}'}\n`

describe('a load balancer for everybody', () => {
  test('asks for the ranges, and takes none that is as wide', () => {
    expect(proposed('net-service-exposure', BALANCER)).toMatchObject({ needs: { option: 'cidrs' } })
    expect(proposed('net-service-exposure', BALANCER, { cidrs: '0.0.0.0/0' })).toMatchObject({
      refused: expect.stringContaining('too wide'),
    })
    expect(proposed('net-service-exposure', BALANCER, { cidrs: 'office' })).toMatchObject({
      refused: expect.stringContaining('no address range'),
    })
  })
  test.each([
    ['ranges', { cidrs: '203.0.113.0/24, 198.51.100.7/32' }],
    ['internal', { how: 'internal' }],
    ['closed', { how: 'close' }],
  ])('is mended: %s', (_how, options) => {
    const { before, after, plan } = around('net-service-exposure', BALANCER + node('aws:///eu-west-1a/i-1'), options)
    expect([before, after]).toEqual(['fail', 'pass'])
    expect(plan.steps.map((step) => step.risk)).toEqual(['may-break'])
  })
  test('is not moved inside where nobody knows how', () => {
    expect(proposed('net-service-exposure', BALANCER + node('metal://1'), { how: 'internal' })).toMatchObject({
      byHand: expect.any(String),
    })
    const ofClass = BALANCER.replace('type: LoadBalancer', 'type: LoadBalancer, loadBalancerClass: metallb')
    expect(proposed('net-service-exposure', ofClass + node('aws:///a/i'), { how: 'internal' })).toMatchObject({
      byHand: expect.stringContaining('metallb'),
    })
  })
})

describe('an Ingress without TLS', () => {
  const INGRESS = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {rules: [{host: shop.example.com}, {host: www.example.com}]}
`
  const SECRET = '---\napiVersion: v1\nkind: Secret\nmetadata: {name: shop-tls, namespace: shop}\ntype: kubernetes.io/tls\n'
  test('asks for the Secret, and refuses one that is not there', () => {
    expect(proposed('net-ingress-tls', INGRESS)).toMatchObject({ needs: { option: 'secret' } })
    expect(proposed('net-ingress-tls', INGRESS, { secret: 'shop-tls' })).toMatchObject({
      refused: expect.stringContaining('shop/shop-tls'),
    })
  })
  test('is mended with one that is', () => {
    const { before, after, plan } = around('net-ingress-tls', INGRESS + SECRET, { secret: 'shop-tls' })
    expect([before, after]).toEqual(['fail', 'pass'])
    expect(plan.steps[0]!.changes[0]).toMatchObject({
      edits: [{ set: ['spec', 'tls'], to: [{ hosts: ['shop.example.com', 'www.example.com'], secretName: 'shop-tls' }] }],
    })
  })
  test('where Secrets may not be listed it says what was not seen', () => {
    const unread = '---\napiVersion: k8s-harden.test/v1\nkind: World\nunread: [{what: Secret, why: forbidden, because: no, answer: ask}]\n'
    expect(proposed('net-ingress-tls', INGRESS + unread, { secret: 'shop-tls' })).toMatchObject({
      mayBreak: expect.arrayContaining([expect.stringContaining('not seen')]),
    })
  })
})

describe('external addresses', () => {
  const SERVICE =
    'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}], externalIPs: [8.8.8.8]}\n'
  const world = (minor: number) =>
    `---\napiVersion: k8s-harden.test/v1\nkind: World\nkubernetes: v1.${minor}.0\nfacts: {ApiServerFlagz: {flags: {enable-admission-plugins: NodeRestriction}}}\n`
  const guard = (text: string, options: Readonly<Record<string, Json>> = {}) =>
    proposals('net-external-ips', CONTROLS['net-external-ips']!, text, options).find(({ finding }) => finding.key === 'guard')!.proposal

  test('those that use them are named with the policy', () => {
    expect(guard(SERVICE + world(37))).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('Service shop/web')] })
    expect(guard(SERVICE.replace(', externalIPs: [8.8.8.8]', '') + world(37))).toMatchObject({ risk: 'safe' })
  })
  test('an older server, or who asks for it, gets the plugin beside those that are on', () => {
    for (const proposal of [guard(SERVICE + world(29)), guard(SERVICE + world(37), { by: 'plugin' })])
      expect(JSON.stringify(proposal)).toContain('NodeRestriction,DenyServiceExternalIPs')
  })
})
