/** What the fixes of the findings about policies would change: planned while the connectivity screens ask for it and no plan of policies is there. */
import type { FindingId } from '../model/index.ts'
import { isRunning } from './actions-run.ts'
import { plansPolicies } from './connectivity-sight.ts'
import { networkFindings } from './network-findings.ts'
import type { OpenedSource } from './ports.ts'
import type { State } from './store-state.ts'
import { type EffectPorts, messageOf } from './store-tasks.ts'

/** To be called after every action: begins anew where other findings are open, or other values chosen. */
export function foreseenEffects(
  { get, dispatch, clock, source }: EffectPorts & { readonly source: () => OpenedSource | undefined },
  task: (work: Promise<void>) => Promise<void>,
): () => void {
  async function plan(of: string, findings: readonly FindingId[]): Promise<void> {
    // The screen says "working it out" before a long compilation takes the thread.
    await new Promise<void>((resolve) => void clock.after(0, resolve))
    const opened = source()
    if (opened === undefined || get().foreseen?.of !== of) return
    try {
      dispatch({ type: 'foreseen', of, plan: await opened.plan(findings, get().values) })
    } catch (error) {
      dispatch({ type: 'foreseen', of, problem: messageOf(error) })
    }
  }

  return () => {
    const state = get()
    const findings = wanted(state)
    if (findings === undefined) return
    const of = `${findings.join(' ')} ${JSON.stringify(state.values)}`
    if (state.foreseen?.of === of) return
    dispatch({ type: 'foreseeing', of, findings })
    void task(plan(of, findings))
  }
}

function wanted(state: State): readonly FindingId[] | undefined {
  const { route, scan, connectivity } = state
  const isHere = route.at === 'connectivity' || route.at === 'matrix' || route.at === 'reach'
  if (!isHere || connectivity.show === 'now' || scan?.synced !== true || isRunning(state) || plansPolicies(state)) return undefined
  return networkFindings(scan)
}
