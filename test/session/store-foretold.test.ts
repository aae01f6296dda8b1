/** What a plan changes is worked out beside everything else: a key is answered meanwhile, and what is no longer asked for is dropped. */
import { expect, test } from 'vitest'
import type { Snapshot } from '../../src/model/index.ts'
import type { Action } from '../../src/session/actions.ts'
import { foretoldOf } from '../../src/session/network-foretold.ts'
import type { Route } from '../../src/session/route.ts'
import { rowsOf } from '../../src/session/rows.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { foretoldEffects } from '../../src/session/store-foretold.ts'
import { reduce } from '../../src/session/store-reduce.ts'
import type { State } from '../../src/session/store-state.ts'
import { worldOf } from '../helpers/world.ts'
import { denyStep, NETWORK_WORLD, networkState, policy, withPlan } from './network-world.ts'

const [PAYMENTS, SHOP] = [denyStep('payments'), denyStep('shop', 's2')]
const PLAN: Route = { at: 'plan' }
const text = (state: State) =>
  rowsOf(state)
    .map((row) => lineText(row.line(78, new Set())))
    .join(' ')
    .replace(/\s+/g, ' ')

/** A store whose clock says that every piece has taken too long: one piece at a turn. */
function slowly(first: State) {
  let state = first
  let [now, turn] = [0, (): void => {}]
  const actions: Action['type'][] = []
  const running: Promise<void>[] = []
  const after = foretoldEffects(
    {
      get: () => state,
      dispatch,
      clock: {
        now: () => (now += 1_000),
        after(_ms, then) {
          turn = then
          return () => {}
        },
      },
      desk: undefined as never,
      grant: undefined as never,
    },
    async (work) => void running.push(work),
  )
  function dispatch(action: Action): void {
    actions.push(action.type)
    state = reduce(state, action)
    after()
  }
  return {
    actions,
    dispatch,
    get: () => state,
    set(next: State) {
      state = next
      after()
    },
    begin: after,
    /** One piece. */
    async piece() {
      turn()
      await new Promise((resolve) => setImmediate(resolve))
    },
    async end() {
      for (let at = 0; at < 100 && state.foretold?.done !== undefined; at++) await this.piece()
    },
  }
}
const seen = (state: State, snapshot: Snapshot): State => ({ ...state, scan: { ...state.scan!, snapshot } })

test('in pieces; the screen says how far it is, and keys go on', async () => {
  const store = slowly(withPlan(networkState(PLAN), PAYMENTS, SHOP))
  store.begin()
  expect(text(store.get())).toContain('Working out who reaches whom with these steps ...')
  let pieces = 0
  const said = new Set<string>()
  while (store.get().foretold?.done !== undefined) {
    await store.piece()
    pieces++
    said.add(/with these steps: \d+ %/.exec(text(store.get()))?.[0] ?? '')
    store.dispatch({ type: 'move', by: 1 })
  }
  // Two worlds, two matrices, and the four workloads that the new policies select.
  expect(pieces).toBeGreaterThan(9)
  expect(said.size).toBeGreaterThan(3)
  expect(text(store.get())).toContain('Into Deployment payments/ledger')
  expect(store.actions.filter((type) => type === 'foretold')).toHaveLength(1)
})

test('other steps are begun with at once, and what was worked out of those before is not shown', async () => {
  const store = slowly(withPlan(networkState(PLAN), PAYMENTS))
  store.begin()
  await store.piece()
  store.set(withPlan(store.get(), SHOP))
  expect(store.get().foretold?.steps).toEqual([SHOP])
  await store.piece()
  await store.end()
  expect(store.actions.filter((type) => type === 'foretold')).toHaveLength(1)
  expect(foretoldOf(store.get(), [PAYMENTS])).toBeUndefined()
  expect(text(store.get())).toContain('shop')
  expect(text(store.get())).not.toContain('Into Deployment payments/ledger')
  // Kept: back to what was looked at before costs nothing.
  store.set(withPlan(store.get(), PAYMENTS))
  await store.end()
  store.set(withPlan(store.get(), SHOP))
  expect(store.get().foretold).toMatchObject({ steps: [SHOP] })
  expect(store.get().foretold?.done).toBeUndefined()
})

test('a cluster that changes: what is known stays, is said to be of before, and is worked out anew', async () => {
  const store = slowly(withPlan(networkState(PLAN), PAYMENTS))
  store.begin()
  await store.end()
  const { snapshot } = worldOf(NETWORK_WORLD + policy('payments/all', '{podSelector: {}, policyTypes: [Ingress]}'))
  store.set(seen(store.get(), snapshot))
  expect(text(store.get())).toContain('The cluster has changed since this was worked out; it is being worked out anew.')
  expect(text(store.get())).toContain('Into Deployment payments/ledger')
  await store.end()
  expect(text(store.get())).not.toContain('worked out anew')
  // The policy that is there already isolates as much.
  expect(text(store.get())).not.toContain('Into Deployment payments/ledger')
})

test('one that changes all the time does not keep it from ever being done', async () => {
  const store = slowly(withPlan(networkState(PLAN), PAYMENTS))
  store.begin()
  for (let at = 0; at < 100 && store.get().foretold?.told === undefined; at++) {
    store.set(seen(store.get(), worldOf(NETWORK_WORLD).snapshot))
    await store.piece()
  }
  expect(store.get().foretold?.told).toBeTypeOf('object')
})

test('nothing is worked out for screens that do not show it, nor for steps that change nobody’s reach', () => {
  const other = { ...PAYMENTS, changes: [{ type: 'edit', target: { apiVersion: 'v1', kind: 'ConfigMap', name: 'c' }, edits: [] }] } as never
  for (const state of [withPlan(networkState({ at: 'overview' }), PAYMENTS), withPlan(networkState(PLAN), other)]) {
    const store = slowly(state)
    store.begin()
    expect(store.get().foretold).toBeUndefined()
  }
})
