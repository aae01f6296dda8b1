import type { ApiClient } from './client.ts'
import { type Attempt, attributesOf, type Verdict } from './permissions.ts'
import { clean } from './refusal.ts'

/** Somebody else, by name and groups, as an authenticator would say; a group alone has no user. */
export interface Identity {
  readonly user?: string
  readonly groups: readonly string[]
}

/** May they do this? Needs `create` on subjectaccessreviews.authorization.k8s.io; stores nothing (SubjectAccessReview, v1). */
export async function canThey(
  client: Pick<ApiClient, 'review'>,
  { user, groups }: Identity,
  attempt: Attempt,
  signal?: AbortSignal,
): Promise<Verdict> {
  const answer = await client.review<{ status?: { allowed?: boolean; reason?: string; evaluationError?: string } }>(
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { ...(user !== undefined && { user }), groups, ...attributesOf(attempt) },
    },
    { ...(signal && { signal }) },
  )
  if (!answer.ok) return { is: 'unknown', because: answer.refusal.message, refusal: answer.refusal }
  const { allowed, reason, evaluationError } = answer.body.status ?? {}
  if (allowed === true) return { is: 'allowed', ...(reason && { because: clean(reason) }) }
  // RBAC says so of every dangling binding too, and has decided all the same: only an answer that is none is not known.
  if (allowed !== false) return { is: 'unknown', because: clean(evaluationError || 'the review has no answer') }
  return { is: 'denied', ...(reason && { because: clean(reason) }) }
}
