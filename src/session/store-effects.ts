/** What actions set going: opening, planning, trying out. Results come back as actions; nothing here decides what is shown. */
import type { Practice, Step } from '../model/index.ts'
import type { Action } from './actions.ts'
import { isWorking } from './actions-run.ts'
import type { OpenedSource, SourceChoice } from './ports.ts'
import { foreseenEffects } from './store-foreseen.ts'
import { foretoldEffects } from './store-foretold.ts'
import { runEffects } from './store-run.ts'
import type { State } from './store-state.ts'
import { type EffectPorts, messageOf, tasks } from './store-tasks.ts'
import { triedEffects } from './store-tried.ts'

export interface Effects {
  after(action: Action, before: State): void
  start(choice?: SourceChoice, practice?: Practice): void
  settled(): Promise<void>
  close(): void
}

/** The store publishes what a scan brings at most this often, in milliseconds. */
const PUBLISH_EVERY = 100

export function effectsOf(ports: EffectPorts): Effects {
  const { desk, clock, get, dispatch } = ports
  const { task, settled } = tasks()
  let source: OpenedSource | undefined
  let opening = 0
  let unsubscribe = (): void => {}
  let closed = false
  let firstPractice: Practice | undefined

  async function open(choice: SourceChoice): Promise<void> {
    const turn = ++opening
    try {
      const opened = await desk.open(choice)
      if (turn !== opening || closed) return opened.close()
      letGo()
      source = opened
      dispatch({ type: 'opened', choice, info: opened.info, writesTo: opened.writesTo })
      if (firstPractice !== undefined) dispatch({ type: 'go', to: { at: 'practice', practice: firstPractice } })
      firstPractice = undefined
      follow(opened)
    } catch (error) {
      if (turn === opening) dispatch({ type: 'open-failed', choice, because: messageOf(error) })
    }
  }

  function follow(opened: OpenedSource): void {
    let waiting: (() => void) | undefined
    let last = Number.NEGATIVE_INFINITY
    const publish = (): void => {
      waiting = undefined
      last = clock.now()
      if (source === opened) dispatch({ type: 'scanned', state: opened.scan.state, controls: opened.scan.controls, at: last })
    }
    const stop = opened.scan.subscribe(() => {
      const wait = last + PUBLISH_EVERY - clock.now()
      if (wait <= 0 && waiting === undefined) publish()
      else waiting ??= clock.after(Math.max(1, wait), publish)
    })
    unsubscribe = () => {
      stop()
      waiting?.()
    }
    publish()
    const ended = (because?: string): void => {
      if (source !== opened || closed) return
      waiting?.()
      publish()
      dispatch({ type: 'scan-ended', ...(because !== undefined && { because }) })
    }
    opened.ended.then(
      () => ended(),
      (error) => ended(messageOf(error)),
    )
  }

  function letGo(): void {
    unsubscribe()
    unsubscribe = () => {}
    source?.close()
    source = undefined
  }

  async function plan(): Promise<void> {
    const wanted = get().planned
    if (source === undefined || wanted === undefined) return
    // The screen says "working it out" before a long compilation takes the thread.
    await new Promise<void>((resolve) => void clock.after(0, resolve))
    try {
      const made = await source.plan(wanted.asked, get().values, { oneFirst: wanted.oneFirst === true })
      if (get().planned === wanted) dispatch({ type: 'planned', plan: made })
    } catch (error) {
      if (get().planned === wanted) dispatch({ type: 'plan-failed', because: messageOf(error) })
    }
  }

  async function look(of: string): Promise<void> {
    const opened = source
    const isCurrent = (): boolean => get().look?.of === of && source === opened
    if (opened === undefined) return
    try {
      const { route, planned, values } = get()
      await new Promise<void>((resolve) => void clock.after(0, resolve))
      if (!isCurrent()) return
      const made = route.at === 'finding' ? await opened.plan([route.id], values) : planned?.plan
      const steps: readonly Step[] = route.at === 'step' ? (made?.steps.filter((step) => step.id === route.id) ?? []) : (made?.steps ?? [])
      if (isCurrent()) dispatch({ type: 'looked', of, ...(made && { plan: made }), done: steps.length === 0 })
      for (const [index, step] of steps.entries()) {
        if (!isCurrent()) return
        const result = await opened.preview(step)
        if (isCurrent()) dispatch({ type: 'looked', of, preview: [step.id, result], done: index === steps.length - 1 })
      }
    } catch (error) {
      if (isCurrent()) dispatch({ type: 'looked', of, problem: messageOf(error), done: true })
    }
  }

  async function readHistory(): Promise<void> {
    try {
      dispatch({ type: 'history', runs: await desk.history() })
    } catch (error) {
      dispatch({ type: 'history', runs: [], problem: messageOf(error) })
    }
  }

  const run = runEffects({ ...ports, source: () => source, readHistory: () => void task(readHistory()) })
  const tryRemovals = triedEffects(ports, task)
  const foresee = foreseenEffects({ ...ports, source: () => source }, task)
  const foretell = foretoldEffects(ports, task)
  let ticking: { readonly at: number; readonly cancel: () => void } | undefined

  /** One timer for the next thing that is over, none when there is nothing. */
  function tickWhenDue(state: State): void {
    const { toast, scan } = state
    const times = [
      ...(toast === undefined ? [] : [toast.until]),
      ...(scan?.fresh.values().map((one) => one.until) ?? []),
      ...nextSecond(state),
    ]
    const next = times.length === 0 ? undefined : Math.min(...times)
    if (ticking?.at === next || closed) return
    ticking?.cancel()
    ticking =
      next === undefined
        ? undefined
        : {
            at: next,
            cancel: clock.after(Math.max(1, next - clock.now()), () => {
              ticking = undefined
              dispatch({ type: 'tick', at: clock.now() })
            }),
          }
  }

  return {
    after(action, before) {
      const now = get()
      if (action.type === 'open') void task(open(action.choice))
      else if (
        action.type === 'accept' &&
        before.overlay?.is === 'entry' &&
        before.overlay.of === 'path' &&
        before.overlay.text.trim() !== ''
      )
        dispatch({ type: 'open', choice: { kind: 'manifests', path: before.overlay.text.trim() } })
      else if (
        now.planned !== undefined &&
        now.planned !== before.planned &&
        now.planned.plan === undefined &&
        now.planned.problem === undefined
      )
        void task(plan())
      run.after(action, before)
      tryRemovals()
      foresee()
      foretell()
      if (now.toast !== before.toast || now.scan?.fresh !== before.scan?.fresh || now.running !== before.running) tickWhenDue(now)
      const of = lookKey(now)
      if (of !== undefined && now.look?.of !== of) {
        dispatch({ type: 'looking', of })
        void task(look(of))
      }
    },
    start(choice, practice) {
      firstPractice = practice
      void task(
        desk.contexts().then(
          (list) => dispatch({ type: 'contexts', list }),
          (error) => dispatch({ type: 'contexts', list: { contexts: [], problem: messageOf(error) } }),
        ),
      )
      void task(readHistory())
      if (choice !== undefined) dispatch({ type: 'open', choice })
    },
    settled,
    close() {
      closed = true
      ticking?.cancel()
      letGo()
    },
  }
}

/** While a step is worked on its seconds are counted. */
function nextSecond(state: State): readonly number[] {
  const worked = isWorking(state) ? state.running?.worked : undefined
  return worked === undefined ? [] : [worked.now + 1_000 - ((worked.now - worked.since) % 1_000)]
}

/** What is being looked at, and with which values: a new key means working it out anew. */
function lookKey({ route, scan, values, planned, running }: State): string | undefined {
  if (running !== undefined && running.ended === undefined) return undefined
  if (route.at === 'step') return planned?.plan === undefined ? undefined : `step:${route.id}:${planned.plan.digest}`
  const finding = route.at === 'finding' ? scan?.findings.get(route.id) : undefined
  if (finding === undefined) return undefined
  return `finding:${finding.id}:${finding.reason}:${finding.detail ?? ''}:${JSON.stringify(values[finding.control] ?? {})}`
}
