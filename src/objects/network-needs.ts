/** Traffic into a namespace that the cluster's own objects show to be wanted (controls.md 7c). Hard-coded or templated host names stay unseen. */
import type { ConfigMapObject, LabelSelector, NetworkPolicyPeer, NetworkPolicyPort, ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { matchesPairs } from './selectors.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

export const NEED_KINDS = [
  ...WORKLOAD_KINDS,
  'Service',
  'Ingress',
  'HTTPRoute',
  'TLSRoute',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ConfigMap',
] as const
type NeedView = View<(typeof NEED_KINDS)[number]>

/** Pods that must stay reachable, by whom, and what says so. */
export interface Need {
  /** A name for the policy that grants it, unique in the namespace. */
  readonly name: string
  readonly pods: LabelSelector
  /** Absent: from anywhere, inside and outside the cluster. */
  readonly from?: readonly NetworkPolicyPeer[]
  readonly ports: readonly NetworkPolicyPort[]
  readonly because: readonly string[]
}

/** Needs of a namespace beyond traffic inside it, by Service and by scraped workload. */
export const needsOf = (view: NeedView, namespace: string): readonly Need[] => [
  ...view
    .all('Service')
    .filter((service) => (service.metadata.namespace ?? 'default') === namespace)
    .flatMap((service) => needOfService(view, service)),
  ...scrapes(view, namespace),
]

function needOfService(view: NeedView, service: ServiceObject): Need[] {
  const { spec = {}, metadata } = service
  if (Object.keys(spec.selector ?? {}).length === 0 || (spec.ports ?? []).length === 0) return []
  const key = `${metadata.namespace ?? 'default'}/${metadata.name}`
  const outside = [...(derived(view, openBackends).get(key) ?? []), ...exposure(service)]
  const callers = [...(derived(view, callersByService).get(key) ?? [])].filter(
    ([namespace]) => namespace !== (metadata.namespace ?? 'default'),
  )
  if (outside.length === 0 && callers.length === 0) return []
  const from =
    outside.length > 0
      ? undefined
      : callers.map(
          ([namespace]): NetworkPolicyPeer => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }),
        )
  return [
    {
      name: `allow-to-${metadata.name}`,
      pods: { matchLabels: spec.selector! },
      ...(from && { from }),
      ports: (spec.ports ?? []).map((port) => ({ protocol: port.protocol ?? 'TCP', port: port.targetPort ?? port.port })),
      because: [...outside, ...callers.map(([namespace, who]) => `${who} in namespace ${namespace} names it`)],
    },
  ]
}

/** What a Service says of itself: reached from outside the cluster, or asked by every pod (DNS). */
function exposure({ metadata, spec = {} }: ServiceObject): string[] {
  const reasons: string[] = []
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') reasons.push(`Service ${metadata.name} is of type ${spec.type}`)
  if ((spec.externalIPs ?? []).length > 0) reasons.push(`Service ${metadata.name} has external addresses`)
  if ((spec.ports ?? []).some((port) => port.port === 53)) reasons.push(`Service ${metadata.name} answers DNS for the whole cluster`)
  return reasons
}

/** Services that something routes to from outside their namespace, by `namespace/name`, with what says so. */
function openBackends(view: NeedView): ReadonlyMap<string, readonly string[]> {
  const open = new Map<string, string[]>()
  const add = (namespace: string, name: string, why: string) => {
    const key = `${namespace}/${name}`
    open.set(key, [...(open.get(key) ?? []), why])
  }
  for (const { metadata, spec = {} } of view.all('Ingress')) {
    const backends = [spec.defaultBackend, ...(spec.rules ?? []).flatMap((rule) => (rule?.http?.paths ?? []).map((path) => path?.backend))]
    for (const name of new Set(backends.map((backend) => backend?.service?.name).filter((one) => one !== undefined)))
      add(metadata.namespace ?? 'default', name, `Ingress ${metadata.name} routes to it`)
  }
  for (const route of [...view.all('HTTPRoute'), ...view.all('TLSRoute')]) {
    for (const backend of (route.spec?.rules ?? []).flatMap((rule) => rule?.backendRefs ?? [])) {
      if ((backend.kind ?? 'Service') === 'Service')
        add(backend.namespace ?? route.metadata.namespace ?? 'default', backend.name, `${route.kind} ${route.metadata.name} routes to it`)
    }
  }
  for (const configuration of [...view.all('MutatingWebhookConfiguration'), ...view.all('ValidatingWebhookConfiguration')]) {
    for (const webhook of configuration.webhooks ?? []) {
      const service = webhook.clientConfig?.service
      if (service !== undefined) add(service.namespace, service.name, `the API server calls it for webhook ${webhook.name}`)
    }
  }
  return open
}

