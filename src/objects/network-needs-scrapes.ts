/** Needs of whoever collects metrics: annotations, ServiceMonitors and PodMonitors. */
import type { LabelSelector, NetworkPolicyPort, ServiceObject, SpecObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { callersSide, type Edge, EVERY_POD, type Side } from './network-edges.ts'
import { edgesTo } from './network-needs-services.ts'
import { distinct, namespaceOf, selectedBy, TARGET_KINDS, targetsOf } from './network-service-targets.ts'
import { matchesSelector } from './selectors.ts'
import { list, type Mapping, mapping } from './spec-fields.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

export const SCRAPE_NEED_KINDS = [...TARGET_KINDS, 'ServiceMonitor', 'PodMonitor'] as const
type ScrapeView = View<(typeof SCRAPE_NEED_KINDS)[number]>

export const scrapeEdges = (view: ScrapeView): readonly Edge[] => [
  ...workloads(view).flatMap((workload) => ofWorkload(view, workload)),
  ...view.all('Service').flatMap((service) => ofService(view, service)),
  ...view.all('ServiceMonitor').flatMap((monitor) => ofServiceMonitor(view, monitor)),
  ...view.all('PodMonitor').flatMap((monitor) => ofPodMonitor(view, monitor)),
]

/** By its image: what pulls metrics out of pods. One beside an application, as a sidecar, pulls from that alone. */
const COLLECTORS =
  /(^|\/)(prometheus|vmagent|vmsingle|victoria-metrics|grafana-agent|agent|alloy|opentelemetry-collector(-[\w-]+)?|otelcol(-[\w-]+)?)(:|@|$)/
/** Collects nothing from other pods. */
const OTHER_AGENTS = /(^|\/)(datadog|elastic|newrelic|[\w.-]*jenkins[\w.-]*|gitlab|buildkite|teamcity)\/.*agent(:|@|$)/

export const metricsCollectors = (view: View<WorkloadKind>): readonly Workload[] => derived(view, findCollectors)
const findCollectors = (view: View<WorkloadKind>): readonly Workload[] =>
  workloads(view).filter(({ spec }) =>
    (spec.containers ?? []).some(
      ({ image = '' }, index) => COLLECTORS.test(image) && !OTHER_AGENTS.test(image) && (index === 0 || /prometheus/.test(image)),
    ),
  )

/** Services of collectors whose pods are not there: an operator makes them of a custom resource. */
export const awaitedCollectors = (view: View<(typeof TARGET_KINDS)[number]>): readonly ServiceObject[] => derived(view, findAwaited)
const findAwaited = (view: View<(typeof TARGET_KINDS)[number]>): readonly ServiceObject[] =>
  view
    .all('Service')
    .filter((service) => service.spec?.selector?.['app.kubernetes.io/name'] === 'prometheus' && selectedBy(view, service).length === 0)

/** Every pod where no collector can be told: it may be one that we do not know. */
const collectors = (view: ScrapeView): Side => {
  const found = metricsCollectors(view)
  if (found.length > 0) return callersSide(found)
  const [one, ...others] = awaitedCollectors(view)
  return one === undefined || others.some((other) => namespaceOf(other) !== namespaceOf(one))
    ? EVERY_POD
    : { is: 'namespace', name: namespaceOf(one) }
}

const annotationPort = (annotations: Readonly<Record<string, string>> | undefined): number | undefined => {
  const port = Number(annotations?.['prometheus.io/port'])
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined
}

/** Live pods too: a mesh's webhook annotates those that it gives a proxy. */
function ofWorkload(view: ScrapeView, workload: Workload): readonly Edge[] {
  const all = [workload.templateAnnotations, ...workload.pods.map(({ metadata }) => metadata.annotations ?? {})]
  const asking = all.filter((annotations) => annotations['prometheus.io/scrape'] === 'true')
  const named = asking.map(annotationPort)
  const ports = [...(named.includes(undefined) ? declaredPorts(workload) : []), ...named.filter((port) => port !== undefined)]
  if (asking.length === 0 || ports.length === 0) return []
  return [
    {
      from: collectors(view),
      to: { is: 'workloads', workloads: [workload] },
      ports: distinct(ports.map((port): NetworkPolicyPort => ({ protocol: 'TCP', port }))),
      name: workload.ref.name,
      because: `pods of ${workload.ref.kind} ${workload.ref.name} are annotated prometheus.io/scrape`,
    },
  ]
}
const declaredPorts = ({ spec }: Workload): readonly number[] =>
  eachContainer(spec).flatMap(({ container }) => (container.ports ?? []).map(({ containerPort }) => containerPort))

function ofService(view: ScrapeView, service: ServiceObject): readonly Edge[] {
  const { name, annotations = {} } = service.metadata
  if (annotations['prometheus.io/scrape'] !== 'true') return []
  const because = `Service ${name} is annotated prometheus.io/scrape`
  const port = annotationPort(annotations)
  return edgesTo(view, collectors(view), service, because).map((edge) =>
    port === undefined ? edge : { ...edge, ports: distinct([...(edge.ports ?? []), { protocol: 'TCP', port }]) },
  )
}

/** `spec.namespaceSelector`: `any`, or `matchNames`; its own namespace by default (monitoring.coreos.com/v1). */
function isWatched(monitor: SpecObject, namespace: string): boolean {
  const { any, matchNames } = mapping(monitor.spec?.['namespaceSelector'])
  const names = list(matchNames).map(String)
  return any === true || (names.length > 0 ? names.includes(namespace) : namespace === namespaceOf(monitor))
}
const selectorOf = (monitor: SpecObject): LabelSelector => (monitor.spec?.['selector'] ?? {}) as LabelSelector

function ofServiceMonitor(view: ScrapeView, monitor: SpecObject): readonly Edge[] {
  const endpoints = list(monitor.spec?.['endpoints']).map(mapping)
  const because = `ServiceMonitor ${monitor.metadata.name} in namespace ${namespaceOf(monitor)} has it scraped`
  return view
    .all('Service')
    .filter((service) => isWatched(monitor, namespaceOf(service)) && matchesSelector(selectorOf(monitor), service.metadata.labels))
    .flatMap((service) =>
      endpoints.flatMap((endpoint) => {
        if (typeof endpoint['port'] === 'string') return edgesTo(view, collectors(view), service, because, endpoint['port'])
        return targetsOf(view, service).flatMap(({ side }): readonly Edge[] => {
          const ports = side.is === 'workloads' ? endpointPorts(endpoint, side.workloads) : []
          return ports.length === 0 ? [] : [{ from: collectors(view), to: side, ports, name: service.metadata.name, because }]
        })
      }),
    )
}

function ofPodMonitor(view: ScrapeView, monitor: SpecObject): readonly Edge[] {
  const endpoints = list(monitor.spec?.['podMetricsEndpoints']).map(mapping)
  return workloads(view)
    .filter(
      ({ namespace, templateLabels, pods }) =>
        isWatched(monitor, namespace) &&
        [templateLabels, ...pods.map(({ metadata }) => metadata.labels ?? {})].some((labels) =>
          matchesSelector(selectorOf(monitor), labels),
        ),
    )
    .flatMap((workload): readonly Edge[] => {
      const ports = distinct(endpoints.flatMap((endpoint) => endpointPorts(endpoint, [workload])))
      const because = `PodMonitor ${monitor.metadata.name} in namespace ${namespaceOf(monitor)} has it scraped`
      return ports.length === 0
        ? []
        : [{ from: collectors(view), to: { is: 'workloads', workloads: [workload] }, ports, name: workload.ref.name, because }]
    })
}

/** A number as it stands; a name by what the containers call so. */
function endpointPorts(endpoint: Mapping, of: readonly Workload[]): readonly NetworkPolicyPort[] {
  const asked = [endpoint['portNumber'], endpoint['targetPort'], endpoint['port']].find((one) => one !== undefined && one !== null)
  if (typeof asked === 'number') return [{ protocol: 'TCP', port: asked }]
  return of.flatMap(({ spec }) =>
    eachContainer(spec).flatMap(({ container }) =>
      (container.ports ?? []).filter(({ name }) => name === asked).map(({ containerPort }) => ({ protocol: 'TCP', port: containerPort })),
    ),
  )
}
