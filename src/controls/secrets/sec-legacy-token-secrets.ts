import { HEEDED_SINCE, INVALID_SINCE, retireToken } from '../../../remediations/secret.ts'
import { control } from '../../model/define.ts'
import { FLAG_LADDER, serverMinor } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'
import { tokenLookup } from '../../objects/token-lookup.ts'

const LAST_USED = 'kubernetes.io/legacy-token-last-used'
/** LegacyServiceAccountTokenTracking (KEP-2799) is on from 1.26 on: before that no use is recorded. */
const RECORDED_SINCE = 26

export default control({
  title: 'Service accounts must not have long-lived token Secrets',
  severity: 'high',
  why: 'Such a token never expires, works from anywhere, and stays good when the pod, the laptop or the pipeline that held it is long gone. Projected tokens are bound to a pod and renewed.',
  references: [
    { standard: 'CIS', section: '3.1.2' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'OWASP', section: '2025/K03' },
    { standard: 'OWASP', section: '2025/K09' },
  ],
  reads: ['Secret', 'ServiceAccount'],
  consults: FLAG_LADDER,
  *evaluate(view) {
    const minor = serverMinor(view)
    const lookup = tokenLookup(view)
    const records = lookup !== 'off' && (minor === undefined || minor >= RECORDED_SINCE)
    let disabled = 0
    for (const secret of view.all('Secret')) {
      if (secret.type !== 'kubernetes.io/service-account-token') continue
      const { namespace = 'default', name, labels = {}, annotations = {} } = secret.metadata
      const isLabelled = Boolean(labels[INVALID_SINCE])
      if (isLabelled && lookup !== 'off' && minor !== undefined && minor >= HEEDED_SINCE) {
        disabled++
        continue
      }
      if (isLabelled && lookup !== 'off' && minor === undefined) {
        yield {
          unknown: `whether the label that switches ${namespace}/${name} off is heeded depends on the version of the API server`,
          answer: 'allow get on /version',
        }
        continue
      }
      const account = annotations['kubernetes.io/service-account.name'] ?? ''
      const automatic = view.find('ServiceAccount', namespace, account)?.secrets?.some((one) => one.name === name) === true
      const lastUsed = labels[LAST_USED] ?? null
      yield {
        subject: refOf(secret),
        reason: automatic ? 'is an automatically made token that never expires' : 'is a token that never expires',
        detail: `of service account ${account || 'unknown'}, ${usage(lastUsed, records)}${isLabelled ? `; its label ${INVALID_SINCE} means nothing ${lookup === 'off' ? 'with --service-account-lookup=false' : `to Kubernetes 1.${minor}`}` : ''}`,
        evidence: { serviceAccount: account, lastUsed, automatic },
      }
    }
    if (lookup === 'off')
      yield {
        unknown:
          'tokens of Secrets that were deleted still work and cannot be seen: the API server runs with --service-account-lookup=false',
        answer: 'set --service-account-lookup=true (sec-sa-keys)',
      }
    if (lookup === 'unseen' && disabled > 0)
      yield {
        unknown: `whether the label that switches ${disabled} token Secrets off is heeded was not seen: with --service-account-lookup=false it is not`,
        answer: 'let the flags of the API server be read (allow get on /flagz, or on pods in kube-system)',
      }
    if (disabled > 0) yield { note: `${disabled} token Secrets are switched off by the label ${INVALID_SINCE}` }
  },
  remedy: retireToken(),
  verify: 'The metrics serviceaccount_legacy_manual_token_uses_total and serviceaccount_legacy_auto_token_uses_total stay where they are.',
})

const usage = (lastUsed: string | null, records: boolean): string =>
  lastUsed !== null ? `last used on ${lastUsed}` : records ? 'no use recorded' : 'whether it is used is not recorded here'
