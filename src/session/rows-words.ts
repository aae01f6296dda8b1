/** The words the wizard uses for the model's terms: one place, so that screens, help and toasts agree. */
import type { Finding, ObjectRef, Risk, Severity, Status, StepState } from '../model/index.ts'
import { refusedBy } from '../plan/step-words.ts'
import type { PastStepState } from './ports.ts'
import type { Tone } from './rows-line.ts'

export const SEVERITY_WORD: Readonly<Record<Severity, string>> = { critical: 'CRIT', high: 'HIGH', medium: 'MED', low: 'LOW', info: 'INFO' }

export const STATUS_WORD: Readonly<Record<Status, string>> = {
  pass: 'ok',
  fail: 'FAIL',
  review: 'review',
  unknown: '?',
  notApplicable: 'n/a',
  // Narrow columns hold it whole.
  attested: 'said',
  error: 'ERROR',
}
export const STATUS_TONE: Readonly<Record<Status, Tone>> = {
  pass: 'ok',
  fail: 'fail',
  review: 'medium',
  unknown: 'unknown',
  notApplicable: 'dim',
  attested: 'info',
  error: 'fail',
}
export const STATUS_MEANS: Readonly<Record<Status, string>> = {
  pass: 'checked, nothing wrong',
  fail: 'checked, something is wrong',
  review: 'a person has to judge what was found',
  unknown: 'could not be checked from here; never counted as passed',
  notApplicable: 'there is nothing here that it could apply to',
  attested: 'vouched for by the provider or by you, not seen',
  error: 'this check itself broke; please report it',
}

export const RISK_WORD: Readonly<Record<Risk, string>> = { safe: 'safe', 'restarts-pods': 'restarts pods', 'may-break': 'MAY BREAK' }
export const RISK_TONE: Readonly<Record<Risk, Tone>> = { safe: 'ok', 'restarts-pods': 'medium', 'may-break': 'fail' }
export const RISK_MEANS: Readonly<Record<Risk, string>> = {
  safe: 'nothing that runs is touched',
  'restarts-pods': 'pods are replaced by new ones that should run as before',
  'may-break': 'something that works now may stop working',
}

export const OWNER_WORD: Readonly<Record<Exclude<Finding['managedBy'], ''>, string>> = {
  helm: 'Helm',
  argocd: 'Argo CD',
  flux: 'Flux',
  operator: 'an operator',
  olm: 'Operator Lifecycle Manager',
}

/** `Deployment shop/cart`. */
export const objectText = (ref: ObjectRef): string => `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`

/** A step's state in a list: a word, a tone, and what is to be said of it. `mends`: how many findings; one that only prepares fixes none. */
export function stateText(
  state: StepState | undefined,
  mends: number,
): { readonly word: string; readonly tone: Tone; readonly note: string } {
  switch (state?.is) {
    case undefined:
    case 'planned':
      return { word: 'waiting', tone: 'dim', note: '' }
    case 'rehearsing':
      return { word: 'trying', tone: 'info', note: 'a dry run: nothing is written' }
    case 'rehearsed':
      return { word: 'YOUR TURN', tone: 'key', note: 'tried without writing, and it would go through' }
    case 'refused':
      return { word: 'REFUSED', tone: 'fail', note: refusedBy(state.by, state.because).replace(/^:? /, '') }
    case 'skipped':
      return { word: 'skipped', tone: 'dim', note: state.because }
    case 'writing':
      return { word: 'writing', tone: 'info', note: '' }
    case 'waiting':
      return { word: 'checking', tone: 'info', note: `waiting for ${state.for}` }
    case 'mended':
      return { word: mends === 0 ? 'DONE' : 'FIXED', tone: 'ok', note: state.note }
    case 'handed-over':
      return { word: 'FILES', tone: 'ok', note: `made for you to place: ${state.files.join(', ')}` }
    case 'not-mended':
      return { word: 'NOT FIXED', tone: 'fail', note: state.because }
    case 'undoing':
      return { word: 'undoing', tone: 'info', note: state.because }
    case 'undone':
      return { word: 'UNDONE', tone: 'medium', note: state.because }
    case 'undo-failed':
      return { word: 'UNDO FAILED', tone: 'fail', note: state.because }
  }
}

export const PAST_WORD: Readonly<Record<PastStepState, string>> = {
  interrupted: 'INTERRUPTED',
  'undo-interrupted': 'INTERRUPTED',
  'not-started': 'not started',
  'not-written': 'refused',
  written: 'not proved',
  verified: 'proved',
  undone: 'undone',
}
export const PAST_TONE: Readonly<Record<PastStepState, Tone>> = {
  interrupted: 'fail',
  'undo-interrupted': 'fail',
  'not-started': 'dim',
  'not-written': 'medium',
  written: 'medium',
  verified: 'ok',
  undone: 'dim',
}
