/** Rules of an audit policy that log nothing of a few: of a user, a group, a namespace or an object that they name. */
import { type AuditPolicy, type AuditRequest, type AuditRule, auditDecision, loggedLevel } from './audit-policy.ts'
import { type Actor, ANYWHERE, AUTHENTICATED, auditFaults, CHANGES, CREDENTIALS, requestsFor } from './audit-policy-probes.ts'

export interface Silenced {
  /** Index of the rule. */
  readonly rule: number
  /** `user jane`, `group ops`, `namespace shop`. */
  readonly whom: readonly string[]
  /** What it keeps out of the log, in words: `delete secrets`. */
  readonly requests: readonly string[]
}

/**
 * Each rule that keeps use of credentials, changes or ways into containers out of the log for those it names. Reads of all else, leases,
 * events and states are noise (controls.md 7(e)); a rule that `auditFaults` has already is left out.
 */
export function silencedIn(policy: AuditPolicy): readonly Silenced[] {
  const known = new Set(auditFaults(policy).flatMap(({ fault, rule }) => (fault === 'leaks' ? [] : [rule])))
  return policy.rules.flatMap((rule, index) => {
    if (known.has(index)) return []
    const actors = actorsOf(rule)
    const names = (rule.resources ?? []).flatMap(({ resourceNames = [] }) => resourceNames)
    const places = {
      namespaces: [...new Set([...ANYWHERE.namespaces, ...(rule.namespaces ?? [])])].slice(0, MOST),
      names: [...new Set([...ANYWHERE.names, ...names])].slice(0, MOST),
    }
    const whom = new Set<string>()
    const requests = new Set<string>()
    for (const { request, words } of requestsFor([...CREDENTIALS, ...CHANGES], actors, places)) {
      const decision = auditDecision(policy, request)
      if (decision.rule !== index || loggedLevel(decision, request) !== 'None' || isElection(request, names)) continue
      for (const one of whomOf(rule, request)) whom.add(one)
      requests.add(words.replace(/ by .*$/, ''))
    }
    return requests.size === 0 ? [] : [{ rule: index, whom: [...whom], requests: [...requests] }]
  })
}

/** Each is asked about with each: a file may name thousands. */
const MOST = 20

/** Leaders were elected by ConfigMaps, which clients read and update every few seconds. */
const isElection = ({ verb, resource }: AuditRequest, names: readonly string[]): boolean =>
  resource?.resource === 'configmaps' &&
  ['get', 'update'].includes(verb) &&
  (resource.namespace === 'kube-system' || names.includes(resource.name ?? ''))

/** Who a rule is about; somebody, where it names nobody. A user and a group: whoever is both. */
function actorsOf({ users = [], userGroups = [] }: AuditRule): readonly Actor[] {
  if (users.length > 0) return users.map((user) => actor(user, userGroups))
  if (userGroups.length === 0) return [actor('k8s-harden:probe', [])]
  return userGroups.map((group) => actor(memberOf(group), [group]))
}
const actor = (user: string, more: readonly string[]): Actor => ({
  is: user,
  user,
  groups: [...new Set([...more, ...groupsOf(user)])],
})
function memberOf(group: string): string {
  const namespace = /^system:serviceaccounts:(.+)$/.exec(group)?.[1]
  return namespace === undefined ? 'k8s-harden:probe' : `system:serviceaccount:${namespace}:k8s-harden-probe`
}
/** What the authenticators add to a name. */
function groupsOf(user: string): readonly string[] {
  const namespace = /^system:serviceaccount:([^:]+):/.exec(user)?.[1]
  if (namespace !== undefined) return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED]
  if (user.startsWith('system:node:')) return ['system:nodes', AUTHENTICATED]
  return [user === 'system:anonymous' ? 'system:unauthenticated' : AUTHENTICATED]
}

function whomOf({ users = [], userGroups = [], namespaces = [] }: AuditRule, request: AuditRequest): readonly string[] {
  if (users.length > 0) return [`user ${request.user}`]
  if (userGroups.length > 0) return userGroups.filter((group) => request.groups.includes(group)).map((group) => `group ${group}`)
  if (namespaces.length > 0) return [`namespace ${request.resource?.namespace || '(none)'}`]
  return [`${request.resource?.resource} ${request.resource?.name ?? ''}`.trim()]
}
