import { HEEDED_SINCE, INVALID_SINCE, retireToken } from '../../../remediations/secret.ts'
import { control } from '../../model/define.ts'
import { FLAG_LADDER, serverMinor } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'

const LAST_USED = 'kubernetes.io/legacy-token-last-used'

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
    let disabled = 0
    for (const secret of view.all('Secret')) {
      if (secret.type !== 'kubernetes.io/service-account-token') continue
      const { namespace = 'default', name, labels = {}, annotations = {} } = secret.metadata
      const isLabelled = Boolean(labels[INVALID_SINCE])
      if (isLabelled && minor !== undefined && minor >= HEEDED_SINCE) {
        disabled++
        continue
      }
      if (isLabelled && minor === undefined) {
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
        detail: `of service account ${account || 'unknown'}, ${lastUsed === null ? 'no use recorded' : `last used on ${lastUsed}`}${isLabelled ? `; its label ${INVALID_SINCE} means nothing to Kubernetes 1.${minor}` : ''}`,
        evidence: { serviceAccount: account, lastUsed, automatic },
      }
    }
    if (disabled > 0) yield { note: `${disabled} token Secrets are switched off by the label ${INVALID_SINCE}` }
  },
  remedy: retireToken(),
  verify: 'The metrics serviceaccount_legacy_manual_token_uses_total and serviceaccount_legacy_auto_token_uses_total stay where they are.',
})
