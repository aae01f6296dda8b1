import { clean, refusalOfAnswer } from '../../apiserver/refusal.ts'
import { FACT_MS, type Fact, refusedPath } from './fact.ts'

/** Names of the checks that `GET /readyz?verbose` lists, passing or not. */
export const apiServerHealth: Fact<'ApiServerHealth'> = async ({ client, signal }) => {
  const answer = await client.probe('/readyz?verbose', { accept: 'text/plain', signal, limitMs: FACT_MS })
  if (!answer.ok) return refusedPath('/readyz', answer.refusal)
  const checks = [...answer.body.matchAll(/^\[[+-]\](\S+)/gm)].map(([, name = '']) => clean(name, 100))
  // A server that is not ready answers 500 and lists its checks all the same.
  if (checks.length > 0) return { value: { checks } }
  if (answer.status >= 400)
    return refusedPath('/readyz', refusalOfAnswer(answer.status, {}, answer.body, { verb: 'get', resource: '/readyz' }))
  return {
    unread: { why: 'not-served', because: 'the API server does not list its health checks', answer: 'kubectl get --raw "/readyz?verbose"' },
  }
}
