/** Users of a kubeconfig whose way in is good until somebody thinks of it: a password, a token of a list, the token of a service account. */
import type { KubeconfigUser, Observation, Remark } from '../model/index.ts'
import type { FileUser } from './kubeconfig-file.ts'
import { kubeconfigUser } from './kubeconfig-user.ts'

/** `flag`: of the API server; absent where it is about a user of a kubeconfig. */
export interface StaticLogin {
  readonly flag?: string
  readonly user?: string
}

/** Of the user of the chosen context we know that somebody works with it; the others are there to be looked at. */
export function* lastingLogins(user: KubeconfigUser, isCurrent: boolean): Iterable<Observation<StaticLogin> | Remark> {
  const base = {
    subject: kubeconfigUser(user.name),
    origin: 'workload' as const,
    ...(!isCurrent && { verdict: 'review' as const }),
    evidence: { user: user.name },
  }
  if (user.ways.includes('basic')) yield { ...base, key: 'password', reason: 'logs in with a password that stands in the kubeconfig' }
  if (!user.ways.includes('token')) return
  const { token } = user
  if (token === undefined)
    yield {
      unknown: `the token of user ${user.name} in the kubeconfig could not be read`,
      answer: 'put the file that tokenFile names in its place',
    }
  if (token?.serviceAccount !== undefined)
    yield {
      ...base,
      key: 'token',
      reason: 'logs in as a service account',
      detail: `${token.serviceAccount}${token.expires === false ? ', with a token that never expires' : ''}`,
      ...(token.expires !== false && { severity: 'medium' as const }),
    }
  else if (token?.jwt === true && token.expires === false)
    yield {
      ...base,
      key: 'token',
      reason: 'logs in with a token that never expires',
      detail: `issued by ${token.issuer ?? 'nobody who says so'}`,
    }
  else if (token?.jwt === false)
    yield {
      ...base,
      key: 'token',
      verdict: 'review',
      reason: 'logs in with a token that says nothing of itself',
      detail: 'such tokens come from lists, webhooks or login proxies',
    }
}

/** The same for a user of a file. */
export function* loginInFile({ user, isCurrent, subject, at, place }: FileUser): Iterable<Observation<StaticLogin> | Remark> {
  for (const one of lastingLogins(user, isCurrent)) {
    if (!('evidence' in one)) {
      yield one
      continue
    }
    const detail = `user ${user.name}${one.detail === undefined ? '' : `: ${one.detail}`}${place}`
    yield { ...one, subject, at, key: `${user.name} ${one.key ?? ''}`, detail }
  }
}
