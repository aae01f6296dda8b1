/** The rows of the connectivity screens, from cluster to text. */
import { describe, expect, test } from 'vitest'
import type { KubeObject, Unread } from '../../src/model/index.ts'
import { enter } from '../../src/session/actions-enter.ts'
import { foreseenSteps } from '../../src/session/connectivity-sight.ts'
import { footOf, headOf, layoutOf, rowsOf } from '../../src/session/rows.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { numbersText } from '../../src/session/rows-titles.ts'
import { reduce } from '../../src/session/store-reduce.ts'
import type { State } from '../../src/session/store-state.ts'
import { bindingFor } from '../../views/keys.ts'
import { worldOf } from '../helpers/world.ts'
import { denyStep, NETWORK_WORLD, networkState, plugin, policy, withPlan, workedOut, workload } from './network-world.ts'

const text = (state: State): string[] =>
  rowsOf(state).map((row) => lineText(row.line(layoutOf(state).list.columns - 2, new Set())).trimEnd())
const head = (state: State): string[] => headOf(state).map((line) => lineText(line).trimEnd())
const foot = (state: State): string[] => footOf(state).map((line) => lineText(line).trimEnd())
const shop = { at: 'matrix', namespace: 'shop' } as const
const REFUSED: Unread = { what: 'NetworkPolicy', why: 'forbidden', because: 'listing networkpolicies was refused (403)', answer: 'ask' }

describe('namespaces', () => {
  test('how many of each are isolated, and the ends that are no workloads', () => {
    const lines = text(networkState({ at: 'connectivity' }))
    expect(lines.map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
      'namespace  pods isolated: ingress egress  policies',
      'empty  0 -  -  0',
      'payments  2 none of 1  none of 1  0 +1 host',
      'shop  3 all of 3  1 of 3  4',
      '',
      "The platform's own: shown, but nothing is proposed",
      'kube-system  1 -  -  0 +1 host',
      '',
      'Nodes  enter: what it reaches',
      'Outside of the cluster  enter: what it reaches',
      '10.0.0.0/8  enter: what it reaches',
      'Calico enforces policies: told by its name, not tried.',
    ])
    expect(numbersText(networkState({ at: 'connectivity' }))).toBe('3 of 4 isolated for ingress, 1 for egress')
  })
  test('policies that may not be read leave nothing known, and nothing open', () => {
    const state = networkState({ at: 'connectivity' }, { unread: [REFUSED] })
    const lines = text(state)
    expect(lines.join(' ')).toContain('Policies are not all known: listing networkpolicies was refused (403).')
    expect(lines.find((line) => line.startsWith('payments'))).toMatch(/\? of 1 +\? of 1/)
    expect(lines.join('\n')).not.toMatch(/none of|all of/)
    expect(numbersText(state)).toBe('policies not known')
  })
  test('without namespaces there is a sentence, no table', () => {
    expect(text(networkState({ at: 'connectivity' }, { text: '' })).join('\n')).toContain('There are no namespaces here, and no workloads.')
  })
})

describe('what is said first', () => {
  const first = (image: string) => text(networkState({ at: 'connectivity' }, { text: NETWORK_WORLD + plugin(image) }))[0]!
  test('a plugin that enforces nothing, loudly; one that is not recognised, as not known', () => {
    expect(first('quay.io/coreos/flannel:v1')).toMatch(/^!! NOTHING HERE ENFORCES NETWORK POLICIES: Flannel/)
    expect(first('r.example/own-plugin:1')).toMatch(/^\? {2}Whether anything enforces network policies here is not known/)
    expect(first('quay.io/calico/node:v3')).toMatch(/^namespace/)
  })
  test('above the matrix, and on the page of the practice', () => {
    const flannel = { text: NETWORK_WORLD + plugin('quay.io/coreos/flannel:v1') }
    expect(head(networkState(shop, flannel))[0]).toMatch(/^!! NOTHING HERE ENFORCES/)
    expect(text(networkState({ at: 'practice', practice: 'nodes-and-pods' }, flannel))[0]).toMatch(/^!! NOTHING HERE ENFORCES/)
    expect(text(networkState({ at: 'practice', practice: 'images' }, flannel)).join()).not.toContain('ENFORCES')
  })
})

