/** Rights against what was asked for: what of a grant was used, and what nobody used. What keeps the used part is in rbac-kept. */
import type { ObservedRequest, ObservedRequests, PolicyRule } from '../model/index.ts'
import { compacted, type Right } from './rbac-compact.ts'
import type { Grant } from './rbac-grants.ts'
import { observedAs, questionOf } from './rbac-observed.ts'
import { type AccessRequest, expand, hasNames, isNamed, isResourceRule, ruleAllows, STANDARD_VERBS, type Universe } from './rbac-rules.ts'

const fullName = (resource: string, subresource: string | undefined): string => (subresource ? `${resource}/${subresource}` : resource)
const rightKey = ({ verb, group, resource }: Right): string => [verb, group, resource].join('\0')
const isStandard = (verb: string): boolean => STANDARD_VERBS.includes(verb)

/** Will the next object be called otherwise? By its kind, or by a suffix such as controllers and clients draw at random or from the clock, or count up as Helm does. */
export const isMadeUp = (resource: string, name: string): boolean =>
  MADE_UP.has(resource) ||
  /-([bcdfghjklmnpqrstvwxz2456789]{5}|[bcdfghjklmnpqrstvwxz2456789]{8,10}|[0-9a-f]{8,}|\d{6,})$/.test(name) ||
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|\.v\d+$/.test(name)
const MADE_UP = new Set([
  ...['pods', 'replicasets', 'controllerrevisions', 'endpointslices', 'events', 'jobs', 'nodes', 'csinodes', 'volumeattachments'],
  ...['persistentvolumes', 'certificatesigningrequests', 'podcertificaterequests'],
])

/** What of a grant was used; `unseen`: an audit log cannot show whether it was. */
export interface Usage {
  readonly used: readonly PolicyRule[]
  readonly unused: readonly PolicyRule[]
  readonly unseen: readonly PolicyRule[]
}
export interface UsageOptions {
  readonly universe: Universe
  /** Is such a request of these subjects written to the log, as far as the audit policy is known? Default: yes. */
  readonly isRecorded?: (request: { readonly verb: string; readonly group: string; readonly resource: string }) => boolean
}

/** The rights of one subject of a binding that it did not use in the window of the log; never one that the log could not show. */
export const unusedRules = (grant: Grant, observed: ObservedRequests, options: UsageOptions): readonly PolicyRule[] =>
  usageOf([grant], observed, options).unused

/** The allowed requests of these subjects that this binding allows (others may allow them as well). `grants`: of one binding. */
export function requestsThrough(grants: readonly Grant[], observed: ObservedRequests): readonly ObservedRequest[] {
  return grants.flatMap(({ subject, namespace, rules }) =>
    observedAs(observed, subject, namespace)
      .flatMap(({ requests }) => requests)
      .filter((one) => one.was === 'allowed' && (namespace === undefined || ('resource' in one && one.namespace === namespace)))
      .filter((one) => rules.some((rule) => allows(rule, one))),
  )
}

/** Where only "more names than are kept" is known, a rule for some names may have been what allowed it. */
const allows = (rule: PolicyRule, request: ObservedRequest): boolean => {
  if (!('resource' in request) || request.anyName !== true || !isNamed(rule)) return ruleAllows(rule, questionOf(request))
  return rule.resourceNames!.some((name) => ruleAllows(rule, { ...questionOf(request), name } as AccessRequest))
}

/** `grants`: of one binding; a right is used where one of them used it. */
export function usageOf(grants: readonly Grant[], observed: ObservedRequests, options: UsageOptions): Usage {
  const asked = requestsThrough(grants, observed)
  const parts = (grants[0]?.rules ?? []).map((rule) => usageOfRule(rule, asked, observed.blind, options))
  const all = (of: (part: RuleUsage) => readonly Right[], rest: (part: RuleUsage) => readonly PolicyRule[]) => [
    ...compacted(parts.flatMap(of)),
    ...parts.flatMap(rest),
  ]
  const used = new Set(parts.flatMap((part) => part.used.filter(({ names }) => names === undefined).map(rightKey)))
  return {
    used: all(
      (part) => part.used,
      (part) => part.usedPaths,
    ),
    // Two rules may grant the same right: the one that was not needed says nothing.
    unused: all(
      (part) => part.unused.filter((right) => !used.has(rightKey(right))),
      (part) => part.unusedPaths,
    ),
    unseen: all(
      (part) => part.unseen.filter((right) => !used.has(rightKey(right))),
      (part) => part.unseenPaths,
    ),
  }
}
interface RuleUsage {
  readonly used: readonly Right[]
  readonly unused: readonly Right[]
  readonly unseen: readonly Right[]
  readonly usedPaths: readonly PolicyRule[]
  readonly unusedPaths: readonly PolicyRule[]
  readonly unseenPaths: readonly PolicyRule[]
}

