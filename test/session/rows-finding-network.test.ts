/** What a finding about pods without isolation says of recorded flows. */
import { expect, test } from 'vitest'
import type { Finding, ObservedFlow } from '../../src/model/index.ts'
import { findingNetworkRows } from '../../src/session/rows-finding-network.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { networkState } from './network-world.ts'

const end = (place: string) => ({ namespace: place.split('/')[0]!, workload: { kind: 'Deployment', name: place.split('/')[1]! } })
const flow = (from: string, to: string, more: Partial<ObservedFlow> = {}): ObservedFlow => ({
  source: end(from),
  destination: end(to),
  protocol: 'TCP',
  port: 9000,
  count: 4,
  was: 'forwarded',
  ...more,
})
const finding = (control: string, ...uncovered: readonly string[]): Finding =>
  ({ control, subject: { apiVersion: 'v1', kind: 'Namespace', name: 'payments' }, evidence: { uncovered } }) as unknown as Finding
const text = (one: Finding, flows?: readonly ObservedFlow[]): string => {
  const facts = flows === undefined ? {} : { ObservedFlows: { from: ['f.jsonl'], records: 9, flows, doubts: [] } }
  const { scan } = networkState({ at: 'overview' }, { facts })
  return findingNetworkRows(one, scan!.snapshot, 78)
    .map((row) => lineText(row.line(78, new Set())))
    .join(' ')
    .replace(/\s+/g, ' ')
}
const LEDGER = 'Deployment ledger'

test('flows into pods that nothing isolates, the busiest first; not refused ones, not those of others', () => {
  const said = text(finding('net-default-deny-ingress', LEDGER), [
    flow('shop/cart', 'payments/ledger'),
    flow('shop/web', 'payments/ledger', { count: 40 }),
    flow('shop/web', 'payments/ledger', { port: 22, was: 'dropped' }),
    flow('shop/cart', 'shop/web', { port: 80 }),
  ])
  expect(said).toContain('2 flows into pods that nothing isolates, seen in f.jsonl:')
  expect(said).toContain(
    '- Deployment shop/web -> Deployment payments/ledger TCP 9000 (seen 40 times) - Deployment shop/cart -> Deployment payments/ledger TCP 9000 (seen 4 times)',
  )
  expect(said).not.toContain('TCP 22')
  expect(said).not.toContain('TCP 80')
})
test('egress looks at who sends; a workload that is isolated is not spoken of', () => {
  const flows = [flow('payments/ledger', 'shop/web', { port: 80 })]
  expect(text(finding('net-default-deny-egress', LEDGER), flows)).toContain('1 flow out of pods that nothing isolates')
  expect(text(finding('net-default-deny-egress', 'Deployment other'), flows)).toContain('has no flow out of pods')
  expect(text(finding('net-default-deny-ingress', LEDGER), flows)).toContain('has no flow into pods')
})
test('without a record nothing is claimed; other findings have no such part', () => {
  expect(text(finding('net-default-deny-ingress', LEDGER))).toContain('No record of flows was given (--flows FILE)')
  expect(text(finding('net-policy-too-open'))).toMatch(/^ ?Who reaches whom \(N shows all of it\) ?$/)
  expect(text(finding('pod-privileged'))).toBe('')
})