describe('the matrix', () => {
  test('rows send, columns receive, numbered alike', () => {
    const state = networkState(shop)
    expect([...head(state), ...text(state)]).toMatchInlineSnapshot(`
      [
        "from row to column            1  2  3  4  5  6  7  8  9",
        "1 cart                       [.] o  .  ?  .  o  ?  ?  ?",
        "2 db StatefulSet             [.] .  o  #  #  #  #  #  #",
        "3 web                        [.] .  o  #  #  #  #  #  #",
        "4 nodes                      [.] .  o",
        "5 outside the cluster        [.] .  o",
        "6 10.0.0.0/8                 [.] .  o",
        "-- from namespace kube-system",
        "7 kube-system/net DaemonSet  [.] .  o",
        "-- from namespace payments",
        "8 payments/expo~er DaemonSet [.] .  o",
        "9 payments/ledger            [.] .  o",
      ]
    `)
  })
  test('the cell that is looked at, in words, with the policies that isolate', () => {
    const state = reduce(networkState(shop), { type: 'column', by: 1 })
    expect(foot(state).join(' ')).toContain(
      'cart -> db StatefulSet: TCP 5432 (egress isolated by cart-egress; ingress isolated by default-deny, db-from-cart)',
    )
    const down = reduce(state, { type: 'move', by: 1 })
    expect(foot(down).join(' ')).toContain('db StatefulSet -> db StatefulSet: no port (ingress isolated by default-deny, db-from-cart)')
  })
  test('what cannot be known has its own sign', () => {
    const lines = text(networkState(shop, { unread: [REFUSED] }))
    expect(lines[0]).toMatch(/\[\?\] \? {2}\?/)
    expect(lines[1]).toMatch(/\[\?\] \? {2}\?/)
  })
  test('a namespace without workloads says so', () => {
    expect(text(networkState({ at: 'matrix', namespace: 'empty' }))).toEqual(['No workload is in this namespace.'])
    expect(foot(networkState({ at: 'matrix', namespace: 'empty' }))).toEqual([])
  })
  test('columns scroll by one and by as many as are in sight, and stay at the edges', () => {
    const many = Array.from({ length: 40 }, (_, index) => workload(`big/worker-${String(index).padStart(2, '0')}`)).join('')
    let state = networkState({ at: 'matrix', namespace: 'big' }, { text: many })
    const numbers = () => head(state).at(-1)!
    expect(numbers()).toMatch(/^from row to column +1 +2 .* \d+ >$|^from row to column +1 +2 .*>$/)
    state = reduce(state, { type: 'column', by: 2 })
    const second = numbers()
    expect(second).toContain('<')
    state = reduce(state, { type: 'column', by: 1 })
    expect(numbers()).not.toBe(second)
    for (let i = 0; i < 10; i++) state = reduce(state, { type: 'column', by: 2 })
    expect(numbers()).toMatch(/ 42$/)
    for (let i = 0; i < 10; i++) state = reduce(state, { type: 'column', by: -2 })
    expect(numbers()).toMatch(/ 1 +2 /)
    expect(headOf(state).every((line) => lineText(line).length === 78)).toBe(true)
  })
  test('names that begin alike are told apart by their end', () => {
    const name = 'a-very-long-name-of-a-release-that-ends-with'
    const state = networkState(
      { at: 'matrix', namespace: 'x' },
      { text: workload(`x/${name}-operator`) + workload(`x/${name}-controller`) },
    )
    expect(
      text(state)
        .slice(0, 2)
        .map((line) => line.slice(2, 28)),
    ).toEqual(['a-very-long-n~h-controller', 'a-very-long-n~ith-operator'])
  })
})

