import { PRACTICES } from '../engine/score.ts'
import type { MoveAction } from './actions.ts'
import { isPassing, type Route, routeKey } from './route.ts'
import { layoutOf, positionOf, rowsOf } from './rows.ts'
import { edge, moved, settled } from './rows-window.ts'
import type { Position, State } from './store-state.ts'

/** Where we are, and where in it. */
export function move(state: State, action: MoveAction): State {
  switch (action.type) {
    case 'size':
      // The help is as long as it was laid out.
      return { ...(state.overlay?.is === 'help' ? closed(state) : state), size: action.size }
    case 'go':
      return go(state, action.to)
    case 'back':
      return back(state)
    case 'move':
      return by(state, action.by)
    case 'page':
      return by(state, Math.trunc(action.by * Math.max(2, layoutOf(state).list.rows - 1)))
    case 'edge':
      return toEdge(state, action.to)
    case 'next-practice':
      return nextPractice(state, action.by)
    case 'overlay':
      return action.overlay === undefined ? closed(state) : { ...state, overlay: action.overlay }
    case 'blank':
      return { ...state, isBlank: action.on }
    case 'toast':
      return { ...state, toast: action.toast }
    case 'tick':
      return tick(state, action.at)
  }
}

export const closed = ({ overlay: _, ...state }: State): State => state

/** Going to a screen that we came from goes back to it, so that the trail never loops; practices stand side by side. */
export function go(state: State, to: Route): State {
  const known = state.trail.findIndex((route) => routeKey(route) === routeKey(to))
  const isBeside =
    routeKey(to) === routeKey(state.route) || isPassing(state.route) || (to.at === 'practice' && state.route.at === 'practice')
  const trail = known >= 0 ? state.trail.slice(0, known) : isBeside ? state.trail : [...state.trail, state.route]
  return { ...closed(state), route: to, trail }
}

export function back(state: State): State {
  const before = state.trail.at(-1)
  return before === undefined ? closed(state) : { ...closed(state), route: before, trail: state.trail.slice(0, -1) }
}

function at(state: State, position: Position | undefined): State {
  return position === undefined ? state : { ...state, positions: { ...state.positions, [routeKey(state.route)]: position } }
}

function by(state: State, rows: number): State {
  if (state.overlay?.is === 'help') return { ...state, overlay: { ...state.overlay, top: helpTop(state, state.overlay.top + rows) } }
  return at(state, moved(rowsOf(state), layoutOf(state).list.rows, positionOf(state), rows))
}

function toEdge(state: State, to: 'first' | 'last'): State {
  if (state.overlay?.is === 'help')
    return { ...state, overlay: { ...state.overlay, top: helpTop(state, to === 'first' ? 0 : Number.POSITIVE_INFINITY) } }
  return at(state, edge(rowsOf(state), layoutOf(state).list.rows, to))
}

const helpTop = (state: State, top: number): number =>
  Math.max(0, Math.min(top, (state.overlay?.is === 'help' ? state.overlay.length : 0) - layoutOf(state).body.rows))

function nextPractice(state: State, step: 1 | -1): State {
  if (state.route.at !== 'practice') return state
  const index = (PRACTICES.indexOf(state.route.practice) + step + PRACTICES.length) % PRACTICES.length
  return { ...state, route: { at: 'practice', practice: PRACTICES[index]! } }
}

function tick(state: State, now: number): State {
  const { toast, scan } = state
  const next = toast !== undefined && toast.until <= now ? withoutToast(state) : state
  if (scan === undefined || !scan.fresh.values().some((one) => one.until <= now)) return next
  const fresh = new Map(scan.fresh.entries().filter(([, one]) => one.until > now))
  const gone = new Map(scan.gone.entries().filter(([id]) => fresh.has(id)))
  return { ...hold(next), scan: { ...scan, fresh, gone: gone.size === scan.gone.size ? scan.gone : gone } }
}
const withoutToast = ({ toast: _, ...state }: State): State => state

/** Before rows come or go: remember where the selection stands on the screen, so that it stays there. */
export const hold = (state: State): State => at(state, settled(rowsOf(state), layoutOf(state).list.rows, positionOf(state)))
