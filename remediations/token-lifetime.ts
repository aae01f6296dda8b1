/** Tokens of service accounts are made shorter, once nobody uses one that is past its time. */
import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, RemedyContext } from '../src/model/index.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { staleTokens } from '../src/objects/stale-tokens.ts'
import { proposeFlags } from './apiserver-flag.ts'
import { setPodField } from './pod-field.ts'
import { mayBreak, TEMPLATE_READS } from './pod-template.ts'

export type TokenEvidence =
  | { readonly flag: string; readonly to: string }
  /** Of a projected volume. */
  | { readonly volume: string; readonly seconds: number }

const DAY = 86_400
const FIND_THEM = 'an audit log has them with the annotation authentication.k8s.io/stale-token'

export const shortenTokens = remedy<TokenEvidence>({
  family: 'token-lifetime',
  reads: [...new Set([...FLAG_LADDER, ...TEMPLATE_READS, 'ApiServerMetrics' as const])],
  propose(finding, context): Proposal {
    const { evidence } = finding
    if ('volume' in evidence) return projection.propose(finding, context)
    if (evidence.flag !== 'service-account-extend-token-expiration')
      return proposeFlags(
        {
          flags: { [evidence.flag]: evidence.to },
          mayBreak: [
            'whoever asks for a longer token gets one for a day and a warning: a pipeline that keeps it for longer is answered 401',
          ],
        },
        finding,
        context,
      )
    return withoutExtension(evidence.flag, finding, context)
  },
})

function withoutExtension(flag: string, finding: Finding<TokenEvidence>, context: RemedyContext): Proposal {
  const stale = staleTokens(context.view)
  if (stale !== undefined && stale > 0)
    return {
      refused: `${stale} requests came with tokens past their time, from clients that never read theirs again: they would be answered 401. Update those first (${FIND_THEM})`,
    }
  return proposeFlags(
    {
      flags: { [flag]: 'false' },
      mayBreak: [
        stale === undefined
          ? `clients that never read their token again are answered 401 after an hour; whether there are any was not seen: serviceaccount_stale_tokens_total must be 0 on every API server (${FIND_THEM})`
          : 'clients that never read their token again are answered 401 after an hour; the API server that answered has seen none since it started',
      ],
      first: [
        '`kubectl get --raw /metrics | grep ^serviceaccount_stale_tokens_total` of every API server has been 0 for a week: whoever uses such a token is answered 401 afterwards',
      ],
    },
    finding,
    context,
  )
}

const projection = setPodField<TokenEvidence>({
  wish: ({ evidence }) => `expirationSeconds ${DAY} for the token in ${'volume' in evidence ? `volume ${evidence.volume}` : 'its volume'}`,
  change(place, { at = [], evidence }) {
    return {
      edits: [{ set: at.slice(place.at.length), to: DAY }],
      summary: `let the token in ${'volume' in evidence ? `volume ${evidence.volume}` : 'its volume'} live for a day`,
      // The kubelet renews any token after a day, so a client that reads it again already does.
      prediction: mayBreak('a client that reads its token at start only is answered 401 after a day'),
    }
  },
})
