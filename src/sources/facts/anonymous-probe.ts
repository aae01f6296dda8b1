import { clean } from '../../apiserver/refusal.ts'
import { FACT_MS, type Fact, refusedPath } from './fact.ts'

/** The health paths and `/version` are open by default; the others tell whether more is. */
const PATHS = ['/livez', '/version', '/api', '/api/v1/namespaces', '/metrics', '/openapi/v2'] as const

/** What a client without any credentials is answered: the cluster's CA, no client certificate, no token. */
export const anonymousProbe: Fact<'AnonymousProbe'> = async ({ client, signal }) => {
  const answers = []
  for (const path of PATHS) {
    // Should names be open to everyone, one is proof enough.
    const answer = await client.probe(path === '/api/v1/namespaces' ? `${path}?limit=1` : path, {
      anonymous: true,
      accept: 'application/json, */*',
      signal,
      limitMs: FACT_MS,
    })
    if (!answer.ok) return refusedPath(`${path} without credentials`, answer.refusal)
    const user = answer.status === 403 ? userIn(answer.body) : undefined
    answers.push({ path, status: answer.status, ...(user !== undefined && { user }) })
  }
  return { value: { answers } }
}

/** `forbidden: User "system:anonymous" cannot get path "/metrics"`: the server took us for somebody, and then refused. */
function userIn(body: string): string | undefined {
  const user = /User \\?"([^"\\]+)\\?"/.exec(body)?.[1]
  return user === undefined ? undefined : clean(user, 200)
}
