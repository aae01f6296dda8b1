/** Log collectors among DaemonSets, and which nodes a DaemonSet reaches. */
import type { ControllerObject, NodeObject, PodSpec } from '../model/index.ts'
import { nodeTerms } from './scheduling.ts'

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

/** Nodes on which no DaemonSet runs: the provider plays them. */
export const isVirtualNode = ({ metadata: { labels = {} } }: NodeObject): boolean =>
  labels['eks.amazonaws.com/compute-type'] === 'fargate' || labels['type'] === 'virtual-kubelet'
