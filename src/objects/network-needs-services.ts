/** Needs that Services show by themselves, and those of the API server, which calls webhooks and aggregated APIs. */
import type { ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { ANYWHERE, type Edge, type Side } from './network-edges.ts'
import { servicesByKey, TARGET_KINDS, targetsOf, textOf } from './network-service-targets.ts'
import { keyOf } from './ref.ts'
import { mapping } from './spec-fields.ts'
import { type Workload, workloads } from './workloads.ts'

export const SERVICE_NEED_KINDS = [...TARGET_KINDS, 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService'] as const
type ServiceView = View<(typeof SERVICE_NEED_KINDS)[number]>

/** To everything behind a Service, or behind one of its ports. */
export function edgesTo(
  view: View<(typeof TARGET_KINDS)[number]>,
  from: Side,
  service: ServiceObject | undefined,
  because: string,
  only?: number | string,
  depth = 0,
): readonly Edge[] {
  if (service === undefined) return []
  if (service.spec?.type === 'ExternalName') {
    const target = aliasTarget(view, service)
    const why = `${because}, as Service ${service.metadata.name} of type ExternalName`
    return depth > MOST_ALIASES ? [] : edgesTo(view, from, target, why, only, depth + 1)
  }
  return targetsOf(view, service, only).map(({ side, ports }) => ({
    from,
    to: side,
    ...(ports.length > 0 && { ports }),
    name: service.metadata.name,
    because,
  }))
}

const MOST_ALIASES = 3

/** A Service that is another name for one of the cluster leads there. Undefined: it is the name of something outside. */
export function aliasTarget(view: View<'Service'>, { spec }: ServiceObject): ServiceObject | undefined {
  const [name, namespace, svc] = (spec?.externalName ?? '').split('.')
  return svc === 'svc' ? servicesByKey(view).get(keyOf(namespace, name!)) : undefined
}

export const serviceEdges = (view: ServiceView): readonly Edge[] => [
  ...view.all('Service').flatMap((service) => exposure(service).flatMap((because) => edgesTo(view, ANYWHERE, service, because))),
  ...view.all('Service').flatMap((service) => peersOf(view, service)),
  ...workloads(view).flatMap(hostPorts),
  ...apiServerCalls(view),
]

/** What a Service says of itself: reached from outside the cluster, or asked by every pod (DNS). */
function exposure({ metadata, spec = {} }: ServiceObject): string[] {
  const reasons: string[] = []
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') reasons.push(`Service ${metadata.name} is of type ${spec.type}`)
  // The load balancer of Google Cloud sends straight to pods then ("Container-native load balancing through standalone zonal NEGs").
  if (/exposed_ports/.test(metadata.annotations?.['cloud.google.com/neg'] ?? ''))
    reasons.push(`Service ${metadata.name} is annotated cloud.google.com/neg, with ports that a load balancer calls`)
  if ((spec.externalIPs ?? []).length > 0) reasons.push(`Service ${metadata.name} has external addresses`)
  if ((spec.ports ?? []).some((port) => port.port === 53)) reasons.push(`Service ${metadata.name} answers DNS for the whole cluster`)
  return reasons
}

/** A port of the node that leads to the pod: traffic comes with the address of whoever calls the node (core/v1, `hostPort`). */
function hostPorts(workload: Workload): readonly Edge[] {
  const { ref, spec } = workload
  if (spec.hostNetwork === true) return []
  const ports = eachContainer(spec).flatMap(({ container }) => (container.ports ?? []).filter((port) => (port?.hostPort ?? 0) > 0))
  return ports.map(({ hostPort, containerPort, protocol = 'TCP' }) => ({
    from: ANYWHERE,
    to: { is: 'workloads', workloads: [workload] },
    ports: [{ protocol, port: containerPort }],
    name: ref.name,
    because: `port ${hostPort} of its node leads to ${ref.kind} ${ref.name} (hostPort)`,
  }))
}

/** Members of a StatefulSet behind a headless Service talk to each other, on whatever ports they keep among themselves. */
function peersOf(view: ServiceView, service: ServiceObject): readonly Edge[] {
  if (service.spec?.clusterIP !== 'None') return []
  return targetsOf(view, service).flatMap(({ side }) => {
    const sets = side.is === 'workloads' ? side.workloads.filter(({ ref }) => ref.kind === 'StatefulSet') : []
    return sets.map((set): Edge => {
      const one: Side = { is: 'workloads', workloads: [set], exact: true }
      const because = `pods of StatefulSet ${set.ref.name} find each other by headless Service ${service.metadata.name}`
      return { from: one, to: one, name: service.metadata.name, because }
    })
  })
}

/** From addresses that cannot be told: those of control-plane nodes, or of a managed control plane. */
function apiServerCalls(view: ServiceView): readonly Edge[] {
  const services = servicesByKey(view)
  const hooks = [...view.all('MutatingWebhookConfiguration'), ...view.all('ValidatingWebhookConfiguration')].flatMap(
    ({ webhooks = [] }) => webhooks,
  )
  return [
    ...hooks.flatMap(({ name, clientConfig }) => {
      const at = clientConfig?.service
      return at === undefined
        ? []
        : edgesTo(
            view,
            ANYWHERE,
            services.get(keyOf(at.namespace, at.name)),
            `the API server, from an address that is not known, calls it for webhook ${name}`,
            at.port ?? 443,
          )
    }),
    ...view.all('APIService').flatMap(({ metadata, spec }) => {
      const at = mapping(spec?.['service'])
      const [namespace, name] = [textOf(at['namespace']), textOf(at['name'])]
      if (namespace === undefined || name === undefined) return []
      const port = typeof at['port'] === 'number' ? at['port'] : 443
      return edgesTo(
        view,
        ANYWHERE,
        services.get(keyOf(namespace, name)),
        `the API server, from an address that is not known, calls it for APIService ${metadata.name}`,
        port,
      )
    }),
  ]
}
