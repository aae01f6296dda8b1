/** Programs whose work it is to take traffic from outside: told by their image, or by the Gateway that a Service was made for. */
import type { ServiceObject } from '../model/index.ts'
import { remembered } from './derived.ts'
import type { Workload } from './workloads.ts'

const IMAGES: readonly (readonly [name: string, image: RegExp])[] = [
  [
    'ingress-nginx',
    /(^|\/)(ingress-nginx\/controller|nginx-ingress-controller|nginx-ingress-controller-\w+|mirrored-ingress-nginx-controller)(:|@|$)/,
  ],
  ['NGINX', /(^|\/)(nginx\/nginx-ingress|nginx-plus-ingress|nginxinc\/nginx-ingress|nginx-gateway-fabric(\/nginx)?)(:|@|$)/],
  ['Traefik', /(^|\/)(traefik|mirrored-library-traefik|hub-agent-traefik)(:|@|$)/],
  ['HAProxy', /(^|\/)(haproxytech\/kubernetes-ingress|haproxy-ingress|haproxy-ingress-controller|ose-haproxy-router)(:|@|$)/],
  ['Kong', /(^|\/)kong(-gateway)?(:|@|$)/],
  ['Istio', /(^|\/)(istio\/proxyv2|proxyv2|mirrored-istio-proxyv2)(:|@|$)/],
  ['Emissary', /(^|\/)(ambassador|emissary|aes)(:|@|$)/],
  ['APISIX', /(^|\/)apisix(:|@|$)/],
  ['Skipper', /(^|\/)skipper(-ingress)?(:|@|$)/],
  ['Gloo', /(^|\/)gloo-envoy-wrapper(:|@|$)/],
  ['Higress', /(^|\/)higress(-gateway|\/gateway)?(:|@|$)/],
  ['Pomerium', /(^|\/)pomerium(\/ingress-controller)?(:|@|$)/],
  ['Caddy', /(^|\/)caddy\/ingress(:|@|$)/],
]

/** `proxyv2` is every sidecar as well: it is a gateway only where it is the only container. */
export const ingressControllerIn = remembered(({ spec }: Workload): string | undefined => {
  const images = (spec.containers ?? []).map(({ image = '' }) => image)
  const [name] = IMAGES.find(([, image]) => images.some((one) => image.test(one))) ?? []
  return name === 'Istio' && images.length > 1 ? undefined : name
})

const GATEWAY_LABELS = [
  'gateway.networking.k8s.io/gateway-name',
  'gateway.envoyproxy.io/owning-gateway-name',
  'io.cilium.gateway/owning-gateway',
  'gateway.istio.io/managed',
]
/** The Gateway that a controller has made this Service for. */
export const isOfGateway = ({ metadata: { labels = {}, ownerReferences = [] } }: ServiceObject): boolean =>
  ownerReferences.some(({ kind }) => kind === 'Gateway') || GATEWAY_LABELS.some((label) => labels[label] !== undefined)

const FRONT_DOORS = new Set([80, 443])
/** Health checks of the load balancer itself. */
const HEALTH = new Set([15021])

/** Ports that a controller is there to open. Those of a Gateway's Service are its listeners. */
export const isFrontDoor = (service: ServiceObject, port: number): boolean =>
  FRONT_DOORS.has(port) || HEALTH.has(port) || isOfGateway(service)
