import { clean } from '../../apiserver/refusal.ts'
import { FACT_MS, type Fact, refusedPath } from './fact.ts'

/** `GET /version`. */
export const serverVersion: Fact<'ServerVersion'> = async ({ client, signal }) => {
  const answer = await client.get<{ gitVersion?: unknown; platform?: unknown }>('/version', { signal, limitMs: FACT_MS })
  if (!answer.ok) return refusedPath('/version', answer.refusal)
  const gitVersion = clean(answer.body?.gitVersion ?? '', 100)
  // Providers add to `minor` ("29+"); gitVersion has the number itself.
  const minor = Number(/^v?\d+\.(\d+)/.exec(gitVersion)?.[1])
  if (!Number.isInteger(minor))
    return { unread: { why: 'partial', because: "the API server's version is not understood", answer: 'kubectl version' } }
  return { value: { gitVersion, minor, ...(typeof answer.body.platform === 'string' && { platform: clean(answer.body.platform, 100) }) } }
}
