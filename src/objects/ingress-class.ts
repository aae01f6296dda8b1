/** Which controller serves an Ingress: by its class, and what that class says. */
import type { IngressObject, View } from '../model/index.ts'

/** By `spec.controller` of an IngressClass. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  'k8s.io/ingress-nginx': 'ingress-nginx',
  'ingress.k8s.aws/alb': 'alb',
  'eks.amazonaws.com/alb': 'alb',
  'ingress-controllers.konghq.com/kong': 'kong',
  'k8s.io/ingress-gce': 'gce',
}
/** By the name of a class whose object is not here; the first two need none (GKE). */
const NAMES: Readonly<Record<string, string>> = {
  gce: 'gce',
  'gce-internal': 'gce-internal',
  alb: 'alb',
  kong: 'kong',
  nginx: 'ingress-nginx',
}

/** `ingress-nginx`, `alb`, `gce`, `gce-internal`, `kong`, or '' for any other and where it cannot be told. */
export function ingressServer(view: View<'IngressClass'>, { metadata: { annotations = {} }, spec = {} }: IngressObject): string {
  const classes = view.all('IngressClass')
  const name = spec.ingressClassName ?? annotations['kubernetes.io/ingress.class']
  const found =
    name === undefined
      ? classes.find(({ metadata }) => metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true')
      : classes.find(({ metadata }) => metadata.name === name)
  if (found !== undefined) return CONTROLLERS[String(found.spec?.['controller'])] ?? ''
  return NAMES[name ?? ''] ?? ''
}
