/**
 * An audit policy that somebody wrote, brought to where it has no faults. Its own rules stay, and no request is logged less than before,
 * but for the bodies of what carries credentials.
 */
import { AUDIT_LEVELS, type AuditLevel, type AuditPolicy, type AuditRule, type GroupResources } from './audit-policy.ts'
import { type AuditFault, auditFaults } from './audit-policy-probes.ts'
import { ANONYMOUS, CATCH_ALL, CREDENTIALS, RECOMMENDED_OMIT_STAGES, SENSITIVE } from './audit-policy-recommended.ts'

const INSERTED: Readonly<Record<AuditFault['fault'], readonly AuditRule[]>> = {
  anonymous: [ANONYMOUS.rule],
  leaks: [CREDENTIALS.rule],
  blind: [CREDENTIALS.rule],
  // Requests at Request level must never take in credentials.
  dropped: [CREDENTIALS.rule, ...SENSITIVE.map(({ rule }) => rule)],
  refused: [],
  unmatched: [],
}
const ORDER = [ANONYMOUS.rule, CREDENTIALS.rule, ...SENSITIVE.map(({ rule }) => rule)]

/** The policy without faults. `written`: its rules as they stand in the file, which may hold fields that we do not read. */
export function mergedPolicy(policy: AuditPolicy, written: readonly AuditRule[]): AuditPolicy {
  // A resource of nothing at all is one of the core API.
  const whole = written.map((rule) => (isSet(rule.resources) ? { ...rule, resources: rule.resources.map((one) => one ?? {}) } : rule))
  const once = mergedOnce(policy, whole)
  // A rule whose stages were all left out may turn out to log bodies.
  return auditFaults(once).length === 0 ? once : mergedOnce(once, once.rules)
}

function mergedOnce({ rules: read, omitStages: left }: AuditPolicy, written: readonly AuditRule[]): AuditPolicy {
  const omitStages = left.includes('RequestReceived') && left.includes('ResponseComplete') ? RECOMMENDED_OMIT_STAGES : left
  const faults = auditFaults({ rules: read, omitStages })
  const first = new Map<AuditRule, number>()
  for (const { fault, rule } of faults) for (const one of INSERTED[fault]) first.set(one, Math.min(rule!, first.get(one) ?? Infinity))
  const rules = written.flatMap((rule, index) => [
    ...ORDER.filter((one) => first.get(one) === index).flatMap((one) => guarded(one, written.slice(index))),
    rule,
  ])
  if (faults.some((one) => one.fault === 'unmatched')) rules.push(CATCH_ALL.rule)
  return raised({ rules, omitStages })
}

/** What is still not logged then is dropped by a rule that is too broad to stand, or by the stages left out. */
function raised(policy: AuditPolicy): AuditPolicy {
  const fault = auditFaults(policy).find((one) => one.fault !== 'unmatched')
  if (fault?.rule === undefined) return policy
  const rule = policy.rules[fault.rule]!
  if (rule.level === 'None') return raised({ ...policy, rules: policy.rules.with(fault.rule, { ...rule, level: 'Metadata' }) })
  const without = (stages: readonly string[] = []) => (fault.fault === 'refused' ? stages.filter((one) => one !== LOGIN_STAGE) : [])
  if (fault.fault === 'refused' && policy.omitStages.includes(LOGIN_STAGE))
    return raised({ ...policy, omitStages: without(policy.omitStages) })
  const { omitStages, ...rest } = rule
  if (omitStages === undefined) return policy
  const left = without(omitStages)
  return raised({ ...policy, rules: policy.rules.with(fault.rule, { ...rest, ...(left.length > 0 && { omitStages: left }) }) })
}
/** The only one that a failed login goes through. */
const LOGIN_STAGE = 'ResponseStarted'

/**
 * A rule to stand before others that may log more of the same requests: those go on logging it so, by rules of their own above it.
 * Only what carries credentials is logged less.
 */
