/** What an audit log proves, in words, and which rights that were used a human has to confirm. */

import type { ObservedRequests, ObservedSubject, PolicyRule } from '../model/index.ts'
import type { AuditPolicy } from './audit-policy.ts'
import { auditDecision } from './audit-policy.ts'
import { compacted } from './rbac-compact.ts'
import { escalationsOf } from './rbac-escalations.ts'
import type { Grant } from './rbac-grants.ts'
import { requestsThrough, type UsageOptions } from './rbac-usage.ts'

/** A month's end and a rolling restart should be among what was seen. */
const ENOUGH_DAYS = 14

/** Days between the first and the last event, rounded down to a tenth. */
export const windowDays = ({ since, until }: Pick<ObservedRequests, 'since' | 'until'>): number =>
  Math.floor((Date.parse(until) - Date.parse(since)) / 8_640_000) / 10 || 0

/** `3.5 days`, `less than a day`. */
export function windowText(observed: Pick<ObservedRequests, 'since' | 'until'>): string {
  const days = windowDays(observed)
  return days < 1 ? 'less than a day' : days === 1 ? 'one day' : `${days} days`
}

/** Why the log proves less than it seems, one clause each. */
export function logDoubts(observed: ObservedRequests): readonly string[] {
  const days = windowDays(observed)
  return [
    ...(days < ENOUGH_DAYS
      ? [`the audit log covers ${windowText(observed)}: what is done once a month, or by a restart that did not happen, is not in it`]
      : []),
    ...(observed.blind.length > 0 ? [`nobody is seen to ${observed.blind.join(', ')}: the audit policy may leave that out`] : []),
    ...observed.doubts,
  ]
}

/** Steps up from what a subject was given (controls.md 7(a)), among rights that were used: an attacker's requests are in the log as well. */
export const toConfirm = (rules: readonly PolicyRule[], clusterWide: boolean): readonly string[] =>
  escalationsOf(rules, clusterWide).map(({ id, gains }) => `${gains} (${id})`)

/** Would such a request of one of these reach the log? By every policy that is known; with none, yes. `namespace` undefined: in any of a few. */
export function recordedBy(
  policies: readonly AuditPolicy[],
  who: readonly Pick<ObservedSubject, 'user' | 'groups'>[],
  namespace: string | undefined,
): NonNullable<UsageOptions['isRecorded']> {
  const named = policies.flatMap(({ rules }) => rules.flatMap(({ namespaces = [] }) => namespaces))
  const places = namespace === undefined ? [...new Set(['', 'default', 'kube-system', ...named])] : [namespace]
  const isLogged = ({ verb, group, resource: full }: Asked): boolean => {
    const [resource = '', subresource = ''] = full.split('/')
    return policies.every((policy) =>
      who.every((one) =>
        places.every((place) => {
          const { level, omitStages } = auditDecision(policy, {
            ...one,
            verb,
            resource: { group, resource, subresource, namespace: place },
          })
          return level !== 'None' && !omitStages.has('ResponseComplete')
        }),
      ),
    )
  }
  return (asked) => (TRACES[asked.verb] ?? [asked]).every(isLogged)
}
type Asked = Parameters<NonNullable<UsageOptions['isRecorded']>>[0]
const asked = (verb: string, group: string, ...resources: string[]): readonly Asked[] =>
  resources.map((resource) => ({ verb, group, resource }))
const RBAC = 'rbac.authorization.k8s.io'
const CERTIFICATES = 'certificates.k8s.io'
/** What is asked because of another request is in the log as far as that one is. Impersonated requests are of any kind: two stand for them. */
const TRACES: Readonly<Record<string, readonly Asked[]>> = {
  bind: [...asked('create', RBAC, 'rolebindings', 'clusterrolebindings'), ...asked('update', RBAC, 'rolebindings', 'clusterrolebindings')],
  escalate: [...asked('create', RBAC, 'roles', 'clusterroles'), ...asked('update', RBAC, 'roles', 'clusterroles')],
  approve: asked('update', CERTIFICATES, 'certificatesigningrequests/approval'),
  sign: asked('update', CERTIFICATES, 'certificatesigningrequests/status'),
  attest: asked('update', CERTIFICATES, 'clustertrustbundles'),
  impersonate: [...asked('list', '', 'pods'), ...asked('update', '', 'pods')],
}

/** Rights of a group's binding that only service accounts and components use: bind those by their names, and the people lose nothing. */
export function usedOnlyByControllers(held: readonly Grant[], observed: ObservedRequests): readonly PolicyRule[] {
  const people = { ...observed, subjects: observed.subjects.filter(({ user }) => !user.startsWith('system:')) }
  const rights = (of: ObservedRequests) =>
    new Map(
      requestsThrough(held, of).flatMap((one) => {
        if (!('resource' in one)) return []
        const { verb, group, resource, subresource } = one
        const right = { verb, group, resource: subresource ? `${resource}/${subresource}` : resource }
        return [[JSON.stringify(right), right] as const]
      }),
    )
  const byPeople = rights(people)
  return compacted([...rights(observed)].flatMap(([key, right]) => (byPeople.has(key) ? [] : [right])))
}
