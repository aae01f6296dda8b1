/** What one RBAC rule grants: the API server's own matching (pkg/apis/rbac/v1/evaluation_helpers.go), and arithmetic on rules. */
import type { PolicyRule } from '../model/index.ts'
import { fewOf } from './few-of.ts'

/** A request as the authorizer sees it. `group` '' is core; `resource` has no subresource in it; `namespace` and `name` absent means ''. */
export interface ResourceRequest {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}
export interface UrlRequest {
  readonly verb: string
  readonly path: string
}
export type AccessRequest = ResourceRequest | UrlRequest

/** Every verb on every resource in every group listed, whatever the object's name. Literals only; subresources as `pods/exec`. */
export interface Rights {
  readonly verbs: readonly string[]
  readonly groups: readonly string[]
  readonly resources: readonly string[]
}

/** The verbs that requests on API objects are made of. Others (`bind`, `escalate`, `impersonate`, `use`, …) are asked by components. */
export const STANDARD_VERBS: readonly string[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']

/** One single rule must match verb AND group AND resource AND name: never parts of two. */
export function ruleAllows(rule: PolicyRule, request: AccessRequest): boolean {
  if (!matchesVerb(rule, request.verb)) return false
  if ('path' in request) return (rule.nonResourceURLs ?? []).some((url) => urlCovers(url, request.path))
  return matchesGroup(rule, request.group) && matchesRequested(rule, request) && matchesName(rule, request.name ?? '')
}

/** Only what is asked as a subresource is one: a slash within `resource` is part of its name. */
function matchesRequested(rule: PolicyRule, { resource, subresource }: ResourceRequest): boolean {
  if (!subresource) return (rule.resources ?? []).some((one) => one === '*' || one === resource)
  const [full, onAny] = [`${resource}/${subresource}`, `*/${subresource}`]
  return (rule.resources ?? []).some((one) => one === '*' || one === full || one === onAny)
}

const matchesVerb = (rule: PolicyRule, verb: string): boolean => (rule.verbs ?? []).some((one) => one === '*' || one === verb)
const matchesGroup = (rule: PolicyRule, group: string): boolean => (rule.apiGroups ?? []).some((one) => one === '*' || one === group)
const matchesResource = (rule: PolicyRule, resource: string): boolean => (rule.resources ?? []).some((one) => resourceCovers(one, resource))
const matchesName = (rule: PolicyRule, name: string): boolean => !hasNames(rule) || rule.resourceNames!.includes(name)

/** `*` covers all with their subresources, and the star before a slash any resource; `pods` does not cover `pods/exec`, and `pods/*` covers nothing. */
export function resourceCovers(pattern: string, resource: string): boolean {
  if (pattern === '*' || pattern === resource) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && pattern === `*${resource.slice(slash)}`
}
export const urlCovers = (pattern: string, path: string): boolean =>
  pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')))

export const hasNames = (rule: PolicyRule): boolean => (rule.resourceNames?.length ?? 0) > 0
/**
 * Is the rule good for objects of certain names only? Not so with an empty name among them: the API server takes it (RBAC validation
 * does not look at names), and it is the name of every request that has none, so that everything may be listed and anything created.
 */
export const isNamed = (rule: PolicyRule): boolean => hasNames(rule) && !rule.resourceNames!.includes('')
export const isResourceRule = (rule: PolicyRule): boolean => (rule.resources?.length ?? 0) > 0

/**
 * The object name the authorizer sees: none for a POST on a collection, and for list and watch only that of an exact
 * `metadata.name=` field selector. A rule with resourceNames matches no request without a name.
 */
export function nameSeen(request: {
  readonly verb: string
  readonly subresource?: string
  readonly name?: string
  readonly selectedName?: string
}): string {
  if (request.verb === 'list' || request.verb === 'watch') return request.selectedName ?? request.name ?? ''
  if (request.verb === 'deletecollection' || (request.verb === 'create' && !request.subresource)) return ''
  return request.name ?? ''
}

/** Which verb, group, resource triples of `rights` a rule grants, for all names or for some. */
export function overlap(rule: PolicyRule, rights: Rights): Rights | undefined {
  const verbs = rights.verbs.filter((verb) => matchesVerb(rule, verb))
  const groups = rights.groups.filter((group) => matchesGroup(rule, group))
  const resources = rights.resources.filter((resource) => matchesResource(rule, resource))
  return verbs.length > 0 && groups.length > 0 && resources.length > 0 ? { verbs, groups, resources } : undefined
}

/** Does one of the rules grant all that `rule` grants, part by part (ruleCovers of k8s.io/component-helpers/auth/rbac)? */
export function covers(owner: readonly PolicyRule[], rule: PolicyRule): boolean {
  const names = hasNames(rule) ? rule.resourceNames! : [undefined]
  for (const verb of rule.verbs ?? []) {
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        for (const name of names) if (!owner.some((one) => coversPart(one, verb, group, resource, name))) return false
      }
    }
    for (const url of rule.nonResourceURLs ?? []) {
      if (!owner.some((one) => matchesVerb(one, verb) && (one.nonResourceURLs ?? []).some((pattern) => urlCovers(pattern, url))))
        return false
    }
  }
  return true
}
const coversPart = (owner: PolicyRule, verb: string, group: string, resource: string, name: string | undefined): boolean =>
  matchesVerb(owner, verb) &&
  matchesGroup(owner, group) &&
  matchesResource(owner, resource) &&
  (name === undefined ? !hasNames(owner) : matchesName(owner, name))

