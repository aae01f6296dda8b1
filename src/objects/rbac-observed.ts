/** Rights against what was really asked for: which of them somebody used. */
import type { ObservedRequest, ObservedRequests, ObservedSubject, RbacSubject } from '../model/index.ts'
import { remembered } from './derived.ts'
import { userOf } from './rbac-grants.ts'
import type { AccessRequest } from './rbac-rules.ts'

/** Whoever made requests as this subject of a binding: one user or service account, or every member of the group. */
export function observedAs(
  observed: ObservedRequests,
  subject: RbacSubject,
  bindingNamespace: string | undefined,
): readonly ObservedSubject[] {
  const { byUser, byGroup } = indexed(observed)
  if (subject.kind === 'Group') return byGroup.get(subject.name) ?? []
  const user = userOf(subject, bindingNamespace)
  return user === undefined ? [] : (byUser.get(user) ?? [])
}

const indexed = remembered((observed: ObservedRequests) => ({
  byUser: Map.groupBy(observed.subjects, ({ user }) => user),
  byGroup: observed.subjects.reduce((groups, one) => {
    for (const group of one.groups) {
      const others = groups.get(group)
      if (others === undefined) groups.set(group, [one])
      else others.push(one)
    }
    return groups
  }, new Map<string, ObservedSubject[]>()),
}))

/** The question that the authorizer was asked; where only "any of many names" is known, one without a name: a rule must allow all. */
export const questionOf = (request: ObservedRequest): AccessRequest =>
  'path' in request
    ? { verb: request.verb, path: request.path }
    : {
        verb: request.verb,
        group: request.group,
        resource: request.resource,
        ...(request.subresource !== undefined && { subresource: request.subresource }),
        ...(request.namespace !== undefined && { namespace: request.namespace }),
        ...(request.name !== undefined && { name: request.name }),
      }
