import type { ConnectivityAction } from './actions.ts'
import { SHOWS } from './connectivity.ts'
import { sightOf } from './connectivity-sight.ts'
import { isSame } from './network-foretold.ts'
import { GUTTER } from './rows.ts'
import { gridOf, shapeOf } from './rows-matrix.ts'
import type { State } from './store-state.ts'

/** How the connectivity screens are looked at. */
export function connect(state: State, action: ConnectivityAction): State {
  const { connectivity, foreseen } = state
  switch (action.type) {
    case 'column':
      return column(state, action.by)
    case 'show-next':
      return { ...state, connectivity: { ...connectivity, show: SHOWS[(SHOWS.indexOf(connectivity.show) + 1) % SHOWS.length]! } }
    case 'foreseeing':
      return { ...state, foreseen: { of: action.of, findings: action.findings } }
    case 'foretelling': {
      const { foretold: before } = state
      const kept = before !== undefined && isSame(before.steps, action.steps) ? before : {}
      return { ...state, foretold: { ...kept, steps: action.steps, done: action.done } }
    }
    case 'foretold':
      return { ...state, foretold: { steps: action.steps, told: action.told, of: action.snapshot } }
    case 'foreseen':
      return foreseen?.of !== action.of
        ? state
        : {
            ...state,
            foreseen: {
              ...foreseen,
              ...(action.plan && { plan: action.plan }),
              ...(action.problem !== undefined && { problem: action.problem }),
            },
          }
  }
}

/** The window follows the column, and moves no more than it has to. */
function column(state: State, by: number): State {
  const { route, connectivity } = state
  const sight = sightOf(state)
  if (route.at !== 'matrix' || typeof sight === 'string') return state
  const grid = gridOf(sight.matrix, route.namespace)
  const width = state.size.columns - GUTTER
  const before = shapeOf(grid, state, width)
  const pages = Math.abs(by) > 1 ? Math.sign(by) * before.shown : by
  const to = grid.ends[Math.max(0, Math.min(grid.ends.length - 1, before.column + pages))]
  if (to === undefined) return state
  const next: State = { ...state, connectivity: { ...connectivity, column: to.id, left: before.left } }
  return { ...next, connectivity: { ...next.connectivity, left: shapeOf(grid, next, width).left } }
}
