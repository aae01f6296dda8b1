/** What a cluster's alerts should watch for its security (controls.md 6.08), and what the alert rules at hand do watch. */
import { parse } from 'yaml'
import type { ConfigMapObject, Json, SpecObject, View } from '../model/index.ts'
import { remembered } from './derived.ts'

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly severity: 'warning' | 'critical'
  readonly summary: string
}
export interface AlertTopic {
  readonly id: string
  /** Completes "has no alert for …". */
  readonly words: string
  /** An expression that names this watches it. */
  readonly watches: RegExp
  /** The rules this tool writes for it. */
  readonly rules: readonly AlertRule[]
}

export const ALERT_TOPICS: readonly AlertTopic[] = [
  {
    id: 'audit',
    words: 'lost audit events',
    watches: /apiserver_audit_(error_total|requests_rejected_total)/,
    rules: [
      {
        alert: 'AuditEventsLost',
        expr: 'sum(increase(apiserver_audit_error_total[15m])) > 0 or sum(increase(apiserver_audit_requests_rejected_total[15m])) > 0',
        for: '0m',
        severity: 'critical',
        summary: 'The API server could not write audit events.',
      },
    ],
  },
  {
    id: 'refused',
    words: 'refused requests (401, 403)',
    watches:
      /apiserver_request_total\{[^}]*code\s*=~?\s*"[^"]*(40[13]|4\.)|authentication_attempts|apiserver_authorization_decisions_total/,
    rules: [
      {
        alert: 'ManyRequestsForbidden',
        expr: 'sum(rate(apiserver_request_total{code="403"}[10m])) > 1',
        for: '15m',
        severity: 'warning',
        summary: 'Somebody keeps asking the API server for what they may not do.',
      },
      {
        alert: 'ManyLoginsRefused',
        expr: 'sum(rate(authentication_attempts{result=~"failure|error"}[10m])) > 0.5',
        for: '15m',
        severity: 'warning',
        summary: 'Somebody keeps trying credentials that the API server does not accept.',
      },
    ],
  },
  {
    id: 'pod-security',
    words: 'pods refused by Pod Security',
    watches: /pod_security_evaluations_total/,
    rules: [
      {
        alert: 'PodSecurityDenied',
        expr: 'sum by (policy_level, resource) (increase(pod_security_evaluations_total{decision="deny",mode="enforce"}[15m])) > 0',
        for: '0m',
        severity: 'warning',
        summary: 'Pods were refused because they ask for more than their namespace allows.',
      },
    ],
  },
  {
    id: 'certificates',
    words: 'certificates about to expire',
    watches:
      /client_certificate_expiration|certificate_manager_(client|server)_ttl|certificate_expiration|x509_cert|cert_expiry|certmanager_certificate/,
    rules: [
      {
        alert: 'ClientCertificateExpires',
        expr: 'histogram_quantile(0.01, sum by (le) (rate(apiserver_client_certificate_expiration_seconds_bucket[5m]))) < 604800 and sum(rate(apiserver_client_certificate_expiration_seconds_count[5m])) > 0',
        for: '5m',
        severity: 'warning',
        summary: 'A client talks to the API server with a certificate that expires within a week.',
      },
      {
        alert: 'KubeletCertificateExpires',
        expr: 'kubelet_certificate_manager_client_ttl_seconds < 604800',
        for: '5m',
        severity: 'warning',
        summary: 'The certificate of a kubelet expires within a week.',
      },
    ],
  },
  {
    id: 'webhooks',
    words: 'admission webhooks passed over',
    watches: /apiserver_admission_webhook_(fail_open_count|rejection_count)/,
    rules: [
      {
        alert: 'AdmissionWebhookFailedOpen',
        expr: 'sum by (name) (increase(apiserver_admission_webhook_fail_open_count[15m])) > 0',
        for: '0m',
        severity: 'critical',
        summary: 'Requests were let through because an admission webhook did not answer.',
      },
    ],
  },
]

/** The topics that no alert rule of the snapshot watches, in PrometheusRules and in rule files inside ConfigMaps. */
export function unwatchedTopics(view: View<'PrometheusRule' | 'ConfigMap'>): readonly AlertTopic[] {
  const expressions = [...view.all('PrometheusRule').flatMap(expressionsOfRule), ...view.all('ConfigMap').flatMap(expressionsOfConfigMap)]
  return ALERT_TOPICS.filter((topic) => !expressions.some((expression) => topic.watches.test(expression)))
}

const expressionsOfRule = remembered((rule: SpecObject): readonly string[] => alertExpressions(rule.spec))
const expressionsOfConfigMap = remembered((map: ConfigMapObject): readonly string[] =>
  Object.values(map.data ?? {}).flatMap((text) => {
    // Most ConfigMaps hold no rules: look before parsing.
    if (!/\balert\b/.test(text) || !/\bexpr\b/.test(text) || !/\bgroups\b/.test(text)) return []
    try {
      return alertExpressions(parse(text, { maxAliasCount: 50, logLevel: 'silent' }) as unknown)
    } catch {
      return []
    }
  }),
)

/** `groups[].rules[].expr` of the rules that alert; recording rules watch nothing. */
function alertExpressions(file: unknown): readonly string[] {
  return itemsOf(file, 'groups')
    .flatMap((group) => itemsOf(group, 'rules'))
    .flatMap((rule) => {
      const { alert, expr } = rule as { readonly alert?: Json; readonly expr?: Json }
      return typeof alert === 'string' && (typeof expr === 'string' || typeof expr === 'number') ? [String(expr)] : []
    })
}

function itemsOf(parent: unknown, key: string): readonly object[] {
  const list = parent !== null && typeof parent === 'object' ? (parent as Record<string, unknown>)[key] : undefined
  return Array.isArray(list) ? list.filter((item) => item !== null && typeof item === 'object') : []
}
