/** How far a held right reaches once it is asked for: a name, a namespace and the scope of the resource each take something away. */
import type { Observation, PolicyRule, Severity, View } from '../model/index.ts'
import { isSystemNamespace } from './ownership.ts'
import { describeExposure, type Exposure, evidenceOf, PEOPLE, type RbacEvidence, shortList } from './rbac-exposure.ts'
import { type Grant, serviceAccountOf } from './rbac-grants.ts'
import { isNamed, overlap, type Rights } from './rbac-rules.ts'
import { workloadsOf, workloadText } from './rbac-users.ts'
import type { Workload, WorkloadKind } from './workloads.ts'

/**
 * Does the rule grant any request of these rights? The authorizer never learns the name of what is created, nor of a whole
 * collection that is deleted: a rule with resourceNames grants neither, but for subresources (`pods/binding`).
 */
export function reaches(rule: PolicyRule, rights: Rights): boolean {
  const held = overlap(rule, rights)
  if (held === undefined || !isNamed(rule)) return held !== undefined
  const ofObjects = held.verbs.filter((verb) => verb !== 'create' && verb !== 'deletecollection')
  return ofObjects.length > 0 || (held.verbs.includes('create') && held.resources.some((resource) => resource.includes('/')))
}

/** What is left of an exposure for resources that are in no namespace: bound by a RoleBinding, or written in a Role, a rule grants nothing on them. */
export function clusterWideOnly(exposure: Exposure): readonly Exposure[] {
  if (exposure.role.kind === 'Role') return []
  if (exposure.grants.length === 0) return [exposure]
  const grants = exposure.grants.filter(({ namespace }) => namespace === undefined)
  return grants.length === 0 ? [] : [{ ...exposure, grants, clusterWide: true }]
}

/** The workloads that run as its subjects, if each subject has some and all of them are such; else none. */
export function heldOnlyBy(view: View<WorkloadKind>, { grants }: Exposure, such: (workload: Workload) => boolean): readonly Workload[] {
  const users = grants.map((grant) => workloadsOf(view, [grant.subject], grant.namespace))
  return users.every((list) => list.length > 0 && list.every(such)) ? [...new Set(users.flat())] : []
}

/** Does one of its containers run an image that matches? For what is to be looked at rather than to be broken: an image proves nothing. */
export const runsImage =
  (pattern: RegExp) =>
  ({ spec }: Workload): boolean =>
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ image = '' }) => pattern.test(image))

/** One observation about an exposure: `asked` is what it is about and what the remedy takes away. */
export function sighting(
  exposure: Exposure & { readonly people?: boolean },
  {
    reason,
    asked,
    severity,
    ...more
  }: {
    readonly reason: string
    readonly asked: readonly Rights[]
    readonly severity: Severity
    /** Added to what is told of this one case. */
    readonly detail?: string
    readonly review?: boolean
    readonly origin?: 'workload' | 'system' | undefined
    readonly users?: readonly Workload[]
  },
): Observation<RbacEvidence> {
  const named = exposure.rules.every(isNamed)
  const review = more.review || exposure.people || exposure.grants.length === 0 || exposure.standing === 'labelled'
  // A role in a namespace of the platform is not the platform's own when somebody else holds it.
  const origin = exposure.standing === 'default' ? 'system' : (more.origin ?? (exposure.grants.some(isOutsider) ? 'workload' : undefined))
  return {
    subject: exposure.ref,
    at: exposure.at,
    ...((exposure.people || named) && { key: exposure.people ? PEOPLE : 'named' }),
    reason,
    detail: [describeExposure(exposure, asked), ...(more.detail === undefined ? [] : [more.detail])].join('; '),
    evidence: evidenceOf(exposure, { cut: asked }, shortList((more.users ?? []).map(workloadText))),
    severity,
    ...(origin !== undefined && { origin }),
    ...(review && { verdict: 'review' as const }),
  }
}

const isOutsider = ({ subject, namespace }: Grant): boolean => {
  const account = serviceAccountOf(subject, namespace)
  return account === undefined
    ? !/^system:(?!serviceaccounts|authenticated|unauthenticated|anonymous)/.test(subject.name)
    : !isSystemNamespace(account.namespace)
}
