import type { Severity } from '../model/index.ts'
import type { ChooseAction, TypeAction } from './actions.ts'
import { closed, hold } from './actions-move.ts'
import { again } from './actions-plan.ts'
import type { Asked, Grouping, State } from './store-state.ts'
import { eachGrapheme, sanitize } from './text.ts'

const GROUPINGS: readonly Grouping[] = ['check', 'object', 'owner']
const LEAST: readonly (Severity | undefined)[] = [undefined, 'medium', 'high', 'critical']

/** Which findings are shown and marked, and what is chosen for their fix. */
export function choose(state: State, action: ChooseAction): State {
  const { filter } = state
  switch (action.type) {
    case 'mark': {
      const all = action.findings.every((id) => state.marked.has(id))
      const marked = new Set(state.marked)
      for (const id of action.findings)
        if (all) marked.delete(id)
        else marked.add(id)
      return { ...state, marked }
    }
    case 'turn':
      return { ...hold(state), filter: { ...filter, turned: toggled(filter.turned, action.group) } }
    case 'group-by':
      return { ...hold(state), filter: { ...filter, by: GROUPINGS[(GROUPINGS.indexOf(filter.by) + 1) % GROUPINGS.length]! } }
    case 'least':
      return { ...hold(state), filter: { ...filter, least: LEAST[(LEAST.indexOf(filter.least) + 1) % LEAST.length] } }
    // A plan made with other values is no longer the plan.
    case 'choose':
      return {
        ...state,
        ...(state.planned && { planned: again(state.planned) }),
        values: { ...state.values, [action.control]: { ...state.values[action.control], [action.option]: action.value } },
      }
    case 'clear-filter':
      return { ...hold(state), filter: { ...filter, text: '', least: undefined } }
  }
}

function toggled<T>(set: ReadonlySet<T>, one: T): ReadonlySet<T> {
  const next = new Set(set)
  if (!next.delete(one)) next.add(one)
  return next
}

/** Typing: into a field of the overlay, or the word that confirms a risky step. A filter narrows at once. */
export function type(state: State, action: TypeAction): State {
  switch (action.type) {
    case 'typed':
      return withText(state, (text) => text + sanitize(action.text))
    case 'erased':
      return withText(state, (text) => eachGrapheme(text).slice(0, -1).join(''))
    case 'cleared':
      return withText(state, () => '')
    case 'accept':
      return accept(state)
  }
}

function withText(state: State, edit: (text: string) => string): State {
  const { overlay, running } = state
  if (overlay?.is === 'entry') {
    const text = edit(overlay.text).slice(0, 1_000)
    const next = { ...state, overlay: { ...overlay, text } }
    return overlay.of === 'filter' ? { ...hold(next), filter: { ...state.filter, text } } : next
  }
  if (overlay === undefined && running?.asking?.focus === 'typed') {
    return {
      ...state,
      running: { ...running, asking: { ...running.asking, typed: edit(running.asking.typed).slice(0, 300), wrong: false } },
    }
  }
  return state
}

function accept(state: State): State {
  const { overlay } = state
  if (overlay?.is !== 'entry') return state
  const value = overlay.text.trim()
  if (overlay.of === 'question') return asked(state, overlay.field, value)
  if (overlay.of !== 'value') return closed(state)
  return value === ''
    ? closed(state)
    : choose(closed(state), { type: 'choose', control: overlay.control, option: overlay.option, value: typedValue(value) })
}

/** A question always has a verb and a resource; without a namespace it is about all, without a name about any. */
function asked(state: State, field: keyof Asked, value: string): State {
  const needed = field === 'verb' || field === 'resource'
  return needed && value === '' ? closed(state) : { ...closed(state), asked: { ...state.asked, [field]: value } }
}

/** What reads as JSON is taken as such, everything else as a string: the same rule as `--set`. */
export function typedValue(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
