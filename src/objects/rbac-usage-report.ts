/** What one subject holds, next to what an audit log shows: used, not used, used by controllers alone, and asked for in vain. */
import type { ObservedRequests, PolicyRule, View } from '../model/index.ts'
import { readAuditPolicy } from './audit-policy-read.ts'
import { compacted, compactedPaths } from './rbac-compact.ts'
import { type Grant, grants, grantsOf, type RbacView } from './rbac-grants.ts'
import { groupsOf, type Identity } from './rbac-graph-subjects.ts'
import { observedAs } from './rbac-observed.ts'
import { ruleText } from './rbac-rules.ts'
import { type ServedView, universeOf } from './rbac-served.ts'
import { usageOf } from './rbac-usage.ts'
import { logDoubts, recordedBy, usedOnlyByControllers } from './rbac-usage-words.ts'
import { refOf, refText } from './ref.ts'

export interface UsageReport {
  /** RFC 3339: the first and the last event of the log. */
  readonly since: string
  readonly until: string
  /** Did it, or for a group one of its members, ask for anything at all? */
  readonly seen: boolean
  readonly bindings: readonly {
    readonly binding: string
    readonly used: readonly string[]
    readonly unused: readonly string[]
    /** No audit log shows whether these are used. */
    readonly unseen: readonly string[]
    /** Of a group: used, but by none of its people. */
    readonly usedOnlyByControllers: readonly string[]
  }[]
  /** Asked for, and refused every time. */
  readonly denied: readonly string[]
  /** Why the log proves less than it seems. */
  readonly doubts: readonly string[]
}
export type UsageReportView = RbacView & ServedView & View<'ObservedRequests' | 'AuditPolicy'>

/** Undefined: no audit log was given. */
export function usageReport(view: UsageReportView, identity: Identity): UsageReport | undefined {
  const observed = view.fact('ObservedRequests')
  if (observed === undefined) return undefined
  const seen = observedAs(observed, identity, identity.namespace)
  // Through a group, only what this very subject asked for counts.
  const alone: ObservedRequests = { ...observed, subjects: seen }
  const groups = [...new Set([...groupsOf(identity), ...(identity.kind === 'Group' ? [] : seen.flatMap((one) => one.groups))])]
  const user = identity.kind === 'ServiceAccount' ? `system:serviceaccount:${identity.namespace}:${identity.name}` : identity.name
  const held = grantsOf(grants(view), identity.kind === 'Group' ? '' : user, groups).filter(({ rules }) => rules.length > 0)
  const policies = view.all('AuditPolicy').map((file) => readAuditPolicy(file).policy)
  const denied = seen.flatMap(({ requests }) => requests).filter((one) => one.was === 'denied')
  return {
    since: observed.since,
    until: observed.until,
    seen: seen.length > 0,
    bindings: [...Map.groupBy(held, ({ binding }) => binding)].map(([binding, same]) => {
      const isRecorded = recordedBy(policies, seen, same[0]!.namespace)
      const asked = same.map((grant): Grant => ({ ...grant, subject: identity }))
      const { used, unused, unseen } = usageOf(asked.slice(0, 1), alone, { universe: universeOf(view), isRecorded })
      return {
        binding: refText(refOf(binding)),
        used: used.map(ruleText),
        unused: unused.map(ruleText),
        unseen: unseen.map(ruleText),
        usedOnlyByControllers: identity.kind === 'Group' ? usedOnlyByControllers(asked.slice(0, 1), alone).map(ruleText) : [],
      }
    }),
    denied: rulesOfRequests(denied).map(ruleText),
    doubts: [
      ...logDoubts(observed),
      ...(policies.length === 0 ? ['the audit policy is not known here: what it leaves out looks unused'] : []),
    ],
  }
}

const rulesOfRequests = (requests: ObservedRequests['subjects'][number]['requests']): readonly PolicyRule[] => [
  ...compacted(
    requests
      .filter((one) => 'resource' in one)
      .map(({ verb, group, resource, subresource }) => ({ verb, group, resource: subresource ? `${resource}/${subresource}` : resource })),
  ),
  ...compactedPaths(requests.filter((one) => 'path' in one)),
]

/** Lines for people. `who`: the subject as it was asked for. */
export function usageText({ since, until, seen, bindings, denied, doubts }: UsageReport, who: string): readonly string[] {
  const part = (title: string, rules: readonly string[]) =>
    rules.length === 0 ? [] : [`  ${title}:`, ...rules.map((rule) => `    ${rule}`)]
  return [
    ...(seen ? [] : [`${who} is not in the audit log (${since} to ${until})`]),
    ...bindings.flatMap((one) => [
      `${one.binding}:`,
      ...part('granted and used', one.used),
      ...part('of that, used only by service accounts and components', one.usedOnlyByControllers),
      ...part('granted and unused', one.unused),
      ...part('granted, and no audit log shows whether it is used', one.unseen),
    ]),
    ...(denied.length > 0 ? ['asked for and refused every time, so probably not needed:', ...denied.map((rule) => `  ${rule}`)] : []),
    ...doubts.map((doubt) => `note: ${doubt}`),
  ]
}
