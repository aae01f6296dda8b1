/**
 * Audit policies as the API server reads them: the first rule that matches decides, and what no rule matches is not logged.
 * Semantics from k8s.io/apiserver pkg/audit/policy/checker.go.
 */
export const AUDIT_LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type AuditLevel = (typeof AUDIT_LEVELS)[number]
export interface GroupResources {
  readonly group?: string
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}
export interface AuditRule {
  readonly level: AuditLevel
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly verbs?: readonly string[]
  readonly namespaces?: readonly string[]
  readonly resources?: readonly GroupResources[]
  readonly nonResourceURLs?: readonly string[]
  readonly omitStages?: readonly string[]
  readonly omitManagedFields?: boolean
}
export interface AuditPolicy {
  readonly rules: readonly AuditRule[]
  readonly omitStages: readonly string[]
}

/** What the audit filter knows of a request. `namespace` is '' for cluster-wide objects; of a Namespace itself it is its own name. */
export interface AuditRequest {
  readonly user: string
  readonly groups: readonly string[]
  /** A token or a certificate that is not valid: answered with 401, and of no user at all. */
  readonly failedLogin?: true
  readonly verb: string
  /** Absent for a request that is about no resource. */
  readonly resource?: {
    readonly group: string
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  /** Without its query. */
  readonly path?: string
}
export interface AuditDecision {
  readonly level: AuditLevel
  /** Index of the rule that matched; undefined where none did. */
  readonly rule: number | undefined
  readonly omitStages: ReadonlySet<string>
}

/** At which level a request is logged, and because of which rule. */
export function auditDecision(policy: AuditPolicy, request: AuditRequest): AuditDecision {
  const index = policy.rules.findIndex((rule) => ruleMatches(rule, request))
  const rule = policy.rules[index]
  return {
    level: rule?.level ?? 'None',
    rule: rule === undefined ? undefined : index,
    omitStages: new Set([...policy.omitStages, ...(rule?.omitStages ?? [])]),
  }
}

/** The level that reaches the log: nothing does where every stage that the request goes through is left out. */
export const loggedLevel = (decision: AuditDecision, request: AuditRequest): AuditLevel =>
  loggedStages(decision, request).length === 0 ? 'None' : decision.level

/** One event each: what is long-running has one more, as soon as it is answered, and a failed login (endpoints/filters/authn_audit.go) that one alone. */
export function loggedStages({ level, omitStages }: AuditDecision, request: AuditRequest): readonly string[] {
  if (level === 'None') return []
  const stages = request.failedLogin
    ? ['ResponseStarted']
    : ['RequestReceived', ...(isLongRunning(request) ? ['ResponseStarted'] : []), 'ResponseComplete']
  return stages.filter((stage) => !omitStages.has(stage))
}
/** As the API server tells them apart by default. */
const isLongRunning = ({ verb, resource, path = '' }: AuditRequest): boolean =>
  resource === undefined ? path.startsWith('/debug/pprof/') : verb === 'watch' || LONG_RUNNING.has(resource.subresource ?? '')
const LONG_RUNNING = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

export const isSet = (list: readonly unknown[] | undefined): list is readonly unknown[] => list !== undefined && list.length > 0

function ruleMatches(rule: AuditRule, request: AuditRequest): boolean {
  if ((isSet(rule.users) || isSet(rule.userGroups)) && request.failedLogin) return false
  if (isSet(rule.users) && !rule.users.includes(request.user)) return false
  if (isSet(rule.userGroups) && !request.groups.some((group) => rule.userGroups!.includes(group))) return false
  if (isSet(rule.verbs) && !rule.verbs.includes(request.verb)) return false
  if (isSet(rule.namespaces) || isSet(rule.resources)) return matchesResource(rule, request)
  if (isSet(rule.nonResourceURLs))
    return request.resource === undefined && rule.nonResourceURLs.some((url) => pathMatches(request.path ?? '', url))
  return true
}

function pathMatches(path: string, url: string): boolean {
  if (url === '*' || url === path) return true
  return url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))
}

function matchesResource({ namespaces, resources }: AuditRule, { resource: about }: AuditRequest): boolean {
  if (about === undefined) return false
  if (isSet(namespaces) && !namespaces.includes(about.namespace ?? '')) return false
  if (!isSet(resources)) return true
  return resources.some(({ group = '', resources: names, resourceNames }) => {
    if (group !== '*' && group !== about.group) return false
    if (!isSet(names)) return true
    if (isSet(resourceNames) && !resourceNames.includes(about.name ?? '')) return false
    return names.some((name) => nameMatches(name, about.resource, about.subresource ?? ''))
  })
}

// `pods` leaves its subresources out; `pods/*` has them, and pods as well; `*` is everything; `*/scale` is that subresource of everything.
function nameMatches(name: string, resource: string, subresource: string): boolean {
  if (name === '*' || name === (subresource === '' ? resource : `${resource}/${subresource}`)) return true
  if (subresource !== '' && name === `*/${subresource}`) return true
  return name.endsWith('/*') && name.slice(0, -2) === resource
}