/** Who names a Service of another namespace as `service.namespace`, in arguments, environment or a ConfigMap: by Service, then by the caller's namespace. */
function callersByService(view: NeedView): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const services = new Set(view.all('Service').map((service) => `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`))
  const callers = new Map<string, Map<string, string>>()
  const search = (text: string, namespace: string, who: string) => {
    for (const [host] of text.matchAll(HOST)) {
      // `db.shop`, `db-0.db.shop.svc.cluster.local`: a Service's name stands before its namespace's, wherever that is.
      for (const [index, part] of host.split('.').entries()) {
        const key = `${host.split('.')[index + 1]}/${part}`
        if (!services.has(key)) continue
        const known = callers.get(key) ?? new Map<string, string>()
        callers.set(key, known.set(namespace, known.get(namespace) ?? who))
      }
    }
  }
  for (const workload of workloads(view)) search(wordsOf(workload), workload.namespace, `${workload.ref.kind} ${workload.ref.name}`)
  for (const map of view.all('ConfigMap')) search(textOf(map), map.metadata.namespace ?? 'default', `ConfigMap ${map.metadata.name}`)
  return callers
}
const HOST = /[a-z0-9-]+(?:\.[a-z0-9-]+)+/g
/** Enough of a ConfigMap to find host names in; certificates and dashboards are longer and hold none. */
const textOf = (map: ConfigMapObject): string =>
  Object.values(map.data ?? {})
    .filter((text) => text.length < 200_000)
    .join('\n')

const wordsOf = ({ spec }: Workload): string =>
  [...eachContainer(spec)]
    .flatMap(({ container }) => [
      ...(container.command ?? []),
      ...(container.args ?? []),
      ...(container.env ?? []).map((variable) => variable?.value ?? ''),
    ])
    .join('\n')

/** Pods that ask to be scraped: by the namespaces that run Prometheus, or by all where none can be told. */
function scrapes(view: NeedView, namespace: string): Need[] {
  const monitors = derived(view, monitoringNamespaces).filter((one) => one !== namespace)
  const from: NetworkPolicyPeer[] =
    monitors.length === 0
      ? [{ namespaceSelector: {} }]
      : monitors.map((name) => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } }))
  return workloads(view)
    .filter((workload) => workload.namespace === namespace && workload.templateAnnotations['prometheus.io/scrape'] === 'true')
    .flatMap((workload) => {
      const labels = selectorLabels(view, workload)
      const port = Number(workload.templateAnnotations['prometheus.io/port'])
      const ports =
        Number.isInteger(port) && port > 0
          ? [port]
          : [...eachContainer(workload.spec)].flatMap(({ container }) => (container.ports ?? []).map((one) => one.containerPort))
      if (labels === undefined || ports.length === 0) return []
      return [
        {
          name: `allow-metrics-of-${workload.ref.name}`,
          pods: { matchLabels: labels },
          from,
          ports: ports.map((one) => ({ protocol: 'TCP', port: one })),
          because: [`pods of ${workload.ref.kind} ${workload.ref.name} are annotated prometheus.io/scrape`],
        },
      ]
    })
}

/** Labels by which to name a workload's pods: those a Service selects them by, else the whole template's. */
function selectorLabels(view: NeedView, workload: Workload): Readonly<Record<string, string>> | undefined {
  const service = view
    .all('Service')
    .find(
      (one) => (one.metadata.namespace ?? 'default') === workload.namespace && matchesPairs(one.spec?.selector, workload.templateLabels),
    )
  const labels =
    service?.spec?.selector ?? Object.fromEntries(Object.entries(workload.templateLabels).filter(([key]) => !CHANGING.has(key)))
  return Object.keys(labels).length === 0 ? undefined : labels
}
const CHANGING = new Set(['pod-template-hash', 'controller-revision-hash', 'pod-template-generation'])

const monitoringNamespaces = (view: NeedView): readonly string[] =>
  [
    ...new Set(
      workloads(view)
        .filter(({ spec }) =>
          [...eachContainer(spec)].some(({ container }) =>
            /(^|\/)(prometheus|vmagent|vmsingle|grafana-agent|alloy)(:|@|$)/.test(container.image ?? ''),
          ),
        )
        .map((workload) => workload.namespace),
    ),
  ].sort()
