/** Pods that are there for everybody: behind a public Service, a route from outside, DNS, or called by the API server. */
import type { View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { END_KINDS, type PodEnd } from './network-ends.ts'
import { NEED_READS } from './network-needs.ts'
import { type Need, needsOfWorkload } from './network-workload-needs.ts'

export const PUBLIC_KINDS = [...new Set([...NEED_READS, ...END_KINDS])] as const
type PublicView = View<(typeof PUBLIC_KINDS)[number]>

/** What must reach pods, besides the pods of their namespace. */
export const needsFor = (view: PublicView, pod: PodEnd): readonly Need[] => needsOfWorkload(view, pod.workload)

/** A rule that lets everybody in is right for them. */
export const isPublic = (view: PublicView, pod: PodEnd): boolean => forwards(pod) || needsFor(view, pod).some(isOpen)
/** From anywhere, or from every namespace (scraping by a Prometheus that cannot be told). */
export const isOpen = ({ from }: Need): boolean =>
  from === undefined || from.some((peer) => peer.podSelector === undefined && Object.keys(peer.namespaceSelector ?? { no: 1 }).length === 0)

/** Ingress and Gateway controllers, which may stand behind a load balancer that is no object here. */
const forwards = ({ workload }: PodEnd): boolean =>
  eachContainer(workload.spec).some(({ container }) =>
    /(^|[/-])(ingress-nginx|nginx-ingress|nginx-gateway|traefik|haproxy-ingress|kubernetes-ingress|kong|contour|envoy|envoy-gateway|istio-ingressgateway|ambassador|emissary|gloo|skipper|pomerium|apisix|tyk|nginx-kubernetes-gateway)([/-][\w-]+)*(:|@|$)/.test(
      container.image ?? '',
    ),
  )
