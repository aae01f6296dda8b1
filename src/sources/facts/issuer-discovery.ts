import { clean } from '../../apiserver/refusal.ts'
import { FACT_MS, type Fact, refusedPath } from './fact.ts'

const PATH = '/.well-known/openid-configuration'

/** Served only where the first issuer is an https URL: a 404 does not say what it is instead. */
export const issuerDiscovery: Fact<'IssuerDiscovery'> = async ({ client, signal }) => {
  const answer = await client.get<{ issuer?: unknown; jwks_uri?: unknown }>(PATH, { signal, limitMs: FACT_MS })
  if (!answer.ok) return refusedPath(PATH, answer.refusal)
  const { issuer, jwks_uri: jwks } = answer.body ?? {}
  if (typeof issuer !== 'string' || issuer === '')
    return { unread: { why: 'partial', because: `${PATH} names no issuer`, answer: `kubectl get --raw ${PATH}` } }
  return { value: { issuer: clean(issuer, 300), ...(typeof jwks === 'string' && { jwksUri: clean(jwks, 300) }) } }
}
