/** State → rows to show. Which screen shows what; the rows themselves are in rows-*.ts. */
import type { FindingId } from '../model/index.ts'
import { type Layout, layout } from './layout.ts'
import { type Place, routeKey } from './route.ts'
import { changeRows, questionHeight, runRows } from './rows-apply.ts'
import { chooseRows } from './rows-choose.ts'
import { connectRows } from './rows-connect.ts'
import { connectivityRows } from './rows-connectivity.ts'
import { escalationRows } from './rows-escalation.ts'
import { escalationsRows } from './rows-escalations.ts'
import { controlRows, findingGist, findingRows } from './rows-finding.ts'
import { gapRows } from './rows-gaps.ts'
import { historyRows, pastRunRows } from './rows-history.ts'
import { ladderRows, rungRows } from './rows-ladder.ts'
import { blank, type Line, prose, type Row, row } from './rows-line.ts'
import { matrixFoot, matrixHead, matrixRows } from './rows-matrix.ts'
import { outcomeRows } from './rows-outcome.ts'
import { overviewRows } from './rows-overview.ts'
import { planRows, stepScreenRows } from './rows-plan.ts'
import { groupGist, practiceRows } from './rows-practice.ts'
import { reachRows } from './rows-reach.ts'
import { holderRows, whoCanRows } from './rows-who-can.ts'
import { visible } from './rows-window.ts'
import type { Position, State } from './store-state.ts'

/** Columns before each row: the selection mark. */
export const GUTTER = 2

export const layoutOf = (state: State): Layout =>
  layout(state.size, state.route, {
    question: questionHeight(state.running),
    steps: state.running?.steps.length ?? 0,
    head: headOf(state).length,
  })
/** Above the matrix, always in sight. */
export const headOf = (state: State): readonly Line[] =>
  state.route.at === 'matrix' ? matrixHead(state, state.route.namespace, state.size.columns - GUTTER) : []
/** Below it. */
export const footOf = (state: State): readonly Line[] =>
  state.route.at === 'matrix'
    ? matrixFoot(state, state.route.namespace, selectedKey(state), state.size.columns - GUTTER, layoutOf(state).bottom)
    : []
export const positionOf = (state: State): Position | undefined => state.positions[routeKey(state.route)]

let known: { readonly of: readonly unknown[]; readonly rows: readonly Row[] } | undefined

/** All rows of the screen's list or text. The same rows again while nothing they show has changed. */
export function rowsOf(state: State): readonly Row[] {
  const width = Math.max(10, layoutOf(state).list.columns - GUTTER)
  const of = [
    state.route,
    width,
    state.scan,
    state.filter,
    state.planned,
    state.look,
    state.running,
    state.history,
    state.connecting,
    state.values,
    state.source,
    state.asked,
    state.tried,
    state.connectivity,
    state.foreseen,
    state.foretold,
  ]
  if (known === undefined || known.of.some((part, index) => part !== of[index])) known = { of, rows: built(state, width) }
  return known.rows
}

/** A screen that cannot be put together must not take the keys with it: it says so, and one can go back or quit. */
function built(state: State, width: number): readonly Row[] {
  try {
    return build(state, width)
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return [
      row({ text: 'This screen broke; that is a fault of k8s-harden. Nothing was written by it.', tone: 'fail' }),
      blank,
      ...prose(told, width, { indent: 0, tone: 'dim' }),
    ]
  }
}

function build(state: State, width: number): Row[] {
  const { route } = state
  switch (route.at) {
    case 'connect':
      return connectRows(state, width)
    case 'overview':
      return overviewRows(state, width)
    case 'practice':
      return practiceRows(state, route.practice, width)
    case 'finding':
      return findingRows(state, route.id, width)
    case 'control':
      return controlRows(state, route.id, width)
    case 'gaps':
      return gapRows(state, width)
    case 'ladder':
      return ladderRows(state)
    case 'rung':
      return rungRows(state, route.namespace, width)
    case 'who-can':
      return whoCanRows(state, width)
    case 'holder':
      return holderRows(state, route, width)
    case 'escalations':
      return escalationsRows(state, width)
    case 'escalation':
      return escalationRows(state, route.subject, width)
    case 'connectivity':
      return connectivityRows(state, width)
    case 'matrix':
      return matrixRows(state, route.namespace, width)
    case 'reach':
      return reachRows(state, route.end, width)
    case 'choose':
      return chooseRows(state, route.control, width)
    case 'plan':
      return planRows(state, width)
    case 'step':
      return stepScreenRows(state, route.id, width)
    case 'apply':
      return state.running === undefined ? [] : changeRows(state.running, width)
    case 'outcome':
      return outcomeRows(state, width)
    case 'history':
      return historyRows(state, width)
    case 'run':
      return pastRunRows(state, route.id, width)
  }
}

/** The steps above the change on the apply screen. */
export const stepsOf = (state: State): Row[] => (state.running === undefined ? [] : runRows(state.running))

/** Key of the selected row; undefined on screens of running text. */
export function selectedKey(state: State): string | undefined {
  const rows = rowsOf(state)
  const { selected } = visible(rows, layoutOf(state).list.rows, positionOf(state))
  return selected === undefined ? undefined : rows[selected]?.key
}

export function selectedFinding(state: State): FindingId | undefined {
  if (state.route.at === 'finding') return state.route.id
  const key = selectedKey(state)
  const id = key?.startsWith('finding:') ? key.slice('finding:'.length) : key?.startsWith('choose:') ? key.split(':')[2] : undefined
  return id as FindingId | undefined
}

/** What is selected, explained in a pane of its own where there is room. */
export function detailRows(state: State, width: number): Row[] {
  const key = selectedKey(state)
  if (key?.startsWith('control:')) return controlRows(state, key.slice('control:'.length), width)
  const id = selectedFinding(state)
  if (id !== undefined) return findingGist(state, id, width)
  if (!key?.startsWith('group:') || state.route.at !== 'practice') return []
  const group = key.slice('group:'.length)
  return state.scan?.controls.some((control) => control.id === group)
    ? controlRows(state, group, width)
    : groupGist(state, state.route.practice, group, width)
}

const cut = new WeakMap<Row, { readonly width: number; readonly marked: ReadonlySet<FindingId>; readonly line: Line }>()
const NONE: ReadonlySet<FindingId> = new Set()
/** A row's line, made once for each width and choice. */
export function lineOf(row: Row, width: number, marked = NONE): Line {
  const cached = cut.get(row)
  if (cached?.width === width && cached.marked === marked) return cached.line
  const line = row.line(width, marked)
  cut.set(row, { width, marked, line })
  return line
}

/** Who gets the next key press. */
export function placeOf(state: State): Place {
  if (!layoutOf(state).fits) return 'too-small'
  if (state.overlay !== undefined) return state.overlay.is
  return state.route.at === 'apply' && state.running?.asking?.focus === 'typed' ? 'typed' : state.route.at
}