/** What a server serves, as far as wildcards have to be spelled out. Resources include subresources (`pods/exec`). */
export interface Universe {
  readonly groups: readonly string[]
  resourcesOf(group: string): readonly string[]
  /** Verbs other than the standard ones that something asks for on this resource. */
  specialVerbsOf(group: string, resource: string): readonly string[]
}

/**
 * The rules that grant what `rule` grants except `rights`, and nothing else. A wildcard is spelled out only where the cut goes
 * through it; then what remains is exact within the universe.
 */
export function subtract(rule: PolicyRule, rights: Rights, universe: Universe): readonly PolicyRule[] {
  const hit = overlap(rule, rights)
  if (hit === undefined) return [rule]
  const pieces: PolicyRule[] = []
  if ((rule.nonResourceURLs?.length ?? 0) > 0) pieces.push({ nonResourceURLs: rule.nonResourceURLs!, verbs: rule.verbs })
  const wild = rule.resources!.filter(
    (pattern) => pattern.startsWith('*') && hit.resources.some((resource) => resourceCovers(pattern, resource)),
  )
  if (wild.length === 0) {
    pieces.push(pieceOf(rule, rule.apiGroups!, without(rule.resources!, hit.resources), rule.verbs))
    pieces.push(pieceOf(rule, without(groupsOf(rule, hit.resources, universe), hit.groups), hit.resources, rule.verbs))
    pieces.push(...verbsLeft(rule, hit.groups, hit, universe))
  } else {
    pieces.push(pieceOf(rule, without(groupsOf(rule, rule.resources!, universe), hit.groups), rule.resources!, rule.verbs))
    // What a wildcard stands for differs from group to group.
    for (const group of hit.groups) {
      const spelledOut = universe.resourcesOf(group).filter((resource) => wild.some((pattern) => resourceCovers(pattern, resource)))
      pieces.push(
        pieceOf(rule, [group], without([...new Set([...without(rule.resources!, wild), ...spelledOut])], hit.resources), rule.verbs),
      )
      pieces.push(...verbsLeft(rule, [group], hit, universe))
    }
  }
  return pieces.filter(
    (piece) =>
      piece.verbs.length > 0 && (piece.nonResourceURLs !== undefined || (piece.apiGroups!.length > 0 && piece.resources!.length > 0)),
  )
}

/** What is left of the verbs on the resources that are cut. */
function verbsLeft(rule: PolicyRule, groups: readonly string[], cut: Rights, universe: Universe): readonly PolicyRule[] {
  if (!rule.verbs.includes('*')) return [pieceOf(rule, groups, cut.resources, without(rule.verbs, cut.verbs))]
  const byVerbs = new Map<string, { readonly verbs: readonly string[]; readonly resources: string[] }>()
  for (const resource of cut.resources) {
    const special = groups.flatMap((group) => universe.specialVerbsOf(group, resource))
    const verbs = without([...new Set([...without(rule.verbs, ['*']), ...STANDARD_VERBS, ...special])], cut.verbs)
    const same = byVerbs.get(verbs.join())
    if (same === undefined) byVerbs.set(verbs.join(), { verbs, resources: [resource] })
    else same.resources.push(resource)
  }
  return [...byVerbs.values()].map((piece) => pieceOf(rule, groups, piece.resources, piece.verbs))
}

/** The rule's groups; `*` spelled out as those that serve one of the resources. */
function groupsOf(rule: PolicyRule, resources: readonly string[], universe: Universe): readonly string[] {
  const groups = rule.apiGroups ?? []
  if (!groups.includes('*')) return groups
  const served = universe.groups.filter((group) =>
    universe.resourcesOf(group).some((resource) => resources.some((pattern) => resourceCovers(pattern, resource))),
  )
  return [...new Set([...without(groups, ['*']), ...served])]
}

