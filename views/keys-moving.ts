/** Keys that move, open and go back; and those that work everywhere. */
import { PRACTICES } from '../src/engine/score.ts'
import type { Action } from '../src/session/actions.ts'
import { enter } from '../src/session/actions-enter.ts'
import { isRunning } from '../src/session/actions-run.ts'
import { type Binding, bind, noSource, PLACES } from './key-binding.ts'

const { EVERYWHERE, FIELDS, LISTS, LOOKING, MOVING, SCREENS } = PLACES
const BACK = 'esc left h backspace'
const move = (by: number) => (): Action => ({ type: 'move', by })
const column = (by: number) => (): Action => ({ type: 'column', by })
const page = (by: number) => (): Action => ({ type: 'page', by })

export const MOVING_KEYS: readonly Binding[] = [
  bind('down j', MOVING, 'move or scroll down', move(1)),
  bind('up k', MOVING, 'move or scroll up', move(-1)),
  bind('pagedown ctrl-f', MOVING, 'move one page down', page(1)),
  bind('pagedown ctrl-f', ['typed'], 'read on, without leaving the field', page(1), { hint: ['read on', 3] }),
  bind('pageup ctrl-b', [...MOVING, 'typed'], 'move one page up', page(-1)),
  bind('ctrl-d', MOVING, 'move half a page down', page(0.5)),
  bind('ctrl-u', MOVING, 'move half a page up', page(-0.5)),
  bind('home g', MOVING, 'go to the top', () => ({ type: 'edge', to: 'first' })),
  bind('end G', MOVING, 'go to the end', () => ({ type: 'edge', to: 'last' })),
  bind('down', FIELDS, 'move down without leaving the field', move(1)),
  bind('up', FIELDS, 'move up without leaving the field', move(-1)),
  bind(
    'enter right l',
    LISTS.filter((place) => place !== 'matrix' && place !== 'choose'),
    'open what is selected; never writes',
    enter,
    {
      hint: ['open', 1],
      off: (state) => (enter(state) === undefined ? 'there is nothing to open' : undefined),
    },
  ),
  bind('enter right l', ['choose'], 'pick the choice, or type the value', enter, { hint: ['pick', 1] }),
  bind('enter', ['matrix'], 'show who reaches the selected workload, and whom it reaches', enter, {
    hint: ['its list', 1],
    off: (state) => (enter(state) === undefined ? 'there is nothing to open' : undefined),
  }),
  bind('right l', ['matrix'], 'look at the next column', column(1), { hint: ['column', 2] }),
  bind('left h', ['matrix'], 'look at the column before', column(-1)),
  bind('>', ['matrix'], 'go so many columns to the right as are in sight', column(2), { hint: ['columns', 5] }),
  bind('<', ['matrix'], 'go so many columns to the left as are in sight', column(-2)),
  bind('esc backspace', ['matrix'], 'go back', () => ({ type: 'back' }), { hint: ['back', 3] }),
  bind(
    BACK,
    SCREENS.filter((place) => place !== 'practice' && place !== 'matrix'),
    'go back',
    () => ({ type: 'back' }),
    {
      hint: ['back', 3],
      off: (state) => (state.trail.length === 0 ? 'this is the first screen' : undefined),
    },
  ),
  bind(
    BACK,
    ['practice'],
    'clear the filter, or go back',
    ({ filter }) => (filter.text !== '' || filter.least !== undefined ? { type: 'clear-filter' } : { type: 'back' }),
    {
      hint: ['back', 3],
    },
  ),
  bind(
    '1 2 3 4 5 6',
    LOOKING,
    'go to that practice',
    (_, __, key) => ({ type: 'go', to: { at: 'practice', practice: PRACTICES[Number(key) - 1]! } }),
    {
      off: noSource,
    },
  ),
  bind('] tab', ['practice'], 'go to the next practice', () => ({ type: 'next-practice', by: 1 }), { hint: ['next practice', 8] }),
  bind('[ shift-tab', ['practice'], 'go to the practice before', () => ({ type: 'next-practice', by: -1 })),
]

const askToStop = (now: number): Action => ({ type: 'overlay', overlay: { is: 'confirm', about: 'stop', since: now, yes: false } })

export const LEAVING_KEYS: readonly Binding[] = [
  bind('? esc enter left', ['help'], 'close the help', () => ({ type: 'overlay' }), { hint: ['close', 0] }),
  bind('q', [...SCREENS, 'too-small'], 'quit the wizard', (state) => ({ type: 'leave', code: state.leaveWith ?? 0 }), {
    hint: ['quit', 0],
  }),
  // The help of a run leads no other way out than the run itself.
  bind('q', ['help'], 'quit the wizard', (state, now) => (isRunning(state) ? askToStop(now) : { type: 'leave', code: 0 }), {
    hint: ['quit', 0],
  }),
  bind('q esc', ['apply'], 'stop the run; asks first', (_, now) => askToStop(now), { hint: ['stop', 0] }),
  bind('ctrl-c', EVERYWHERE, 'quit; during a run: stop after the step in flight, a second time at once', (state) => ({
    type: 'leave',
    code: 130,
    ...(state.leaveWith !== undefined && { now: true as const }),
  })),
  bind('ctrl-z', EVERYWHERE, 'go back to the shell for a while (fg returns)', () => 'suspend'),
]
