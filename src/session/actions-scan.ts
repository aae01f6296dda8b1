import { summarise } from '../engine/score.ts'
import type { Finding, FindingId } from '../model/index.ts'
import type { SourceAction } from './actions.ts'
import { go, hold } from './actions-move.ts'
import type { ScreenName } from './route.ts'
import type { Fresh, Scan, State } from './store-state.ts'
import { count } from './text.ts'
import { toast } from './toasts.ts'

/** How long a finding that appeared, changed or was resolved is marked, in milliseconds. */
const FRESH_FOR = 8_000

/** Screens where a notice would hide what has to be read; there the run itself says what it mended. */
const ABSORBED: ReadonlySet<ScreenName> = new Set(['apply', 'outcome', 'run'])

/** Sources: choosing one, opening it, and what it shows from then on. */
export function source(state: State, action: SourceAction): State {
  switch (action.type) {
    case 'contexts':
      return { ...state, connecting: { ...state.connecting, list: action.list } }
    case 'open':
      return { ...state, connecting: { ...state.connecting, opening: action.choice, problem: undefined } }
    case 'open-failed':
      return {
        ...state,
        connecting: { ...state.connecting, opening: undefined, problem: { choice: action.choice, because: action.because } },
      }
    case 'opened':
      return opened(state, action)
    case 'scanned':
      return scanned(state, action)
    case 'scan-ended':
      return state.scan === undefined
        ? state
        : { ...state, scan: { ...state.scan, ended: action.because === undefined ? {} : { because: action.because } } }
  }
}

function opened(state: State, { choice, info, writesTo }: Extract<SourceAction, { type: 'opened' }>): State {
  const { scan: _scan, planned: _planned, running: _running, look: _look, tried: _tried, ...kept } = state
  const fresh: State = {
    ...kept,
    positions: {},
    marked: new Set(),
    connecting: { ...state.connecting, opening: undefined },
    source: { info, choice, writesTo },
  }
  return go({ ...fresh, route: { at: 'connect' }, trail: [] }, { at: 'overview' })
}

function scanned(before: State, { state: next, controls, at }: Extract<SourceAction, { type: 'scanned' }>): State {
  const state = hold(before)
  const old = state.scan
  const findings = new Map<FindingId, Finding>(
    next.outcomes.values().flatMap((outcome) => outcome.findings.map((finding) => [finding.id, finding] as const)),
  )
  const news =
    old?.synced === true
      ? differences(old, findings, at)
      : { fresh: new Map<FindingId, Fresh>(), gone: new Map<FindingId, Finding>(), resolved: 0, appeared: 0 }
  const scan: Scan = {
    snapshot: next.snapshot,
    controls,
    outcomes: next.outcomes,
    problems: next.problems,
    synced: next.synced,
    findings,
    summary: summarise(controls, next.outcomes),
    fresh: news.fresh,
    gone: news.gone,
    ...(old?.ended && { ended: old.ended }),
  }
  // A mark on something that is gone would be planned for nothing.
  const marked = state.marked.values().every((id) => findings.has(id))
    ? state.marked
    : new Set(state.marked.values().filter((id) => findings.has(id)))
  const said = newsText(news.appeared, news.resolved)
  return { ...state, scan, marked, ...(said !== '' && !ABSORBED.has(state.route.at) && { toast: toast(said, at) }) }
}

function differences(old: Scan, findings: ReadonlyMap<FindingId, Finding>, at: number) {
  const fresh = new Map(
    old.fresh.entries().filter(([id, one]) => one.until > at && (one.mark === '-' ? !findings.has(id) : findings.has(id))),
  )
  const gone = new Map(old.gone.entries().filter(([id]) => fresh.has(id)))
  let appeared = 0
  let resolved = 0
  const note = (id: FindingId, mark: Fresh['mark']) => fresh.set(id, { mark, until: at + FRESH_FOR })
  for (const [id, finding] of findings) {
    const before = old.findings.get(id)
    if (before === undefined) {
      note(id, '+')
      appeared++
    } else if (
      before !== finding &&
      (before.reason !== finding.reason || before.detail !== finding.detail || before.severity !== finding.severity)
    )
      note(id, '~')
  }
  for (const [id, finding] of old.findings) {
    if (findings.has(id)) continue
    note(id, '-')
    gone.set(id, finding)
    resolved++
  }
  return { fresh, gone, appeared, resolved }
}

const newsText = (appeared: number, resolved: number): string =>
  [appeared > 0 && `${count(appeared, 'new finding')}`, resolved > 0 && `${count(resolved, 'finding')} resolved`]
    .filter((part) => part !== false)
    .join(', ')