describe('one end', () => {
  test('what isolates it, who reaches it, whom it reaches, and by which policy', () => {
    expect(
      text(networkState({ at: 'reach', end: 'shop/StatefulSet/db' })).map((line) => line.replace(/ {2,}/g, '  ')),
    ).toMatchInlineSnapshot(`
      [
        "ingress isolated by NetworkPolicy default-deny, NetworkPolicy db-from-cart",
        "egress  no policy isolates it: it may send wherever the other end takes it",
        "",
        "Who reaches it: 1 of 8 ends",
        "  cart  TCP 5432  by db-from-cart, cart-egress",
        "",
        "Whom it reaches: 7 of 8 ends",
        "  web  TCP 80  by web-from-all",
        "  10.0.0.0/8  every port",
        "  nodes  every port",
        "  outside the cluster  every port",
        "  kube-system/net DaemonSet  every port",
        "  payments/exporter DaemonSet  every port",
        "  payments/ledger  every port",
      ]
    `)
  })
  test('many of one namespace that fare alike are one line, which opens their matrix', () => {
    const many = Array.from({ length: 6 }, (_, index) => workload(`big/worker-${index}`)).join('')
    const state = networkState({ at: 'reach', end: 'shop/Deployment/web' }, { text: NETWORK_WORLD + many })
    expect(text(state).join('\n')).toMatch(/all 6 workloads of big +TCP 80/)
    const row = rowsOf(state).find(({ key }) => key === 'net:big')
    expect(row).toBeDefined()
    const there = { ...state, positions: { 'reach:shop/Deployment/web': { key: 'net:big', index: 0, offset: 0 } } }
    expect(enter(there)).toEqual({ type: 'go', to: { at: 'matrix', namespace: 'big' } })
  })
  test('the host network is said to be beyond policies; what is gone, to be gone', () => {
    expect(text(networkState({ at: 'reach', end: 'payments/DaemonSet/exporter' }))[0]).toContain('On the host network')
    expect(text(networkState({ at: 'reach', end: 'payments/Deployment/gone' }))).toEqual(['It is not there any more.'])
  })
})

