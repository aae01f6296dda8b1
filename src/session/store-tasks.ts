import type { Approval, Plan, StepId } from '../model/index.ts'
import type { Action } from './actions.ts'
import type { Clock, Desk } from './ports.ts'
import type { State } from './store-state.ts'

/** Makes an approval out of what the operator did; session/approve.ts is the only one that can. */
export type Grant = (plan: Plan, steps: readonly StepId[], by: string) => Approval

/** What effects may use: the ports, and the store they report to. */
export interface EffectPorts {
  readonly desk: Desk
  readonly clock: Clock
  readonly grant: Grant
  get(): State
  dispatch(action: Action): void
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Counts what is in flight, so that a test can wait until the wizard is idle instead of sleeping. */
export function tasks(): { readonly task: (work: Promise<void>) => Promise<void>; readonly settled: () => Promise<void> } {
  const inFlight = new Set<Promise<void>>()
  const task = (work: Promise<void>): Promise<void> => {
    const counted: Promise<void> = work.finally(() => inFlight.delete(counted))
    inFlight.add(counted)
    return counted
  }
  const settled = async (): Promise<void> => {
    while (inFlight.size > 0) await Promise.allSettled(inFlight)
  }
  return { task, settled }
}
