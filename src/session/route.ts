import type { ControlId, FindingId, Practice, RunId, StepId } from '../model/index.ts'
import type { Identity } from '../objects/rbac-who-can.ts'

/** Where the operator is: one screen each. */
export type Route =
  | { readonly at: 'connect' }
  | { readonly at: 'overview' }
  | { readonly at: 'practice'; readonly practice: Practice }
  | { readonly at: 'finding'; readonly id: FindingId }
  | { readonly at: 'control'; readonly id: ControlId }
  | { readonly at: 'gaps' }
  | { readonly at: 'ladder' }
  | { readonly at: 'rung'; readonly namespace: string }
  | { readonly at: 'who-can' }
  | ({ readonly at: 'holder' } & Identity)
  | { readonly at: 'escalations' }
  /** Key of a subject in the escalation graph: `ServiceAccount:shop/cart`, `User:jane`. */
  | { readonly at: 'escalation'; readonly subject: string }
  | { readonly at: 'connectivity' }
  | { readonly at: 'matrix'; readonly namespace: string }
  /** Id of an end of the matrix: `shop/Deployment/cart`, `outside`, `nodes`, `10.0.0.0/8`. */
  | { readonly at: 'reach'; readonly end: string }
  | { readonly at: 'choose'; readonly control: ControlId }
  | { readonly at: 'plan' }
  | { readonly at: 'step'; readonly id: StepId }
  | { readonly at: 'apply' }
  | { readonly at: 'outcome' }
  | { readonly at: 'history' }
  | { readonly at: 'run'; readonly id: RunId }

export type ScreenName = Route['at']

/** What a key press is for: an overlay above the screen comes before the screen. */
export type Place = ScreenName | 'too-small' | 'help' | 'entry' | 'confirm' | 'typed'

/** Where a list's place is remembered. */
export const routeKey = (route: Route): string => Object.values(route).join(':')

/** Screens that have no way back to them: a run that ended is shown by its outcome, a source that is open is not connected to again. */
const PASSING: ReadonlySet<ScreenName> = new Set(['apply', 'choose'])
export const isPassing = (route: Route): boolean => PASSING.has(route.at)

export const PRACTICE_TITLES: Readonly<Record<Practice, string>> = {
  rbac: 'Role-based access control',
  secrets: 'Secrets',
  'api-endpoint': 'API endpoint',
  'nodes-and-pods': 'Nodes and pods',
  images: 'Container images',
  audit: 'Auditing, logging, monitoring',
}
