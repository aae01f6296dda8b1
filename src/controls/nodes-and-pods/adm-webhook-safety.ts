import { mendWebhook, type WebhookEvidence } from '../../../remediations/admission-webhook.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View, WebhookConfigurationObject } from '../../model/index.ts'
import { refOf } from '../../objects/ref.ts'
import { type WebhookFaultKind, webhookFaults } from '../../objects/webhook-faults.ts'
import { failsOpen, WEBHOOK_KINDS, type Webhook } from '../../objects/webhooks.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const ANSWERS = ['Service', ...WORKLOAD_KINDS] as const
const CONSULTS = ['Namespace', 'PodDisruptionBudget', 'ApiServerMetrics', ...ANSWERS] as const
type WebhookView = View<(typeof WEBHOOK_KINDS)[number] | (typeof CONSULTS)[number]>
type Found = Observation<WebhookEvidence>

export default control({
  title: 'Admission webhooks must fail closed, leave no way around them, and never block the cluster',
  severity: 'medium',
  why: 'A policy engine that is not asked when it is down, or that a label switches off, refuses nothing when it counts. One that is asked about everything, with a single copy to answer, stops the whole cluster when that copy is gone.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K04' },
    { standard: 'KS', section: 'C-0036' },
    { standard: 'KS', section: 'C-0039' },
  ],
  reads: WEBHOOK_KINDS,
  consults: CONSULTS,
  *evaluate(view): Iterable<Found | Remark> {
    const configurations = WEBHOOK_KINDS.flatMap((kind) => view.all(kind))
    // One without rules is asked about nothing.
    const asked = configurations.flatMap((configuration) =>
      (configuration.webhooks ?? []).filter(({ rules = [] }) => rules.length > 0).map((webhook) => ({ configuration, webhook })),
    )
    if (asked.length === 0) yield { notApplicable: 'no admission webhook is asked about anything' }
    for (const { configuration, webhook } of asked) yield* judge(configuration, webhook, view)
  },
  remedy: mendWebhook(),
  verify:
    'In a test cluster, stop the pods of the webhook: a pod that the policy forbids must still be refused, and one in kube-system must still start.',
})

function* judge(configuration: WebhookConfigurationObject, webhook: Webhook, view: WebhookView): Iterable<Found | Remark> {
  const unread = ANSWERS.map((kind) => view.unread(kind)).filter((one) => one !== undefined)
  if (webhook.clientConfig?.service !== undefined)
    for (const { because, answer } of unread) yield { unknown: `who answers for ${webhook.name}: ${because}`, answer }
  const budgets = view.unread('PodDisruptionBudget')
  if (budgets !== undefined && !failsOpen(webhook) && webhook.clientConfig?.service !== undefined)
    yield { unknown: `whether a drain may take all copies behind ${webhook.name}: ${budgets.because}`, answer: budgets.answer }
  for (const { is, field, detail } of webhookFaults(configuration, webhook, view, unread.length === 0)) {
    const { reason, ...more } = SAYING[is]
    yield {
      subject: refOf(configuration),
      at: ['webhooks', { name: webhook.name }, ...field],
      key: is,
      reason,
      detail: `${webhook.name}: ${detail}`,
      ...more,
      ...(is === 'no-backend' && !failsOpen(webhook) && { severity: 'high' as const }),
      // Files need not hold everything that runs.
      ...(is === 'no-backend' && view.source.kind === 'manifests' && { verdict: 'review' as const }),
      evidence: { is, webhook: webhook.name },
    }
  }
}

const AROUND = 'has a policy engine that whoever writes an object can get around by its labels'
const SAYING: Readonly<Record<WebhookFaultKind, Pick<Found, 'reason' | 'verdict' | 'severity'>>> = {
  ignore: { reason: 'has a policy engine that is passed over when it does not answer' },
  'object-selector': { reason: AROUND },
  'match-condition': { reason: AROUND },
  'namespace-selector': { reason: 'has a policy engine that leaves namespaces out by their labels', verdict: 'review', severity: 'low' },
  rules: { reason: 'has a policy engine that is not asked about all that changes a pod' },
  timeout: { reason: 'lets a webhook hold requests up for long', severity: 'low' },
  expired: { reason: 'trusts a CA that has expired, so that every call fails' },
  outside: { reason: 'sends what it is asked about to a server that is no Service of this cluster', verdict: 'review' },
  'no-backend': { reason: 'asks a Service that is not there' },
  single: { reason: 'can keep the pods of kube-system from starting while its only copy is away' },
  'no-budget': { reason: 'can keep the pods of kube-system from starting while a drain takes all its copies', severity: 'low' },
}