function guarded(inserted: AuditRule, before: readonly AuditRule[]): readonly AuditRule[] {
  if (inserted === CREDENTIALS.rule) return [inserted]
  const parts = before.flatMap((rule) => {
    const both = common(inserted, rule)
    return both === undefined ? [] : [both]
  })
  const last = parts.findLastIndex(({ level }) => rank(level) > rank(inserted.level))
  if (last < 0) return [inserted]
  const kept = parts.slice(0, last + 1).map((rule) => {
    if (rank(rule.level) > rank(inserted.level)) return rule
    const { omitStages: _left, ...rest } = rule
    return { ...rest, level: inserted.level }
  })
  // Among these may be one that logs bodies of everything.
  const secrets = inserted === ANONYMOUS.rule ? [{ ...CREDENTIALS.rule, userGroups: ANONYMOUS.rule.userGroups! }] : []
  return [...secrets, ...kept, inserted]
}
const rank = (level: AuditLevel): number => AUDIT_LEVELS.indexOf(level)

/** Whatever both rules match, at the level of the second; undefined where that is nothing. The first is one of ours: by groups, or by verbs and resources. */
function common(ours: AuditRule, theirs: AuditRule): AuditRule | undefined {
  if (isSet(ours.resources) && isSet(theirs.nonResourceURLs)) return undefined
  const verbs = inBoth(ours.verbs, theirs.verbs)
  const userGroups = inBoth(ours.userGroups, theirs.userGroups)
  const resources = isSet(ours.resources) && isSet(theirs.resources) ? resourcesInBoth(ours.resources, theirs.resources) : undefined
  if ([verbs, userGroups, resources].some((list) => list?.length === 0)) return undefined
  const about = resources ?? (isSet(theirs.resources) ? theirs.resources : ours.resources)
  return {
    ...theirs,
    ...(verbs !== undefined && { verbs }),
    ...(userGroups !== undefined && { userGroups }),
    ...(isSet(about) && { resources: about }),
  }
}
const isSet = <T>(list: readonly T[] | undefined): list is readonly T[] => list !== undefined && list.length > 0

/** Undefined: neither says anything. */
const inBoth = (ours: readonly string[] | undefined, theirs: readonly string[] | undefined): readonly string[] | undefined =>
  isSet(ours) && isSet(theirs) ? ours.filter((one) => theirs.includes(one)) : isSet(ours) ? ours : isSet(theirs) ? theirs : undefined

const resourcesInBoth = (ours: readonly GroupResources[], theirs: readonly GroupResources[]): readonly GroupResources[] =>
  theirs.flatMap((their) =>
    ours.flatMap((our): readonly GroupResources[] => {
      if (their.group !== '*' && (their.group ?? '') !== (our.group ?? '')) return []
      const { resourceNames } = their
      const [a, b] = [our.resources, their.resources]
      const names = isSet(a) && isSet(b) ? b.flatMap((name) => a.flatMap((other) => nameInBoth(name, other) ?? [])) : isSet(a) ? a : b
      if (isSet(a) && isSet(b) && names!.length === 0) return []
      return [{ group: our.group ?? '', ...(isSet(names) && { resources: [...new Set(names)] }), ...(resourceNames && { resourceNames }) }]
    }),
  )

// `pods/*` and `*/exec` have `pods/exec` in common.
function nameInBoth(one: string, other: string): string | undefined {
  if (one === other || other === '*') return one
  if (one === '*') return other
  const [resource, sub] = one.split('/')
  const [otherResource, otherSub] = other.split('/')
  if (sub === '*' && resource === otherResource) return other
  if (otherSub === '*' && resource === otherResource) return one
  if (resource === '*' && sub !== undefined && (sub === otherSub || otherSub === '*')) return `${otherResource}/${sub}`
  if (otherResource === '*' && otherSub !== undefined && (sub === otherSub || sub === '*')) return `${resource}/${otherSub}`
  return undefined
}
