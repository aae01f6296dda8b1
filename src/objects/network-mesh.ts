/** Needs of workloads in a mesh: their proxies ask a control plane, and some of their traffic comes by a port of the proxy. */
import type { PodSpec, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import type { Edge, Side } from './network-edges.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

export const MESH_KINDS = [...WORKLOAD_KINDS, 'Namespace'] as const
type MeshView = View<(typeof MESH_KINDS)[number]>
type Mesh = 'istio' | 'linkerd'

const PROXIES: readonly (readonly [Mesh, RegExp])[] = [
  ['istio', /(^|\/)proxyv2(:|@|-|$)/],
  ['linkerd', /(^|\/)linkerd\/proxy(:|@|$)|(^|\/)linkerd2-proxy(:|@|$)/],
]
/** Of Istio, Linkerd, Consul and Kuma: what every proxy asks. */
const CONTROL_PLANE =
  /(^|\/)(istio\/)?(pilot|ztunnel)(:|@|$)|linkerd\/(controller|policy-controller)(:|@|$)|(^|\/)(consul-k8s-control-plane|kuma-cp)(:|@|$)/

export const isControlPlaneOfMesh = ({ spec }: Workload): boolean =>
  (spec.containers ?? []).some(({ image = '' }) => CONTROL_PLANE.test(image))

/** A proxy beside its containers, or a webhook that adds one to the next pod: by labels of Istio, annotations of Linkerd. */
function meshOf(view: MeshView, { namespace, spec, pods, templateLabels, templateAnnotations }: Workload): Mesh | undefined {
  if (spec.hostNetwork === true) return undefined
  const specs = [spec, ...pods.flatMap((pod) => pod.spec ?? [])]
  const seen = PROXIES.find(([, image]) => specs.some((one) => hasProxy(one, image)))?.[0]
  if (seen !== undefined) return seen
  const { labels = {}, annotations = {} } = view.find('Namespace', undefined, namespace)?.metadata ?? {}
  const linkerd = templateAnnotations['linkerd.io/inject'] ?? annotations['linkerd.io/inject']
  if (linkerd === 'enabled' || linkerd === 'ingress') return 'linkerd'
  const istio = templateLabels['sidecar.istio.io/inject'] ?? templateAnnotations['sidecar.istio.io/inject']
  if (istio === 'false') return undefined
  const isNamespace =
    labels['istio-injection'] === 'enabled' || (labels['istio-injection'] === undefined && labels['istio.io/rev'] !== undefined)
  return istio === 'true' || (isNamespace && labels['istio.io/dataplane-mode'] !== 'ambient') ? 'istio' : undefined
}
const hasProxy = (spec: PodSpec, image: RegExp): boolean => eachContainer(spec).some(({ container }) => image.test(container.image ?? ''))

/** Its proxies take what other proxies send by this port too, whatever port it is meant for (linkerd.io, "Opaque ports"). */
export const takesByLinkerd = (view: MeshView, namespace: string): boolean => derived(view, linkerdNamespaces).has(namespace)
const linkerdNamespaces = (view: MeshView): ReadonlySet<string> =>
  new Set(workloads(view).flatMap((one) => (meshOf(view, one) === 'linkerd' ? [one.namespace] : [])))

const tcp = (...ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }))
/** Where each is installed unless somebody chose otherwise; ports of identity and discovery. */
const CONTROL_PLANES = {
  istio: { image: /(^|\/)pilot(:|@|-|$)/, namespace: 'istio-system', labels: { app: 'istiod' }, ports: tcp(15012, 15010), name: 'istiod' },
  linkerd: {
    image: /(^|\/)linkerd\/(controller|policy-controller)(:|@|$)/,
    namespace: 'linkerd',
    labels: { 'linkerd.io/control-plane-ns': 'linkerd' },
    ports: tcp(8080, 8086, 8090),
    name: 'linkerd',
  },
} as const

export function meshEdges(view: MeshView): readonly Edge[] {
  const all = workloads(view)
  const watching = all.filter(({ namespace }) => namespace === 'linkerd-viz')
  return all.flatMap((workload): readonly Edge[] => {
    const mesh = meshOf(view, workload)
    if (mesh === undefined || isControlPlaneOfMesh(workload)) return []
    const { image, namespace, labels, ports, name } = CONTROL_PLANES[mesh]
    const here = all.filter(({ spec }) => (spec.containers ?? []).some((container) => image.test(container.image ?? '')))
    const to: Side = here.length > 0 ? { is: 'workloads', workloads: here } : { is: 'selector', namespace, labels }
    const [own, title]: [Side, string] = [{ is: 'workloads', workloads: [workload] }, mesh === 'istio' ? 'Istio' : 'Linkerd']
    const because = `the proxy (${title}) of ${workload.ref.kind} ${workload.ref.name} asks the control plane of the mesh`
    const asks: Edge = { from: own, to, ports, name, because }
    if (mesh !== 'linkerd' || watching.length === 0 || workload.namespace === 'linkerd-viz') return [asks]
    const viz: Side = { is: 'workloads', workloads: watching }
    return [
      asks,
      { from: viz, to: own, ports: tcp(4190, 4191), name: workload.ref.name, because: 'linkerd-viz asks its proxies for metrics and taps' },
    ]
  })
}
