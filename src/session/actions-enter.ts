/** What enter, and a button, mean where the selection stands. Enter opens; it never writes unless a button that says so has the focus. */
import type { ControlId, FindingId, Practice, RunId, StepId } from '../model/index.ts'
import type { Action } from './actions.ts'
import { namespaceOfEnd } from './connectivity.ts'
import { networkFindings } from './network-findings.ts'
import { selectedKey } from './rows.ts'
import { buttonsOf } from './rows-apply.ts'
import { wayFindings } from './rows-escalations.ts'
import { labelFindings } from './rows-ladder.ts'
import { groupFindings, shownFindings } from './rows-practice.ts'
import { holderOf } from './rows-who-can.ts'
import { type Asked, type State, valueText } from './store-state.ts'

/** A question ignores everything for this long, in milliseconds: what was typed before it appeared is no answer to it. */
export const QUIET_FOR = 300

export function isQuiet(state: State, now: number): boolean {
  const since =
    state.overlay?.is === 'confirm'
      ? state.overlay.since
      : state.overlay === undefined && state.route.at === 'apply'
        ? state.running?.asking?.since
        : undefined
  return since !== undefined && now - since < QUIET_FOR
}

const split = (key: string): readonly [string, string] => [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)]

export function enter(state: State): Action | undefined {
  const key = selectedKey(state)
  if (key === undefined) return undefined
  const holder = holderOf(key)
  if (holder !== undefined) return { type: 'go', to: { at: 'holder', ...holder } }
  const [is, id] = key.includes(':') ? split(key) : [key, '']
  switch (is) {
    case 'context':
      return isOpenContext(state, id) ? { type: 'go', to: { at: 'overview' } } : { type: 'open', choice: { kind: 'live', context: id } }
    case 'path':
      return {
        type: 'overlay',
        overlay: { is: 'entry', of: 'path', text: state.source?.choice.kind === 'manifests' ? state.source.choice.path : '' },
      }
    case 'sample':
      return state.source?.choice.kind === 'sample' ? { type: 'go', to: { at: 'overview' } } : { type: 'open', choice: { kind: 'sample' } }
    case 'gaps':
      return { type: 'go', to: { at: 'gaps' } }
    case 'practice':
      return { type: 'go', to: { at: 'practice', practice: id as Practice } }
    case 'rung':
      return { type: 'go', to: { at: 'rung', namespace: id } }
    case 'net':
      return { type: 'go', to: { at: 'matrix', namespace: id } }
    case 'end':
      return { type: 'go', to: { at: 'reach', end: id } }
    case 'way':
      return { type: 'go', to: { at: 'escalation', subject: id } }
    case 'hop':
      return hopOpened(id)
    case 'ask':
      return asking(state, id as keyof Asked)
    case 'finding':
      return { type: 'go', to: { at: 'finding', id: id as FindingId } }
    case 'control':
      return { type: 'go', to: { at: 'control', id } }
    case 'group':
      return { type: 'turn', group: id }
    case 'choose':
      return { type: 'go', to: { at: 'choose', control: split(id)[0] } }
    case 'choice':
      return choiceMade(state, id)
    case 'type':
      return typing(state, id)
    case 'run':
      return { type: 'go', to: { at: 'run', id: id as RunId } }
    case 'step':
      return state.route.at === 'plan' ? { type: 'go', to: { at: 'step', id: id as StepId } } : undefined
    default:
      return undefined
  }
}

const isOpenContext = ({ source }: State, context: string): boolean => source?.choice.kind === 'live' && source.choice.context === context

function choiceMade(state: State, id: string): Action | undefined {
  if (state.route.at !== 'choose') return undefined
  const equals = id.indexOf('=')
  return { type: 'choose', control: state.route.control, option: id.slice(0, equals), value: id.slice(equals + 1) }
}

function typing(state: State, option: string): Action | undefined {
  if (state.route.at !== 'choose') return undefined
  const { control } = state.route
  return { type: 'overlay', overlay: { is: 'entry', of: 'value', control, option, text: valueText(state.values[control]?.[option]) } }
}

/** `1:FINDING`, without the finding where there is none. */
function hopOpened(id: string): Action | undefined {
  const [, finding] = split(id)
  return finding === '' ? undefined : { type: 'go', to: { at: 'finding', id: finding as FindingId } }
}

const asking = ({ asked }: State, field: keyof Asked): Action => ({
  type: 'overlay',
  overlay: { is: 'entry', of: 'question', field, text: asked[field] },
})

/** The control whose fix is being looked at, for its choices. */
export function controlHere(state: State): ControlId | undefined {
  const { route } = state
  if (route.at !== 'finding' && route.at !== 'ladder' && route.at !== 'rung') return undefined
  const [finding] = findingsHere(state)
  return finding === undefined ? undefined : state.scan?.findings.get(finding)?.control
}

/** The findings a mark here is about: the selected one, or all of a group. */
export function findingsHere(state: State): readonly FindingId[] {
  const { route, scan } = state
  if (route.at === 'finding') return scan?.findings.has(route.id) ? [route.id] : []
  if (route.at === 'rung') return labelFindings(scan, route.namespace)
  if (route.at === 'escalation') return wayFindings(scan, route.subject)
  if (route.at === 'matrix') return networkFindings(scan, route.namespace)
  if (route.at === 'reach') return networkFindings(scan, namespaceOfEnd(route.end))
  const key = selectedKey(state)
  if (key === undefined || scan === undefined) return []
  const [is, id] = split(key)
  if (is === 'finding') return scan.findings.has(id as FindingId) ? [id as FindingId] : []
  if (is === 'way') return wayFindings(scan, id)
  if (is === 'net') return networkFindings(scan, id)
  if (is === 'rung') return labelFindings(scan, id)
  return is === 'group' && route.at === 'practice' ? groupFindings(state, route.practice, id) : []
}

/** What "all" means here: what the filter leaves, or everything of one's own. */
export function allHere(state: State): readonly FindingId[] {
  if (state.route.at === 'practice') return shownFindings(state, state.route.practice)
  if (state.route.at === 'ladder') return labelFindings(state.scan)
  if (state.route.at === 'escalations') return wayFindings(state.scan)
  if (state.route.at === 'connectivity' || state.route.at === 'matrix' || state.route.at === 'reach') return networkFindings(state.scan)
  return (
    state.scan?.findings
      .values()
      .filter((finding) => finding.origin === 'workload' && !finding.excepted)
      .map((finding) => finding.id)
      .toArray() ?? []
  )
}

/** The focused button of a question, pressed at `now`. */
export function press(state: State, now: number): Action | undefined {
  if (isQuiet(state, now)) return undefined
  const { overlay, running } = state
  if (overlay?.is === 'confirm') {
    if (!overlay.yes) return { type: 'overlay' }
    return overlay.about === 'stop' ? { type: 'stop' } : { type: 'undo', run: overlay.run, ...(overlay.steps && { steps: overlay.steps }) }
  }
  const asking = running?.asking
  if (asking === undefined) return undefined
  if (asking.focus !== 'typed')
    return buttonsOf(running!).some((button) => button.id === asking.focus) ? { type: 'answer', answer: asking.focus } : undefined
  return asking.typed !== '' && asking.typed === running?.steps.find((step) => step.id === asking.step)?.word
    ? { type: 'answer', answer: 'apply' }
    : { type: 'mistyped' }
}
