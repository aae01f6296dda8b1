/** The pods that forward traffic from outside: of an Ingress class, of a Gateway. */
import type { IngressObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { ANYWHERE, callersSide, type Side } from './network-edges.ts'
import { namespaceOf, textOf } from './network-service-targets.ts'
import { matchesPairs } from './selectors.ts'
import { mapping } from './spec-fields.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

export const CONTROLLER_KINDS = [...WORKLOAD_KINDS, 'IngressClass', 'Gateway', 'GatewayClass'] as const
type ControllerView = View<(typeof CONTROLLER_KINDS)[number]>

/** What runs a class: the name its controller goes by, and the image of the pods that forward. Providers' load balancers are in none of these. */
const CONTROLLERS: readonly { readonly controller: RegExp; readonly image: RegExp; readonly classes: RegExp }[] = [
  {
    controller: /^(k8s\.io\/(.*-)?ingress-nginx|k8s\.io\/ingress-nginx)/,
    image: /(^|\/)(ingress-nginx\/controller|nginx-ingress-controller|ingress-nginx-controller|nginx-ingress)(-chroot)?(:|@|$)/,
    classes: /^nginx/,
  },
  {
    controller: /^(nginx\.org|gateway\.nginx\.org)\//,
    image: /(^|\/)(nginx-ingress|nginx-ic[\w/-]*|nginx-gateway-fabric(\/nginx)?)(:|@|$)/,
    classes: /^$/,
  },
  { controller: /^traefik\.io\//, image: /(^|\/)(mirrored-library-)?traefik(-hub|ee)?(:|@|$)/, classes: /^traefik/ },
  {
    controller: /haproxy/,
    image: /(^|\/)(haproxy-ingress|haproxytech\/kubernetes-ingress|kubernetes-ingress)(:|@|$)/,
    classes: /^haproxy/,
  },
  { controller: /konghq\.com\//, image: /(^|\/)kong(-gateway)?(:|@|$)/, classes: /^kong/ },
  // Beside Envoy, whose image says nothing, runs one of theirs that shuts it down.
  { controller: /projectcontour\.io\//, image: /(^|\/)contour(:|@|$)/, classes: /^contour/ },
  { controller: /gateway\.envoyproxy\.io\//, image: /(^|\/)envoyproxy\/gateway(:|@|$)/, classes: /^$/ },
  { controller: /getambassador\.io\//, image: /(^|\/)(emissary|aes|ambassador)(:|@|$)/, classes: /^(ambassador|emissary)/ },
  { controller: /apisix\.apache\.org\//, image: /(^|\/)apisix(:|@|$)/, classes: /^apisix/ },
  { controller: /skipper/, image: /(^|\/)skipper(-ingress)?(:|@|$)/, classes: /^skipper/ },
  { controller: /kgateway\.dev\/|solo\.io\//, image: /(^|\/)(gloo-)?envoy-wrapper(:|@|$)/, classes: /^gloo/ },
]

/** Also the name that stands for the class where no IngressClass of that name was read. */
export function ingressSide(view: ControllerView, ingress: IngressObject): Side {
  const classes = view.all('IngressClass')
  const name = ingress.spec?.ingressClassName ?? ingress.metadata.annotations?.['kubernetes.io/ingress.class']
  const found =
    name === undefined
      ? classes.find(({ metadata }) => metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true')
      : classes.find(({ metadata }) => metadata.name === name)
  const controller = textOf(found?.spec?.['controller'])
  const known = CONTROLLERS.find((one) =>
    controller !== undefined ? one.controller.test(controller) : name !== undefined && one.classes.test(name),
  )
  return known === undefined ? ANYWHERE : callersSide(workloadsOfImage(view, known.image))
}

/** Pods of a Gateway: those that carry its name, as in-cluster implementations label them; else all that run for its class. */
export function gatewaySide(view: ControllerView, namespace: string, name: string): Side {
  return callersSide(gatewayPods(view, namespace, name))
}

export function gatewayPods(view: ControllerView, namespace: string, name: string): readonly Workload[] {
  const own = [
    ...podsLabelled(view, { 'gateway.networking.k8s.io/gateway-name': name }).filter((one) => one.namespace === namespace),
    ...podsLabelled(view, {
      'gateway.envoyproxy.io/owning-gateway-name': name,
      'gateway.envoyproxy.io/owning-gateway-namespace': namespace,
    }),
  ]
  if (own.length > 0) return own
  const className = textOf(mapping(view.find('Gateway', namespace, name)?.spec)['gatewayClassName'])
  const controller = textOf(view.all('GatewayClass').find(({ metadata }) => metadata.name === className)?.spec?.['controllerName'])
  const known = controller === undefined ? undefined : CONTROLLERS.find((one) => one.controller.test(controller))
  return known === undefined ? [] : workloadsOfImage(view, known.image)
}

export const podsLabelled = (view: ControllerView, labels: Readonly<Record<string, string>>): readonly Workload[] =>
  workloads(view).filter(
    ({ templateLabels, pods }) =>
      matchesPairs(labels, templateLabels) || pods.some(({ metadata }) => matchesPairs(labels, metadata.labels ?? {})),
  )

const workloadsOfImage = (view: ControllerView, image: RegExp): readonly Workload[] =>
  workloads(view).filter(({ spec }) => runsImage(spec, image))
const runsImage = (spec: Workload['spec'], image: RegExp): boolean =>
  eachContainer(spec).some(({ container }) => image.test(container.image ?? ''))

/** Controllers that take routes of kinds of their own, which nothing here reads; `Deployment traefik`. */
export const ownRouters = (view: ControllerView): readonly string[] => derived(view, findOwnRouters)
const findOwnRouters = (view: ControllerView): readonly string[] =>
  workloads(view)
    .filter(({ spec }) => runsImage(spec, OWN_ROUTES))
    .map(({ ref, namespace }) => `${ref.kind} ${namespace}/${ref.name}`)
const OWN_ROUTES =
  /(^|\/)((mirrored-library-)?traefik(-hub|ee)?|contour|emissary|aes|ambassador|apisix|(gloo-)?envoy-wrapper|nginx-ic[\w/-]*|skipper(-ingress)?)(:|@|$)/

/** A proxy of Istio that is nobody's sidecar. `auto`: the webhook puts the image in (gateway injection). */
const isIstioGateway = ({ containers = [] }: Workload['spec']): boolean =>
  containers.length > 0 &&
  containers.every(({ name, image = '' }) => name === 'istio-proxy' && (image === 'auto' || /(^|\/)proxyv2(:|@|-|$)/.test(image)))

/** Namespaces that run something which forwards traffic from outside, with its name. */
export const forwardingNamespaces = (view: ControllerView): ReadonlyMap<string, string> => derived(view, findForwarding)
function findForwarding(view: ControllerView): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { namespace, ref, spec } of workloads(view))
    if ((CONTROLLERS.some(({ image }) => runsImage(spec, image)) || isIstioGateway(spec)) && !found.has(namespace))
      found.set(namespace, `${ref.kind} ${ref.name}`)
  for (const gateway of view.all('Gateway'))
    for (const { namespace, ref } of gatewayPods(view, namespaceOf(gateway), gateway.metadata.name))
      if (!found.has(namespace)) found.set(namespace, `${ref.kind} ${ref.name}`)
  return found
}
