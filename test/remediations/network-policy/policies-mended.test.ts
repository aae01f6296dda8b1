/** What a mended policy lets through is what was meant, asked of the reachability of the cluster before and after. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { controls } from '../../../src/controls/index.gen.ts'
import { judge } from '../../../src/engine/judge.ts'
import type { Snapshot } from '../../../src/model/index.ts'
import { portsText } from '../../../src/objects/network-ports.ts'
import { reach } from '../../../src/objects/network-reach.ts'
import { compile } from '../../../src/plan/compile.ts'
import { applyPlan } from '../../../src/plan/in-memory.ts'
import { loadWorld } from '../../helpers/world.ts'

const folder = join(import.meta.dirname, '..', '..', 'controls', 'nodes-and-pods')
function mended(id: string, fixture: string, options: Record<string, string> = {}) {
  const control = controls.find((one) => one.id === id)!
  const { snapshot } = loadWorld(join(folder, id, `${fixture}.yaml`))
  const plan = compile(judge(control, snapshot).findings, new Map([[control.id, control]]), snapshot, { values: { [id]: options } })
  return { before: snapshot, after: applyPlan(snapshot, plan.steps), plan }
}
function through(snapshot: Snapshot, from: string, to: string): string {
  const { ends, connection } = reach(snapshot)
  const end = (text: string) =>
    ends.find((one) => `${one.namespace.name}/${one.workload.ref.name}` === text) ?? ({ is: 'address', ip: text } as const)
  return portsText(connection(end(from), end(to)).ports)
}
const compared = (id: string, fixture: string, from: string, to: string) => {
  const { before, after } = mended(id, fixture)
  return [through(before, from, to), through(after, from, to)]
}

describe('a narrowed policy', () => {
  const narrowed = (fixture: string, from: string) => compared('net-policy-too-open', fixture, from, 'shop/web')
  it.each([
    ['no longer lets the outside in', 'fail.every-address', '192.0.2.9', ['TCP 8080', 'no port']],
    ['nor every port', 'fail', '192.0.2.9', ['every port', 'no port']],
    ['nor half of the addresses twice', 'fail.two-halves', '192.0.2.9', ['TCP 8080', 'no port']],
  ])('%s', (_name, fixture, from, expected) => expect(narrowed(fixture, from)).toEqual(expected))

  it('keeps callers that name its Service, and those that carry the label now', () => {
    // The caller's namespace lets nothing but DNS out: what counts is the ingress side.
    const into = (fixture: string, labels: Record<string, string>) => {
      const { after } = mended('net-policy-too-open', fixture)
      const policies = reach(after).policies.filter(({ ref }) => ref.name === 'web')
      const web = reach(after).ends.find((one) => one.workload.ref.name === 'web')!
      return policies[0]!
        .ingress!.rules.filter((rule) =>
          rule.peers.some(
            (peer) =>
              peer.is === 'pods' &&
              peer.namespaces.matches({ name: 'front', labels: { 'kubernetes.io/metadata.name': 'front' } }) &&
              peer.pods.matches(labels),
          ),
        )
        .map((rule) => portsText(rule.ports(web)))
    }
    expect(into('fail.callers', { app: 'store' })).toEqual(['TCP 8080'])
    expect(into('fail.any-label', { role: 'caller' })).toEqual(['TCP 8080'])
    expect(into('fail.any-label', { role: 'other' })).toEqual([])
    expect(into('fail.every-port', { app: 'store' })).toEqual(['TCP 8080'])
  })
  it('stays as it is where the operator says so', () => {
    expect(mended('net-policy-too-open', 'fail', { mode: 'keep' }).plan.steps).toEqual([])
  })
})

describe('a policy that could not do what it said', () => {
  it('opens the port of the pods in place of that of the Service, and no more', () => {
    for (const fixture of ['fail.service-port', 'fail.name-of-the-service-port']) {
      const { after } = mended('net-policy-ineffective', fixture)
      const known = reach(after)
      const web = known.ends.find((one) => one.workload.ref.name === 'web')!
      const rules = known.policies.find(({ ref }) => ref.name === 'web')!.ingress!.rules
      expect(
        rules.map((rule) => portsText(rule.ports(web))),
        fixture,
      ).toEqual(['TCP 8080'])
    }
  })
  it('reaches the pods behind the address of a Service', () => {
    expect(compared('net-policy-ineffective', 'fail.cluster-address', 'shop/web', 'front/db')).toEqual(['no port', 'TCP 5432'])
  })
  it('lets in those pods of those namespaces, once joined', () => {
    const { plan } = mended('net-policy-ineffective', 'fail.split')
    expect(plan.steps.map(({ risk }) => risk)).toEqual(['may-break'])
    expect(mended('net-policy-ineffective', 'fail.split', { split: 'keep' }).plan.steps).toEqual([])
  })
  it('is never deleted for selecting nothing', () => {
    const { plan } = mended('net-policy-ineffective', 'fail')
    expect([plan.steps, plan.ledger.byHand.length]).toEqual([[], 1])
  })
})
