import { alertRules, PROMETHEUS_RULE_CRD } from '../../../remediations/alert-rules.ts'
import { control } from '../../model/define.ts'
import type { ConfigMapObject, ObjectRef, Observation, Remark, View } from '../../model/index.ts'
import { unwatchedTopics } from '../../objects/alert-topics.ts'
import { alertmanagerConfigurations, isAlertmanager, isPrometheus, otherCollector } from '../../objects/metrics-collector.ts'
import { refOf, WHOLE_CLUSTER } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

interface Evidence {
  readonly byHand?: string
  readonly missing?: readonly string[]
}

export default control({
  title: 'Metrics must be gathered and security events must raise alerts',
  severity: 'medium',
  why: "Refused logins, lost audit events and webhooks that fail open show in the API server's metrics long before anybody notices otherwise. Metrics that nobody watches help nobody.",
  references: [
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K05' },
    { standard: 'OWASP', section: '2025/K10' },
  ],
  reads: [...WORKLOAD_KINDS],
  consults: ['CustomResourceDefinition', 'PrometheusRule', 'ConfigMap'],
  *evaluate(view) {
    const running = workloads(view)
    const prometheus = running.find(isPrometheus)
    const hasOperator =
      view.find('CustomResourceDefinition', undefined, PROMETHEUS_RULE_CRD) !== undefined || view.all('PrometheusRule').length > 0
    if (prometheus !== undefined || hasOperator) {
      yield* judgeRules(prometheus?.ref ?? WHOLE_CLUSTER, view)
      yield* judgeReceivers(prometheus?.ref ?? WHOLE_CLUSTER, running, view)
      return
    }
    const other = otherCollector(running)
    if (other !== undefined)
      yield {
        unknown: `${other} gathers the metrics, and its alert rules are not in the cluster's objects`,
        answer: `look in ${other} for alerts on refused requests, lost audit events and expiring certificates`,
      }
    else
      yield {
        subject: WHOLE_CLUSTER,
        verdict: 'review',
        reason: 'has nothing that gathers metrics',
        detail: 'a provider that gathers them from outside would not be seen',
        evidence: {
          byHand:
            "install Prometheus with Alertmanager, for instance by the Helm chart kube-prometheus-stack, or switch on the provider's managed monitoring",
        },
        key: 'absent',
      }
  },
  remedy: alertRules,
  verify: 'The rules show in Prometheus under /rules, and a test alert is delivered.',
})

function* judgeRules(subject: ObjectRef, view: View<'PrometheusRule' | 'ConfigMap'>): Iterable<Observation<Evidence> | Remark> {
  const missing = unwatchedTopics(view).map((topic) => topic.words)
  if (missing.length === 0) return
  const unread = (['PrometheusRule', 'ConfigMap'] as const).flatMap((what) => view.unread(what) ?? [])
  if (unread.length === 0)
    yield {
      subject,
      origin: 'workload',
      reason: 'has no alerts for some security events',
      detail: missing.join(', '),
      evidence: { missing },
      key: 'alerts',
    }
  for (const { because, answer } of unread) yield { unknown: `whether there are alerts for ${missing.join(', ')}: ${because}`, answer }
}

function* judgeReceivers(
  subject: ObjectRef,
  running: readonly Workload[],
  view: View<'ConfigMap'>,
): Iterable<Observation<Evidence> | Remark> {
  const configurations = alertmanagerConfigurations(view.all('ConfigMap'))
  for (const { map, key, sendsNowhere } of configurations) if (sendsNowhere) yield silent(map, key)
  if (running.some(isAlertmanager)) {
    if (configurations.length === 0) yield { note: 'where Alertmanager sends alerts is in a Secret, and not read' }
    return
  }
  yield {
    subject,
    origin: 'workload',
    verdict: 'review',
    reason: 'has no Alertmanager in this cluster',
    detail: 'one elsewhere would not be seen',
    evidence: {
      byHand: 'run Alertmanager with a receiver that people read, or name one outside the cluster in the alerting section of Prometheus',
    },
    key: 'alertmanager',
  }
}

const silent = (map: ConfigMapObject, key: string): Observation<Evidence> => ({
  subject: refOf(map),
  at: ['data', key],
  origin: 'workload',
  reason: 'has Alertmanager send alerts nowhere',
  evidence: { byHand: 'give the route a receiver with an address: e-mail, a pager, a chat room' },
  key: 'receivers',
})
