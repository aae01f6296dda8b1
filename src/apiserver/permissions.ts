/** What we may do, as the API server sees it. Reviews change nothing. */

import type { ApiClient } from './client.ts'
import { clean, type Refusal } from './refusal.ts'

export interface Attempt {
  readonly verb: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  /** Instead of a resource. */
  readonly path?: string
}
/** `unknown`: the review itself was refused, or an authorizer could not be asked. */
export type Verdict = {
  readonly is: 'allowed' | 'denied' | 'unknown'
  readonly because?: string /** The review itself was refused. */
  readonly refusal?: Refusal
}
type Reviewer = Pick<ApiClient, 'review'>

/** The part of a review's spec that says what is asked about. */
export const attributesOf = ({ verb, group = '', resource = '', subresource, namespace, name, path }: Attempt): object =>
  path !== undefined
    ? { nonResourceAttributes: { path, verb } }
    : {
        resourceAttributes: {
          verb,
          group,
          resource,
          ...(subresource !== undefined && { subresource }),
          ...(namespace !== undefined && { namespace }),
          ...(name !== undefined && { name }),
        },
      }

/** May we do this? (SelfSubjectAccessReview) */
export async function canI(client: Reviewer, attempt: Attempt, signal?: AbortSignal): Promise<Verdict> {
  const answer = await client.review<{ status?: { allowed?: boolean; denied?: boolean; reason?: string; evaluationError?: string } }>(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: attributesOf(attempt) },
    { ...(signal && { signal }) },
  )
  if (!answer.ok) return { is: 'unknown', because: answer.refusal.message, refusal: answer.refusal }
  const { allowed, reason, evaluationError } = answer.body.status ?? {}
  if (allowed === true) return { is: 'allowed' }
  // An authorizer that could not be asked might have allowed it: `denied` must be certain.
  if (evaluationError || allowed !== false) return { is: 'unknown', because: clean(evaluationError || 'the review has no answer') }
  return { is: 'denied', ...(reason && { because: clean(reason) }) }
}

export interface Me {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/** Who the API server takes us for (SelfSubjectReview, 1.28 and later). */
export async function whoAmI(client: Reviewer, signal?: AbortSignal): Promise<Me | Refusal> {
  const answer = await client.review<{ status?: { userInfo?: Partial<Me> } }>(
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    { ...(signal && { signal }) },
  )
  if (!answer.ok) return answer.refusal
  const { username = '', uid, groups = [], extra = {} } = answer.body.status?.userInfo ?? {}
  return { username, groups, extra, ...(uid && { uid }) }
}