/** The same rights without `*` as a verb, group or resource: one rule for a group whose resources had to be spelled out. */
export function expand(rule: PolicyRule, universe: Universe): readonly PolicyRule[] {
  const verbs = rule.verbs.includes('*') ? [...new Set([...without(rule.verbs, ['*']), ...STANDARD_VERBS])] : rule.verbs
  const urls: readonly PolicyRule[] =
    (rule.nonResourceURLs?.length ?? 0) > 0
      ? [{ nonResourceURLs: rule.nonResourceURLs!, verbs: rule.verbs.includes('*') ? URL_VERBS : rule.verbs }]
      : []
  if (!isResourceRule(rule)) return urls
  const groups = groupsOf(rule, rule.resources!, universe)
  if (!rule.resources!.includes('*'))
    return [...urls, pieceOf(rule, groups, rule.resources!, verbs)].filter((piece) => piece.apiGroups?.length !== 0)
  return [
    ...urls,
    ...groups.flatMap((group) => {
      const resources = [...new Set([...without(rule.resources!, ['*']), ...universe.resourcesOf(group)])]
      return resources.length === 0 ? [] : [pieceOf(rule, [group], resources, verbs)]
    }),
  ]
}
/** What an HTTP method on a path that is no API object becomes: its name in lower case. */
const URL_VERBS: readonly string[] = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete']

export const hasWildcard = (rule: PolicyRule): boolean => [rule.verbs, rule.apiGroups, rule.resources].some((list) => list?.includes('*'))

const pieceOf = (rule: PolicyRule, apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]): PolicyRule => ({
  apiGroups,
  resources,
  ...(hasNames(rule) && { resourceNames: rule.resourceNames! }),
  verbs,
})
const without = (list: readonly string[], gone: readonly string[]): readonly string[] => list.filter((one) => !gone.includes(one))

/** `get, list on secrets`, `"*" on "*" in apps`, `get on /metrics`; for people. */
export function ruleText(rule: PolicyRule): string {
  const verbs = quoted(rule.verbs ?? [])
  if (!isResourceRule(rule))
    return `${verbs} on ${(rule.nonResourceURLs ?? []).map((url) => (url === '*' ? 'every path' : url)).join(', ')}`
  const groups = (rule.apiGroups ?? []).filter((group) => group !== '')
  return `${verbs} on ${quoted(rule.resources!)}${groups.length > 0 ? ` in ${groups.map((group) => (group === '*' ? 'every group' : group)).join(', ')}` : ''}${hasNames(rule) ? ` named ${rule.resourceNames!.map((name) => name || '""').join(', ')}` : ''}`
}
const quoted = (list: readonly string[]): string => list.map((one) => (one === '*' ? '"*"' : one)).join(', ')

/** A rule for one line of text: long lists are told by their first few. */
export const ruleInBrief = ({ resources, resourceNames, nonResourceURLs, apiGroups, ...rule }: PolicyRule): string =>
  ruleText({
    ...rule,
    ...(apiGroups && { apiGroups: briefly(apiGroups) }),
    ...(resources && { resources: briefly(resources) }),
    ...(resourceNames && { resourceNames: briefly(resourceNames) }),
    ...(nonResourceURLs && { nonResourceURLs: briefly(nonResourceURLs) }),
  })
const briefly = (list: readonly string[]): readonly string[] => (list.length <= 6 ? list : [fewOf(list, 5)])
/** Rules for one line of text. */
export const rulesInBrief = (rules: readonly PolicyRule[]): string => fewOf(rules.map(ruleInBrief), 3, '; ')

/** What of the rules falls under these rights, in brief: `create on pods/exec, pods/attach`. Wildcards and named objects are told as they stand. */
export function matchingText(rules: readonly PolicyRule[], asked: readonly Rights[]): string {
  const [asTheyStand, plain] = [
    rules.filter((rule) => hasWildcard(rule) || hasNames(rule)),
    rules.filter((rule) => !hasWildcard(rule) && !hasNames(rule)),
  ]
  return rulesInBrief([...asTheyStand, ...rightsInCommon(plain, asked)])
}

/** The rights that rules and `asked` have in common, resources with the same verbs together. */
export function rightsInCommon(rules: readonly PolicyRule[], asked: readonly Rights[]): readonly PolicyRule[] {
  const verbsOf = new Map<string, Set<string>>()
  for (const rights of asked) {
    for (const rule of rules) {
      const { verbs = [], groups = [], resources = [] } = overlap(rule, rights) ?? {}
      for (const group of groups) {
        for (const resource of resources) {
          const key = `${group}\0${resource}`
          verbsOf.set(key, new Set([...(verbsOf.get(key) ?? []), ...verbs]))
        }
      }
    }
  }
  const alike = Map.groupBy(verbsOf, ([key, verbs]) => `${key.slice(0, key.indexOf('\0'))}\0${[...verbs].join()}`)
  return [...alike.values()].map((same) => {
    const [key, verbs] = same[0]!
    return {
      verbs: [...verbs],
      apiGroups: [key.slice(0, key.indexOf('\0'))],
      resources: same.map(([one]) => one.slice(one.indexOf('\0') + 1)),
    }
  })
}
