import { closeExposure, type Exposure } from '../../../remediations/service-exposure.ts'
import { control } from '../../model/define.ts'
import type { IngressObject, Observation, RouteObject, ServiceObject } from '../../model/index.ts'
import { apiServices, type Backend, ingressBackends, isInternalLoadBalancer, routeBackends } from '../../objects/api-endpoint.ts'
import { eachContainer } from '../../objects/containers.ts'
import { remembered } from '../../objects/derived.ts'
import { ROUTE_KINDS } from '../../objects/entry-points.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'Services, Ingresses and routes must not publish the API server again',
  severity: 'high',
  why: 'A load balancer, node port or Ingress in front of the API server is a second way in that no access list of the endpoint covers. It is easily forgotten, because it looks like any other Service.',
  references: [{ standard: 'OWASP', section: '2025/K06' }],
  reads: ['Service', 'Ingress'],
  consults: ['EndpointSlice', ...ROUTE_KINDS, ...WORKLOAD_KINDS],
  *evaluate(view) {
    const { services, undecided } = apiServices(view)
    for (const { service, because } of services) yield* judgeService(service, because)
    const names = new Set(services.map(({ service: { metadata } }) => `${metadata.namespace}/${metadata.name}`))
    for (const ingress of view.all('Ingress')) yield* judgeBackends(ingress, ingressBackends(ingress), names)
    for (const kind of ROUTE_KINDS) for (const route of view.all(kind)) yield* judgeBackends(route, routeBackends(route), names)
    for (const workload of workloads(view)) yield* tunnelsOf(workload)

    for (const service of undecided.filter(leavesCluster)) {
      const unread = view.unread('EndpointSlice')!
      yield {
        unknown: `whether Service ${service.metadata.namespace}/${service.metadata.name} leads to the API server: ${unread.because}`,
        answer: unread.answer,
        subject: refOf(service),
      }
    }
    for (const kind of [...ROUTE_KINDS, 'Pod', 'Deployment', 'StatefulSet', 'DaemonSet'] as const) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
  },
  remedy: closeExposure,
  verify: 'From outside the address no longer answers; from inside https://kubernetes.default.svc/livez still does.',
})

const leavesCluster = ({ spec = {} }: ServiceObject): boolean =>
  spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.externalIPs ?? []).length > 0

function* judgeService(service: ServiceObject, because: string): Iterable<Observation<Exposure>> {
  if (!leavesCluster(service)) return
  const { type = 'ClusterIP' } = service.spec ?? {}
  const way =
    type === 'LoadBalancer' ? 'through a load balancer' : type === 'NodePort' ? 'on a port of every node' : 'on external addresses'
  const internal = type === 'LoadBalancer' && isInternalLoadBalancer(service)
  yield {
    subject: refOf(service),
    at: type === 'ClusterIP' ? ['spec', 'externalIPs'] : ['spec', 'type'],
    origin: 'workload',
    evidence: { backends: [] },
    reason: `publishes the API server ${way}${internal ? ' inside the provider network' : ''}`,
    detail: because,
    ...(internal && { verdict: 'review' as const }),
  }
}

function* judgeBackends(
  object: IngressObject | RouteObject,
  backends: readonly Backend[],
  names: ReadonlySet<string>,
): Iterable<Observation<Exposure>> {
  const leading = backends.filter(({ service }) => names.has(service))
  for (const { at, service } of leading) {
    yield {
      subject: refOf(object),
      at,
      origin: 'workload',
      reason: 'leads to the API server',
      detail: `by Service ${service}`,
      evidence: { backends: leading.map((one) => one.service) },
    }
  }
}

/** Programs that carry a way in from outside through a connection they open themselves. */
const TUNNELS =
  /(^|\/)(cloudflared|ngrok(-operator|-ingress-controller)?|inlets(-pro|-operator)?|frpc|chisel|boringproxy|zrok)(:|@|$)|(^|\/)tailscale\//

const tunnelsOf = remembered((workload: Workload): readonly Observation<Exposure>[] => [...judgeTunnel(workload)])

function* judgeTunnel({ ref, at, spec }: Workload): Iterable<Observation<Exposure>> {
  for (const { container, at: inside } of eachContainer(spec)) {
    const image = container.image ?? ''
    if (!TUNNELS.test(image)) continue
    yield {
      subject: ref,
      container: container.name,
      ...(at !== undefined && { at: [...at, ...inside, 'image'] }),
      verdict: 'review',
      evidence: { backends: [] },
      reason: 'runs a tunnel that may let the outside reach the API server',
      detail: image,
    }
  }
}
