/** Which single removal stops most ways to cluster-admin: tried out while the escalation screens are shown, one at a time between key presses. */
import { type RbacGraph, rbacGraph } from '../objects/rbac-graph.ts'
import { type Cut, ranked, triedCuts } from '../objects/rbac-graph-cuts.ts'
import { isRunning } from './actions-run.ts'
import type { Scan, State } from './store-state.ts'
import { type EffectPorts, messageOf } from './store-tasks.ts'

/** By graph, which lives for as long as nothing changes that ways depend on, and by subject. */
const known = new WeakMap<RbacGraph, Map<string, readonly Cut[]>>()

interface Going {
  readonly scan: Scan
  readonly graph: RbacGraph
  readonly of: string
}

/** To be called after every action: begins anew where another graph or another subject is on the screen. */
export function triedEffects({ get, dispatch, clock }: EffectPorts, task: (work: Promise<void>) => Promise<void>): () => void {
  let going: Going | undefined

  async function tryOut(mine: Going): Promise<void> {
    const { scan, graph, of } = mine
    const cuts: Cut[] = []
    const removals = triedCuts(scan.snapshot, graph, of === '' ? undefined : of)
    try {
      for (;;) {
        await new Promise<void>((resolve) => void clock.after(0, resolve))
        if (going !== mine || wanted(get())?.of !== of) return
        const { value, done } = removals.next()
        if (done === true) break
        cuts.push(value)
        dispatch({ type: 'tried', number: cuts.length })
      }
      const best = ranked(cuts)
      known.set(graph, (known.get(graph) ?? new Map<string, readonly Cut[]>()).set(of, best))
      dispatch({ type: 'tried', number: cuts.length, cuts: best })
    } catch (error) {
      if (going === mine) dispatch({ type: 'tried', number: cuts.length, problem: messageOf(error) })
    } finally {
      if (going === mine) going = undefined
    }
  }

  return () => {
    const now = wanted(get())
    if (now === undefined) return
    const { scan, of } = now
    const graph = rbacGraph(scan.snapshot)
    const { tried } = get()
    const isHere = (one: { readonly graph: RbacGraph; readonly of: string } | undefined) => one?.graph === graph && one.of === of
    if (isHere(going) || (isHere(tried) && tried?.ended === true)) return
    const before = known.get(graph)?.get(of)
    if (before === undefined) going = { scan, graph, of }
    dispatch({ type: 'trying', graph, of, ...(before !== undefined && { cuts: before }) })
    if (going?.graph === graph && going.of === of) void task(tryOut(going))
  }
}

/** The subject whose ways are looked at, '' for everybody's. Half of a cluster looks different. */
function wanted(state: State): { readonly scan: Scan; readonly of: string } | undefined {
  const { route, scan } = state
  if (scan?.synced !== true || isRunning(state)) return undefined
  return route.at === 'escalations' ? { scan, of: '' } : route.at === 'escalation' ? { scan, of: route.subject } : undefined
}