describe('with a plan', () => {
  const denied = (state: State): State => withPlan(state, denyStep('payments'))
  const flows = {
    ObservedFlows: {
      from: ['flows.jsonl'],
      records: 41,
      flows: [
        {
          source: { namespace: 'shop', workload: { kind: 'Deployment', name: 'web' } },
          destination: { namespace: 'payments', workload: { kind: 'Deployment', name: 'ledger' } },
          protocol: 'TCP',
          port: 9000,
          count: 41,
          was: 'forwarded',
        },
      ],
      doubts: [],
    },
  }
  const shown = (state: State, show: 'planned' | 'difference'): State => ({ ...state, connectivity: { show, left: 0 } })

  test('t goes round: now, with the plan, the difference', () => {
    const rounds = [1, 2, 3].reduce<State[]>((states) => [...states, reduce(states.at(-1)!, { type: 'show-next' })], [networkState(shop)])
    expect(rounds.map(({ connectivity }) => connectivity.show)).toEqual(['now', 'planned', 'difference', 'now'])
  })
  test('what is lost has a minus, what stays an equals sign, and a flow in use that is cut its own', () => {
    const payments = { at: 'matrix', namespace: 'payments' } as const
    const lines = text(workedOut(shown(denied(networkState(payments)), 'difference')))
    expect(lines[1]).toMatch(/^2 ledger +\[=\] - /)
    expect(lines.find((line) => line.includes('shop/web'))).toMatch(/-$/)
    const seen = workedOut(shown(denied(networkState(payments, { facts: flows })), 'difference'))
    expect(text(seen).find((line) => line.includes('shop/web'))).toMatch(/!$/)
    const there = { ...seen, connectivity: { ...seen.connectivity, column: 'payments/Deployment/ledger' } }
    const chosen = { ...there, positions: { 'matrix:payments': { key: 'end:shop/Deployment/web', index: 0, offset: 0 } } }
    expect(foot(chosen).join(' ')).toContain('CUTS what is in use:')
    expect(foot(chosen).join(' ')).toContain('9000 (seen 41 times)')
  })
  test('what would be cut stands before everything on the list of namespaces, with its file', () => {
    const lines = text(workedOut(shown(denied(networkState({ at: 'connectivity' }, { facts: flows })), 'difference')))
    expect(lines[0]).toBe('CUTS 1 OF 1 FLOWS IN USE, seen in flows.jsonl:')
    expect(lines.join('\n')).toMatch(/payments +2 0 -> 1 of 1 /)
  })
  test('the plan and the step tell it in words', () => {
    const state = denied(networkState({ at: 'plan' }, { facts: flows }))
    expect(text(state).join(' ')).toContain('Whether they cut flows that are in use is still being worked out.')
    expect(text(state).join(' ')).toContain('Working out who reaches whom with this step ...')
    const told = workedOut(state)
    const lines = text(told).join('\n')
    expect(lines.indexOf('CUTS 1 OF 1')).toBeGreaterThan(-1)
    expect(lines.indexOf('CUTS 1 OF 1')).toBeLessThan(lines.indexOf('Steps, in this order'))
    expect(lines).toContain('Into Deployment payments/ledger')
    expect(lines).toMatch(/- loses every port from/)
    expect(text({ ...told, route: { at: 'step', id: 's1' as never } }).join('\n')).toContain('Who reaches whom, with this step')
  })
  test('by which policies, also those that the plan makes', () => {
    const step = denyStep('payments')
    const allow = policy(
      'payments/from-web',
      '{podSelector: {matchLabels: {app: ledger}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}], ports: [{port: 9000}]}]}',
    )
    const [object] = worldOf(allow).snapshot.all('NetworkPolicy')
    const both = { ...step, changes: [...step.changes, { type: 'create' as const, object: object! as KubeObject }] }
    const state = withPlan(networkState({ at: 'reach', end: 'payments/Deployment/ledger' }), both)
    const lines = text(workedOut(shown(state, 'planned'))).map((line) => line.replace(/ {2,}/g, '  '))
    expect(lines).toContain('ingress isolated by NetworkPolicy deny, NetworkPolicy from-web')
    expect(lines).toContain('  shop/web  TCP 9000  by from-web')
    const matrix = { ...shown(state, 'planned'), route: { at: 'matrix', namespace: 'payments' } as const }
    const there = { ...matrix, connectivity: { ...matrix.connectivity, column: 'payments/Deployment/ledger' } }
    expect(foot(workedOut(there)).join(' ')).toContain('ingress isolated by deny, from-web')
  })
  test('steps that are left out are not shown, and without any the findings are planned', () => {
    const state = denied(networkState(shop))
    expect(foreseenSteps(state)?.by).toBe('1 step of the plan')
    const without = { ...state, planned: { ...state.planned!, off: new Set(['s1' as never]) } }
    expect(foreseenSteps(without)).toBeUndefined()
    expect(text(shown(without, 'difference'))).toEqual(['Working out what the fixes would change ...'])
  })
})

test('N opens it from the overview and from nodes and pods, not from other practices', () => {
  const off = (practice: 'images' | 'nodes-and-pods') => bindingFor('practice', 'N')!.off!(networkState({ at: 'practice', practice }))
  expect(off('nodes-and-pods')).toBeUndefined()
  expect(off('images')).toBe('it belongs to nodes and pods')
  expect(bindingFor('overview', 'N')!.does(networkState({ at: 'overview' }), 0, 'N')).toEqual({ type: 'go', to: { at: 'connectivity' } })
})

test('a frame of 2,000 workloads is drawn in time', () => {
  const many = Array.from({ length: 2_000 }, (_, index) => workload(`n${index % 20}/w${index}`)).join('')
  const denies = Array.from({ length: 20 }, (_, index) => policy(`n${index}/deny`, '{podSelector: {}, policyTypes: [Ingress]}')).join('')
  let state = networkState({ at: 'matrix', namespace: 'n7' }, { text: many + denies, size: { columns: 120, rows: 40 } })
  const draw = () => {
    headOf(state)
    for (const row of rowsOf(state).slice(0, 36)) row.line(118, new Set())
    footOf(state)
  }
  draw()
  const started = performance.now()
  for (let i = 0; i < 20; i++) {
    state = reduce(state, { type: i % 2 === 0 ? 'column' : 'move', by: 1 })
    draw()
  }
  // A tenth of it where nothing else runs.
  expect((performance.now() - started) / 20).toBeLessThan(100)
})
