/** The wizard without a screen. */
import { describe, expect, test } from 'vitest'
import type { Kind, RunId, SourceEvent, StepId } from '../../src/model/index.ts'
import { grant } from '../../src/session/approve.ts'
import type { Desk, RunSummary } from '../../src/session/ports.ts'
import { layoutOf, rowsOf, selectedKey } from '../../src/session/rows.ts'
import { lineText } from '../../src/session/rows-line.ts'
import { freshnessText } from '../../src/session/rows-titles.ts'
import { createStore, type Store } from '../../src/session/store.ts'
import { FakeClock } from '../helpers/terminal.tsx'
import { FakeDesk } from './fake-desk.ts'

const storeOver = (desk: Desk): Store => createStore({ desk, clock: new FakeClock(), grant, size: { columns: 80, rows: 24 } })
const text = (store: Store): string =>
  rowsOf(store.get())
    .map((row) => lineText(row.line(layoutOf(store.get()).list.columns, new Set())))
    .join('\n')

describe('opening', () => {
  test('the last choice wins, and what was opened meanwhile is let go of', async () => {
    const desk = new FakeDesk()
    let closed = 0
    const slow: Desk = {
      ...bound(desk),
      open: async (choice) => {
        const opened = await desk.open(choice)
        if (choice.kind === 'live') await new Promise((resolve) => setTimeout(resolve, 30))
        return {
          ...opened,
          close: () => {
            closed++
            opened.close()
          },
        }
      },
    }
    const store = storeOver(slow)
    store.dispatch({ type: 'open', choice: { kind: 'live', context: 'prod-eu-1' } })
    store.dispatch({ type: 'open', choice: { kind: 'sample' } })
    await store.settled()
    expect(store.get().source?.choice.kind).toBe('sample')
    expect(closed).toBe(1)
    store.close()
    expect(closed).toBe(2)
  })
  test('a source that stops telling is said to be out of date', async () => {
    const desk = new FakeDesk()
    const store = storeOver({
      ...bound(desk),
      open: async (choice) => ({ ...(await desk.open(choice)), ended: Promise.reject(new Error('the connection was cut')) }),
    })
    store.dispatch({ type: 'open', choice: { kind: 'sample' } })
    await store.settled()
    await Promise.resolve()
    expect(store.get().scan?.ended).toEqual({ because: 'the connection was cut' })
  })
  test('an API server that does not answer any more is no live one, until it answers again', async () => {
    const desk = new FakeDesk()
    const store = storeOver(desk)
    store.dispatch({ type: 'open', choice: { kind: 'live', context: 'prod-eu-1' } })
    await store.settled()
    const shown = (text: string) => expect.poll(() => freshnessText(store.get())).toContain(text)
    await shown('live, ')
    const away = (what: Kind): SourceEvent => ({
      type: 'unread',
      unread: { what, why: 'unreachable', because: 'the API server does not answer', answer: 'look whether it runs' },
    })
    desk.tell(away('Pod'))
    await shown('live, ')
    desk.tell(away('Namespace'))
    await shown('NO ANSWER NOW')
    desk.tell({ type: 'replace', kind: 'Namespace', items: [] })
    await shown('live, ')
    store.close()
  })
})

describe('an interrupted run', () => {
  const run: RunSummary = {
    id: '20261122T080000Z-aaaaaa' as RunId,
    time: '2026-11-22T08:00:00Z',
    source: 'live prod-eu-1',
    approvedBy: 'a key press in the wizard',
    interrupted: true,
    steps: [
      { id: 's1' as StepId, title: 'Deployment shop/cart: drop all capabilities', risk: 'restarts-pods', state: 'interrupted' },
      { id: 's2' as StepId, title: 'Namespace shop: enforce', risk: 'safe', state: 'not-started' },
    ],
  }
  test('is the first thing that is offered, by the name of its step', async () => {
    const store = storeOver({ ...bound(new FakeDesk()), history: async () => [run] })
    store.start()
    await store.settled()
    expect(selectedKey(store.get())).toBe(`run:${run.id}`)
    expect(text(store)).toContain('during "Deployment shop/cart: drop all ca')
    store.dispatch({ type: 'go', to: { at: 'run', id: run.id } })
    expect(text(store)).toContain('This run was cut off during "Deployment shop/cart: drop all')
    expect(text(store)).toContain('not started Namespace shop: enforce')
  })
  test('is also the first thing on the overview of a cluster that the command line named', async () => {
    const store = storeOver({ ...bound(new FakeDesk()), history: async () => [run] })
    store.start({ kind: 'live', context: 'prod-eu-1' })
    await store.settled()
    expect([store.get().route.at, selectedKey(store.get())]).toEqual(['overview', `run:${run.id}`])
    store.close()
  })
  test('says that it was taken back, where that is what was cut off; and the list says it once', async () => {
    const steps = run.steps.map((step) => (step.state === 'interrupted' ? { ...step, state: 'undo-interrupted' as const } : step))
    const store = storeOver({ ...bound(new FakeDesk()), history: async () => [{ ...run, steps }] })
    store.start()
    await store.settled()
    store.dispatch({ type: 'go', to: { at: 'history' } })
    expect(text(store)).toMatch(/INTERRUPTED 1 not started/)
    store.dispatch({ type: 'go', to: { at: 'run', id: run.id } })
    expect(text(store)).toContain('Taking it back was cut off during "Deployment shop/cart')
    expect(text(store)).not.toContain('plan again')
  })
})

test('half a cluster has no score, and checks that wait for the rest could not be called impossible', async () => {
  const store = storeOver(bound(new FakeDesk()))
  store.start({ kind: 'live', context: 'prod-eu-1' })
  await store.settled()
  await expect.poll(() => store.get().scan?.synced).toBe(true)
  expect(text(store)).toMatch(/ \d+% [#.]+ /)
  expect(text(store)).toContain('could not be made')
  const { scan } = store.get()
  const half = { ...store.get(), scan: { ...scan!, synced: false } }
  const shown = rowsOf(half)
    .map((row) => lineText(row.line(76, new Set())))
    .join('\n')
  expect(shown).not.toMatch(/\d+% /)
  expect(shown).not.toContain('could not be made')
  expect(shown).toMatch(/\d checks not made yet: still reading \.\.\./)
  store.close()
})

describe('a journal that cannot be read', () => {
  test('is told where past runs are listed, and stops nothing else', async () => {
    const store = storeOver({
      ...bound(new FakeDesk()),
      history: async () => {
        throw new Error('permission denied')
      },
    })
    store.start({ kind: 'sample' })
    await store.settled()
    expect(store.get().route.at).toBe('overview')
    store.dispatch({ type: 'go', to: { at: 'history' } })
    expect(text(store)).toContain('permission denied')
  })
})

/** A class's methods do not survive a spread. */
const bound = (desk: FakeDesk): Desk => ({
  contexts: desk.contexts,
  open: (choice) => desk.open(choice),
  history: () => desk.history(),
  undo: (...all) => desk.undo(...all),
})
