/** Rules of an audit policy that log nothing of a few: of a user, a group, a namespace or an object that they name. */
import { type AuditPolicy, type AuditRequest, type AuditRule, auditDecision, loggedLevel } from './audit-policy.ts'
import { auditFaults, MOST } from './audit-policy-probes.ts'
import { type About, ANYWHERE, actorsOf, CHANGES, CREDENTIALS, inNamespaces, PROBED, requestsFor, WRITES } from './audit-policy-requests.ts'

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
    const actors = actorsOf(rule).slice(0, MOST)
    const names = (rule.resources ?? []).flatMap(({ resourceNames = [] }) => resourceNames)
    const places = {
      namespaces: [...new Set([...ANYWHERE.namespaces, ...(rule.namespaces ?? [])])].slice(0, MOST),
      names: [...new Set([...ANYWHERE.names, ...names])].slice(0, MOST),
    }
    const whom = new Set<string>()
    const requests = new Set<string>()
    for (const { request, words } of requestsFor([...CREDENTIALS, ...CHANGES, ...changesNamedIn(rule)], actors, places)) {
      const decision = auditDecision(policy, request)
      if (decision.rule !== index || loggedLevel(decision, request) !== 'None' || isElection(request, names)) continue
      for (const one of whomOf(rule, request)) whom.add(one)
      requests.add(words.replace(/ by .*$/, '').replace(PROBED, 'anything'))
    }
    return requests.size === 0 ? [] : [{ rule: index, whom: [...whom], requests: [...requests] }]
  })
}

/** Changes of whatever else a rule names, custom resources and whole groups among them, but for what is told or counted all the time. */
const changesNamedIn = ({ resources = [] }: AuditRule): readonly About[] =>
  resources.slice(0, MOST).flatMap(({ group = '', resources: names = ['*'] }) =>
    names.slice(0, MOST).flatMap((name) => {
      const [resource = '', subresource] = name.split('/')
      if (NOISY_GROUPS.has(group) || NOISY.has(resource) || subresource === 'status') return []
      return [
        inNamespaces(
          group === '*' ? 'k8s-harden.test' : group,
          resource === '*' ? PROBED : resource,
          WRITES,
          subresource === '*' ? undefined : subresource,
        ),
      ]
    }),
  )
const NOISY_GROUPS = new Set([
  'events.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'metrics.k8s.io',
  'custom.metrics.k8s.io',
  'external.metrics.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
])
const NOISY = new Set(['events', 'endpoints'])

/** Leaders were elected by ConfigMaps, which clients read and update every few seconds. */
const isElection = ({ verb, resource }: AuditRequest, names: readonly string[]): boolean =>
  resource?.resource === 'configmaps' &&
  ['get', 'update'].includes(verb) &&
  (resource.namespace === 'kube-system' || names.includes(resource.name ?? ''))

function whomOf({ users = [], userGroups = [], namespaces = [] }: AuditRule, request: AuditRequest): readonly string[] {
  if (users.length > 0) return [`user ${request.user}`]
  if (userGroups.length > 0) return userGroups.filter((group) => request.groups.includes(group)).map((group) => `group ${group}`)
  if (namespaces.length > 0) return [`namespace ${request.resource?.namespace || '(none)'}`]
  const { group = '', resource = '', subresource, name } = request.resource ?? {}
  const kind = `${resource}${subresource === undefined ? '' : `/${subresource}`}`
  const ofGroup = group === '' ? '' : `.${group}`
  return [
    resource === PROBED ? `everything of ${group || 'the core API'}` : `${kind}${ofGroup} ${name === PROBED ? '' : (name ?? '')}`.trim(),
  ]
}
