import type { Action } from './actions.ts'
import { choose, type } from './actions-choose.ts'
import { connect } from './actions-connectivity.ts'
import { move } from './actions-move.ts'
import { plan } from './actions-plan.ts'
import { leave, running, worked } from './actions-run.ts'
import { source } from './actions-scan.ts'
import type { State } from './store-state.ts'

/** The whole wizard as a pure function: every topic has its own. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'size':
    case 'go':
    case 'back':
    case 'move':
    case 'page':
    case 'edge':
    case 'next-practice':
    case 'overlay':
    case 'toast':
    case 'blank':
      return move(state, action)
    case 'tick':
      return worked(move(state, action), action.at)
    case 'typed':
    case 'erased':
    case 'cleared':
    case 'accept':
      return type(state, action)
    case 'contexts':
    case 'open':
    case 'opened':
    case 'open-failed':
    case 'scanned':
    case 'scan-ended':
      return source(state, action)
    case 'mark':
    case 'turn':
    case 'group-by':
    case 'least':
    case 'choose':
    case 'clear-filter':
      return choose(state, action)
    case 'plan':
    case 'planned':
    case 'plan-failed':
    case 'toggle-step':
    case 'toggle-all-steps':
    case 'take-by-risk':
    case 'one-first':
    case 'looking':
    case 'looked':
    case 'trying':
    case 'tried':
      return plan(state, action)
    case 'column':
    case 'show-next':
    case 'foreseeing':
    case 'foreseen':
    case 'foretelling':
    case 'foretold':
      return connect(state, action)
    case 'begin':
    case 'undo':
    case 'run-event':
    case 'asked':
    case 'focus':
    case 'mistyped':
    case 'answer':
    case 'stop':
    case 'run-ended':
    case 'history':
      return running(state, action)
    case 'leave':
      return leave(state, action)
  }
}
