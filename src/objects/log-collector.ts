/** Log collectors among DaemonSets, and which nodes a DaemonSet reaches. */
import type { ControllerObject, Json, NodeObject, PodSpec } from '../model/index.ts'

/** By image, the last part of its name; a provider's own agents first. */
const COLLECTORS: readonly (readonly [name: string, image: RegExp])[] = [
  ['Fluent Bit', /fluent-?bit|aws-for-fluent-bit/],
  ['Fluentd', /fluentd/],
  ['Vector', /(^|\/)vector(:|@|$)|timberio\/vector/],
  ['Promtail', /promtail/],
  ['Grafana Alloy', /grafana\/(alloy|agent)(:|@|$)/],
  ['Filebeat', /filebeat/],
  ['Elastic Agent', /elastic-agent/],
  ['Logstash', /logstash/],
  ['OpenTelemetry Collector', /opentelemetry-collector|otel-?col|splunk-otel-collector|aws-otel-collector/],
  ['Datadog Agent', /datadog\/agent|(^|\/)datadog-agent/],
  ['Splunk Connect', /splunk\/(fluentd-hec|universalforwarder)/],
  ['New Relic', /newrelic-(fluentbit|infrastructure)|newrelic\/infrastructure/],
  ['Dynatrace', /dynatrace-(oneagent|logmodule)/],
  ['Sumo Logic', /sumologic/],
  ['CloudWatch agent', /cloudwatch-agent/],
  ['Azure Monitor agent', /azuremonitor\/containerinsights|ama-logs/],
  ['OCI Logging', /oci-la-fluentd|oci-kubernetes-monitoring/],
]
/** These collect metrics too, and often only those: they count as log collectors where they mount the nodes' logs. */
const NEEDS_LOGS = new Set([
  'OpenTelemetry Collector',
  'Datadog Agent',
  'CloudWatch agent',
  'Grafana Alloy',
  'Elastic Agent',
  'New Relic',
  'Dynatrace',
  'Vector',
])
const LOG_PATHS = ['/var/log', '/var/lib/docker/containers', '/var/log/containers', '/var/log/pods', '/']

/** What a DaemonSet collects logs with; undefined where it is no log collector. */
export function logCollector(set: ControllerObject): string | undefined {
  const spec = set.spec?.template?.spec
  const image = (spec?.containers ?? []).map((container) => container.image ?? '')
  const known = COLLECTORS.find(([, pattern]) => image.some((one) => pattern.test(one)))?.[0]
  if (known === undefined) return undefined
  return NEEDS_LOGS.has(known) && !mountsLogs(spec!) ? undefined : known
}

const mountsLogs = (spec: PodSpec): boolean =>
  (spec.volumes ?? []).some(
    ({ hostPath }) =>
      hostPath !== undefined &&
      LOG_PATHS.some((path) => hostPath.path.replace(/(.)\/+$/, '$1') === path || hostPath.path.startsWith('/var/log/')),
  )

/** Nothing in its pod spec keeps it from any Linux node: no selector, no affinity, and it tolerates every taint. */
export const reachesEveryNode = (spec: PodSpec): boolean =>
  Object.keys(spec.nodeSelector ?? {}).every((key) => key === 'kubernetes.io/os') &&
  nodeTerms(spec) === undefined &&
  (spec.tolerations ?? []).some(({ key, operator, effect }) => (key ?? '') === '' && operator === 'Exists' && (effect ?? '') === '')

/** Why its pods do not run on a node; undefined where they do. As the DaemonSet controller and the scheduler decide. */
export function whyNotOn(node: NodeObject, spec: PodSpec): string | undefined {
  const labels = node.metadata.labels ?? {}
  const missing = Object.entries(spec.nodeSelector ?? {}).find(([key, value]) => labels[key] !== value)
  if (missing !== undefined) return `nodeSelector ${missing[0]}=${missing[1]}`
  const terms = nodeTerms(spec)
  if (terms !== undefined && !terms.some((term) => termMatches(term, node))) return 'node affinity'
  const taint = (node.spec?.taints ?? []).find((one) => one.effect !== 'PreferNoSchedule' && !isTolerated(one, spec))
  return taint === undefined
    ? undefined
    : `taint ${taint.key}${taint.value === undefined || taint.value === '' ? '' : `=${taint.value}`}:${taint.effect}`
}

/** Added to every DaemonSet pod by its controller. */
const TOLERATED_BY_ALL = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/unschedulable',
])
type Taint = { readonly key: string; readonly value?: string; readonly effect: string }

const isTolerated = (taint: Taint, spec: PodSpec): boolean =>
  TOLERATED_BY_ALL.has(taint.key) ||
  (spec.hostNetwork === true && taint.key === 'node.kubernetes.io/network-unavailable') ||
  (spec.tolerations ?? []).some(
    ({ key = '', operator = 'Equal', value = '', effect = '' }) =>
      (effect === '' || effect === taint.effect) &&
      (operator === 'Exists' ? key === '' || key === taint.key : key === taint.key && value === (taint.value ?? '')),
  )

// ── node affinity ──────────────────────────────────────────────────────────────────────────────
interface Expression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}
interface Term {
  readonly matchExpressions?: readonly Expression[]
  readonly matchFields?: readonly Expression[]
}

/** Required node affinity; undefined where there is none. */
function nodeTerms(spec: PodSpec): readonly Term[] | undefined {
  const { affinity } = spec as PodSpec & {
    readonly affinity?: {
      readonly nodeAffinity?: { readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly Term[] } }
    }
  }
  const terms: Json | readonly Term[] | undefined =
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return Array.isArray(terms) ? (terms as readonly Term[]) : undefined
}

/** A term without any expression matches nothing. */
function termMatches({ matchExpressions = [], matchFields = [] }: Term, { metadata }: NodeObject): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  return (
    matchExpressions.every((one) => expressionMatches(one, metadata.labels?.[one.key])) &&
    matchFields.every((one) => one.key === 'metadata.name' && expressionMatches(one, metadata.name))
  )
}

function expressionMatches({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
    default:
      return false
  }
}

/** Nodes on which no DaemonSet runs: the provider plays them. */
export const isVirtualNode = ({ metadata: { labels = {} } }: NodeObject): boolean =>
  labels['eks.amazonaws.com/compute-type'] === 'fargate' || labels['type'] === 'virtual-kubelet'
