import { shortenTokens, type TokenEvidence } from '../../../remediations/token-lifetime.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, isOn, serverMinor } from '../../objects/flags.ts'
import { secondsOf } from '../../objects/go-duration.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { staleTokens } from '../../objects/stale-tokens.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const DAY = 86_400

export default control({
  title: 'Tokens of service accounts must be good for a day at most',
  severity: 'medium',
  why: 'A token that was copied out of a pod works from anywhere until it expires. By default the API server lets those of pods live for a year, and makes one for any time that is asked for.',
  references: [
    { standard: 'CIS', section: '1.2.30' },
    { standard: 'KS', section: 'C-0290' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, ...FLAG_LADDER.filter((kind) => kind !== 'Pod'), 'ApiServerMetrics'],
  *evaluate(view): Iterable<Observation<TokenEvidence> | Remark> {
    const minor = serverMinor(view)
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) yield* judge(instance, minor)
    yield* remarks
    if (unknown !== undefined) yield unknown
    for (const one of projected(view)) if (!('notApplicable' in one)) yield one
    const stale = staleTokens(view)
    if (stale !== undefined && stale > 0)
      yield { note: `${stale} requests came with a token that was past its time, since the API server that answered started` }
  },
  remedy: shortenTokens,
  verify: 'The metric serviceaccount_stale_tokens_total stays at 0 for a week, and nothing logs 401.',
})

function* judge(instance: ComponentInstance, minor: number | undefined): Iterable<Observation<TokenEvidence>> {
  const extend = 'service-account-extend-token-expiration'
  if (isOn(instance, extend, minor))
    yield {
      ...flagFinding(instance, extend),
      reason: 'lets the tokens of pods live for a year',
      detail: `--${extend}=${instance.flags.get(extend) || 'true (the default)'} in ${instance.name}`,
      evidence: { flag: extend, to: 'false' },
    }
  const longest = 'service-account-max-token-expiration'
  const { value } = effectiveFlag(instance, longest, minor)
  const seconds = secondsOf(value)
  // What is no duration keeps the API server from starting, so it is none that runs.
  if (seconds === undefined || seconds <= 0)
    yield {
      ...flagFinding(instance, longest),
      reason: 'makes tokens for any time that is asked for',
      detail: `--${longest} is not set in ${instance.name}`,
      evidence: { flag: longest, to: '24h' },
    }
  else if (seconds > DAY)
    yield {
      ...flagFinding(instance, longest),
      reason: 'makes tokens that live for more than a day',
      detail: `--${longest}=${value} in ${instance.name}`,
      evidence: { flag: longest, to: '24h' },
    }
}

const projected = perPodSpec<TokenEvidence>(function* (spec) {
  for (const volume of spec.volumes ?? []) {
    for (const [index, { serviceAccountToken: token }] of (volume.projected?.sources ?? []).entries()) {
      const seconds = Number(token?.expirationSeconds ?? 0)
      if (token === undefined || !(seconds > DAY)) continue
      yield {
        at: ['volumes', { name: volume.name }, 'projected', 'sources', index, 'serviceAccountToken', 'expirationSeconds'],
        reason: 'asks for a token that lives for more than a day',
        detail: `volume ${volume.name}: ${Math.round(seconds / 3600)} hours${token.audience ? `, for ${token.audience}` : ''}`,
        evidence: { volume: volume.name, seconds },
      }
    }
  }
})
