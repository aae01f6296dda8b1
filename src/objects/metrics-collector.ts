/** What gathers metrics in a cluster, told by its images, and where Alertmanager sends what it is told. */
import { parse } from 'yaml'
import type { ConfigMapObject } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import type { Workload } from './workloads.ts'

const PROMETHEUS = /(^|\/)prometheus(:|@|$)/
const ALERTMANAGER = /(^|\/)(alertmanager|vmalertmanager)(:|@|$)/
/** They keep their alert rules where this tool does not look. */
const OTHERS: readonly (readonly [name: string, image: RegExp])[] = [
  ['VictoriaMetrics', /(^|\/)(vmagent|vmalert|vmsingle|victoria-metrics)(:|@|$)/],
  ['Grafana', /grafana\/(alloy|agent|grafana)(:|@|$)/],
  ['Datadog', /datadog\/(agent|cluster-agent)|(^|\/)datadog-agent/],
  ['New Relic', /newrelic\//],
  ['Dynatrace', /dynatrace-/],
  ['Azure Monitor', /prometheus-collector|ama-metrics|containerinsights/],
  ['Google Cloud Monitoring', /gke-metrics-agent|prometheus-engine\//],
  ['Amazon CloudWatch', /cloudwatch-agent|aws-otel-collector/],
  ['Instana', /instana\//],
  ['Sysdig', /sysdig\//],
]

const runs = ({ spec }: Workload, image: RegExp): boolean => eachContainer(spec).some(({ container }) => image.test(container.image ?? ''))

export const isPrometheus = remembered((workload: Workload): boolean => runs(workload, PROMETHEUS))
export const isAlertmanager = remembered((workload: Workload): boolean => runs(workload, ALERTMANAGER))
/** The name of whatever else gathers metrics. */
export function otherCollector(workloads: readonly Workload[]): string | undefined {
  const seen = new Set(workloads.flatMap((workload) => othersIn(workload)))
  return OTHERS.find(([name]) => seen.has(name))?.[0]
}
const othersIn = remembered((workload: Workload): readonly string[] =>
  OTHERS.filter(([, image]) => runs(workload, image)).map(([name]) => name),
)

export interface AlertmanagerConfiguration {
  readonly map: ConfigMapObject
  readonly key: string
  readonly sendsNowhere: boolean
}

/** The configurations of Alertmanager that stand in ConfigMaps; most stand in Secrets, which are not read. */
export const alertmanagerConfigurations = (maps: readonly ConfigMapObject[]): readonly AlertmanagerConfiguration[] =>
  maps.flatMap((map) =>
    Object.entries(map.data ?? {})
      .filter(([key]) => /^alertmanager\.ya?ml$/.test(key))
      .map(([key, text]) => ({ map, key, sendsNowhere: sendsNowhere(text) })),
  )

/** No receiver has any configuration. What cannot be understood is not judged. */
function sendsNowhere(text: string): boolean {
  try {
    const file = parse(text, { maxAliasCount: 50, logLevel: 'silent' }) as { readonly receivers?: unknown } | null
    if (!Array.isArray(file?.receivers)) return false
    return !file.receivers.some((receiver: object | null) =>
      Object.entries(receiver ?? {}).some(([name, value]) => name.endsWith('_configs') && Array.isArray(value) && value.length > 0),
    )
  } catch {
    return false
  }
}