/** Verbs that are no request, but leave a trace: the API server asks for them because of a request that is in the log. */
const TRACED = new Set(['bind', 'escalate', 'approve', 'sign', 'attest', 'impersonate'])
const WRITES = ['create', 'update', 'patch']

function usageOfRule(rule: PolicyRule, asked: readonly ObservedRequest[], blind: readonly string[], options: UsageOptions): RuleUsage {
  const through = asked.filter((one) => allows(rule, one))
  const paths = pathUsage(rule, through)
  if (!isResourceRule(rule)) return { used: [], unused: [], unseen: [], ...paths }
  const used = new Set(
    through.flatMap((one) => ('resource' in one ? [[one.verb, one.group, fullName(one.resource, one.subresource)].join('\0')] : [])),
  )
  const names = hasNames(rule) ? { names: rule.resourceNames! } : {}
  const [usedRights, unused, unseen]: [Right[], Right[], Right[]] = [[], [], []]
  const spelledOut = rightsIn(rule, options.universe, used)
  for (const right of spelledOut) {
    const whole = { ...right, ...names }
    if (used.has(rightKey(right))) usedRights.push(whole)
    else if (options.isRecorded?.(right) === false || blind.includes(right.verb)) unseen.push(whole)
    // Whoever was given everything was not given it for what only kubelets and plugins ask about.
    else if (!leavesTrace(right, blind) && isSpelledOut(rule, right)) unseen.push(whole)
    else unused.push(whole)
  }
  return { used: usedRights, unused, unseen, ...paths }
}

/** The rule without wildcards: what the server serves, and what was asked for all the same. */
function rightsIn(rule: PolicyRule, universe: Universe, used: ReadonlySet<string>): readonly Right[] {
  const verbs = new Set([...rule.verbs.filter((verb) => verb !== '*'), ...(rule.verbs.includes('*') ? STANDARD_VERBS : [])])
  const rights = new Map<string, Right>()
  const add = (right: Right): void => void rights.set(rightKey(right), right)
  for (const { apiGroups = [], resources = [] } of expand({ ...rule, nonResourceURLs: [], verbs: ['get'] }, universe)) {
    for (const group of apiGroups) {
      for (const resource of resources.flatMap((one) => (one.startsWith('*/') ? subresourcesLike(one, group, universe) : [one]))) {
        const special = rule.verbs.includes('*') ? universe.specialVerbsOf(group, resource).filter((verb) => TRACED.has(verb)) : []
        for (const verb of [...verbs, ...special]) add({ verb, group, resource })
      }
    }
  }
  for (const key of used) {
    const [verb, group, resource] = key.split('\0') as [string, string, string]
    add({ verb, group, resource })
  }
  return [...rights.values()]
}
const subresourcesLike = (pattern: string, group: string, universe: Universe): readonly string[] =>
  universe.resourcesOf(group).filter((resource) => resource.endsWith(pattern.slice(1)))

const isSpelledOut = (rule: PolicyRule, { verb, group, resource }: Right): boolean =>
  rule.verbs.includes(verb) && rule.apiGroups?.includes(group) === true && rule.resources?.includes(resource) === true

/** Kubelets and admission plugins ask about some rights themselves, and so do other servers: those questions are no requests of the subject. */
function leavesTrace({ verb, group, resource }: Right, blind: readonly string[]): boolean {
  if ((group === '' && resource.startsWith('nodes/') && resource !== 'nodes/status') || resource.endsWith('/finalizers')) return false
  return isStandard(verb) || (TRACED.has(verb) && (verb === 'impersonate' || WRITES.some((write) => !blind.includes(write))))
}

/** A path that is granted by its name may be one of another server that asks this one (kube-rbac-proxy); `*` is not. */
function pathUsage(rule: PolicyRule, through: readonly ObservedRequest[]): Pick<RuleUsage, 'usedPaths' | 'unusedPaths' | 'unseenPaths'> {
  const paths = through.filter((one) => 'path' in one)
  const of = (which: 'used' | 'unused' | 'unseen'): readonly PolicyRule[] => {
    const urls = (rule.nonResourceURLs ?? []).filter((url) => {
      const used = paths.some(({ verb, path }) => ruleAllows({ nonResourceURLs: [url], verbs: [verb] }, { verb, path }))
      return (used ? 'used' : url === '*' ? 'unused' : 'unseen') === which
    })
    return urls.length === 0 ? [] : [{ nonResourceURLs: urls, verbs: rule.verbs }]
  }
  return { usedPaths: of('used'), unusedPaths: of('unused'), unseenPaths: of('unseen') }
}
