/** Rights to act as somebody else (apiserver pkg/endpoints/filters/impersonation; KEP-5284 for the constrained modes). */
import type { PolicyRule } from '../model/index.ts'
import { type Grant, grants, type RbacView } from './rbac-grants.ts'
import { powerfulNamed, powerOfName } from './rbac-powerful.ts'
import { isNamed, overlap, type Rights } from './rbac-rules.ts'
import { type Together, together } from './rbac-together.ts'

/** From this minor on, constrained impersonation is on by default (ConstrainedImpersonation, beta). */
export const CONSTRAINED_SINCE = 36

export type Mode =
  /** Any user and group, of whom `system:masters` is one. */
  | 'anybody'
  | 'accounts'
  /** A uid or an extra field: of use only to whoever may act as a user as well. */
  | 'details'
  | 'user-info'
  | 'serviceaccount'
  | 'arbitrary-node'
  | 'associated-node'
export interface Impersonation {
  readonly mode: Mode
  readonly rights: Rights
}

const CORE = ['']
const AUTHENTICATION = ['authentication.k8s.io']
const constrainedMode = (mode: Mode, ...resources: string[]): Impersonation => ({
  mode,
  rights: { verbs: [`impersonate:${mode}`], groups: AUTHENTICATION, resources },
})
const LEGACY: readonly Impersonation[] = [
  { mode: 'anybody', rights: { verbs: ['impersonate'], groups: CORE, resources: ['users', 'groups'] } },
  { mode: 'accounts', rights: { verbs: ['impersonate'], groups: CORE, resources: ['serviceaccounts'] } },
]
const CONSTRAINED: readonly Impersonation[] = [
  constrainedMode('user-info', 'users', 'groups'),
  constrainedMode('serviceaccount', 'serviceaccounts'),
  constrainedMode('arbitrary-node', 'nodes'),
  constrainedMode('associated-node', 'nodes'),
]

/** What of a rule lets its holder act as somebody else. `constrained`: the server knows the modes of KEP-5284. */
export function impersonations(rule: PolicyRule, constrained: boolean): readonly Impersonation[] {
  // The key of an extra field is a subresource, so that there is no end of them; `userextras/*` matches none.
  const extras = (rule.resources ?? []).filter((resource) => resource.startsWith('userextras/') && resource !== 'userextras/*')
  const details: Impersonation = {
    mode: 'details',
    rights: { verbs: ['impersonate'], groups: AUTHENTICATION, resources: ['uids', ...extras] },
  }
  return [...LEGACY, details, ...(constrained ? CONSTRAINED : [])].flatMap(({ mode, rights }) => {
    const held = overlap(rule, rights)
    return held === undefined ? [] : [{ mode, rights: held }]
  })
}

/**
 * Is the right good for anything where it is granted? Users, groups and nodes are in no namespace; and a constrained mode needs
 * `impersonate-on:MODE:VERB` for what is then done, from whichever role.
 */
export function usesOf(view: RbacView): (way: Impersonation, grant: Grant) => Together {
  const doers = new Map<Mode, readonly Grant[]>()
  const doersOf = (mode: Mode): readonly Grant[] => {
    if (!doers.has(mode)) {
      const does = (verb: string) => verb === '*' || verb.startsWith(`impersonate-on:${mode}:`)
      doers.set(
        mode,
        grants(view).all.filter(({ rules }) => rules.some(({ verbs = [] }) => verbs.some(does))),
      )
    }
    return doers.get(mode)!
  }
  return (way, grant) => {
    if (grant.namespace !== undefined && isWholeCluster(way)) return 'no'
    return isConstrained(way) ? together(grant, doersOf(way.mode)) : 'yes'
  }
}
const isConstrained = ({ mode }: Impersonation): boolean => mode !== 'anybody' && mode !== 'accounts' && mode !== 'details'
const isWholeCluster = ({ mode }: Impersonation): boolean => mode !== 'accounts' && mode !== 'serviceaccount'

/** Of those whom named rules let their holders act as: the ones who can do more, as `User alice`. */
export function powerOfNamed(view: RbacView, rules: readonly PolicyRule[], asked: readonly Rights[]): readonly string[] {
  const covers = (resource: string) => asked.some(({ resources }) => resources.includes(resource))
  const constrainedOnly = asked.every(({ verbs }) => !verbs.includes('impersonate'))
  return rules
    .filter(isNamed)
    .flatMap(({ resourceNames = [] }) => resourceNames)
    .flatMap((name) => [
      ...(covers('users') && powerOfName(view, 'User', name) !== undefined ? [`User ${name}`] : []),
      // The constrained modes refuse it.
      ...(covers('groups') && powerOfName(view, 'Group', name) !== undefined && !(constrainedOnly && name === MASTERS)
        ? [`Group ${name}`]
        : []),
      ...(covers('serviceaccounts') && powerfulNamed(view, name) ? [`ServiceAccount ${name}`] : []),
    ])
}
export const MASTERS = 'system:masters'
