/** Does an Ingress keep what it carries from being read on the way? What is not written depends on the controller that serves it. */
import type { IngressObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { coversHost, fault, isAcmeSolver, judgeSecret, type TlsJudged } from './entry-tls.ts'
import { fewOf } from './few-of.ts'
import { ingressServer } from './ingress-class.ts'

export const INGRESS_TLS_KINDS = ['Ingress', 'IngressClass', 'Secret', 'ConfigMap'] as const
type IngressView = View<(typeof INGRESS_TLS_KINDS)[number]>

const NGINX = 'nginx.ingress.kubernetes.io/'
const ALB = 'alb.ingress.kubernetes.io/'
/** TLS goes through to the pods. */
const PASSTHROUGH = [
  `${NGINX}ssl-passthrough`,
  'haproxy.org/ssl-passthrough',
  'haproxy-ingress.github.io/ssl-passthrough',
  'ingress.kubernetes.io/ssl-passthrough',
]
/** The certificate is the provider's, or the controller's own. */
const OFFLOADED = [
  'ingress.gcp.kubernetes.io/pre-shared-cert',
  'networking.gke.io/managed-certificates',
  'networking.gke.io/certmap',
  'appgw.ingress.kubernetes.io/appgw-ssl-certificate',
  'oci-native-ingress.oraclecloud.com/certificate-ocid',
  'oci-native-ingress.oraclecloud.com/https-listener-port',
  'alb.networking.azure.io/alb-name',
  'traefik.ingress.kubernetes.io/router.tls',
]
/** `false` in one of them lets plain HTTP be; `beside` overrules it. */
const REDIRECTS: readonly { readonly name: string; readonly beside?: string }[] = [
  { name: `${NGINX}ssl-redirect`, beside: `${NGINX}force-ssl-redirect` },
  { name: 'ingress.kubernetes.io/ssl-redirect', beside: 'ingress.kubernetes.io/force-ssl-redirect' },
  { name: 'nginx.org/redirect-to-https' },
  { name: 'haproxy.org/ssl-redirect' },
  { name: 'haproxy-ingress.github.io/ssl-redirect' },
]
const ALLOW_HTTP = 'kubernetes.io/ingress.allow-http'
const annotation = (name: string) => ['metadata', 'annotations', name]

export function* judgeIngress(view: IngressView, ingress: IngressObject): Iterable<TlsJudged> {
  const { metadata, spec = {} } = ingress
  const { annotations = {} } = metadata
  if (isAcmeSolver(ingress) || ((spec.rules ?? []).length === 0 && spec.defaultBackend === undefined)) return
  if (annotations['nginx.org/mergeable-ingress-type'] === 'minion') {
    yield { note: 'minions of mergeable Ingresses have the TLS of their master' }
    return
  }
  if (PASSTHROUGH.some((name) => annotations[name] === 'true') || annotations['route.openshift.io/termination'] !== undefined) return
  const server = ingressServer(view, ingress)
  if ((spec.tls ?? []).length === 0) yield* withoutTls(view, ingress, server)
  else {
    yield* unnamedHosts(view, ingress)
    yield* certificates(view, ingress, server)
    yield* redirects(ingress, server)
  }
  yield* weakness(ingress)
}

const hostsOf = ({ spec }: IngressObject): readonly string[] => (spec?.rules ?? []).flatMap((rule) => rule?.host ?? [])
/** Controllers join the Ingresses of one host, so one of them may hold the certificate for all. */
const namedAnywhere = (view: IngressView): ReadonlySet<string> => derived(view, collectNamed)
const collectNamed = (view: IngressView): ReadonlySet<string> =>
  new Set(view.all('Ingress').flatMap(({ spec }) => (spec?.tls ?? []).flatMap((one) => one?.hosts ?? [])))

function* withoutTls(view: IngressView, ingress: IngressObject, server: string): Iterable<TlsJudged> {
  const { annotations = {} } = ingress.metadata
  const hosts = hostsOf(ingress)
  const at = ['spec']
  const detail = hosts.length === 0 ? 'any host' : fewOf(hosts)
  const review = { is: 'plain' as const, at, verdict: 'review' as const, severity: 'low' as const }
  if (server === 'alb' && hasAlbCertificate(annotations)) yield* albListeners(ingress)
  else if (OFFLOADED.some((name) => annotations[name] !== undefined)) {
    if (annotations[ALLOW_HTTP] === 'false' || annotations['traefik.ingress.kubernetes.io/router.tls.certresolver'] !== undefined) return
    yield fault(ingress, {
      ...review,
      reason: 'has the TLS of its provider or controller: whether plain HTTP is answered too is not written here',
      detail,
    })
  } else if (hosts.length > 0 && hosts.every((host) => coversHost(namedAnywhere(view), host))) {
    if (server !== 'ingress-nginx')
      yield fault(ingress, { ...review, reason: 'has no tls of its own, but another Ingress has for the same hosts', detail })
  } else if (annotations[`${NGINX}force-ssl-redirect`] === 'true')
    yield fault(ingress, { ...review, reason: 'redirects to TLS that something in front of it must terminate', detail })
  else if (isInside(ingress, server))
    yield fault(ingress, { ...review, reason: 'answers plain HTTP inside the network of the provider', detail })
  else yield fault(ingress, { is: 'plain', at, reason: 'answers plain HTTP, without TLS', detail })
}

/** An ALB is internal where no scheme is named. */
const isInside = ({ metadata: { annotations = {} } }: IngressObject, server: string): boolean =>
  server === 'gce-internal' || (server === 'alb' && (annotations[`${ALB}scheme`] ?? 'internal') === 'internal')

const hasAlbCertificate = (annotations: Readonly<Record<string, string>>): boolean =>
  annotations[`${ALB}certificate-arn`] !== undefined || /HTTPS/.test(annotations[`${ALB}listen-ports`] ?? '')
/** With a certificate it listens for HTTPS only, unless told otherwise. */
function* albListeners(ingress: IngressObject): Iterable<TlsJudged> {
  const { annotations = {} } = ingress.metadata
  const isPlain = /"HTTP"/.test(annotations[`${ALB}listen-ports`] ?? '') && annotations[`${ALB}ssl-redirect`] === undefined
  if (isPlain)
    yield fault(ingress, {
      is: 'redirect',
      at: annotation(`${ALB}listen-ports`),
      reason: 'answers plain HTTP beside TLS',
      detail: annotations[`${ALB}listen-ports`]!,
      edit: { at: annotation(`${ALB}ssl-redirect`), to: '443' },
    })
}

function* unnamedHosts(view: IngressView, ingress: IngressObject): Iterable<TlsJudged> {
  const tls = ingress.spec?.tls ?? []
  if (tls.some((one) => (one?.hosts ?? []).length === 0)) return
  // Its own hosts are among them.
  const open = hostsOf(ingress).filter((host) => !coversHost(namedAnywhere(view), host))
  const detail = `${fewOf(open)}; tls names ${fewOf(tls.flatMap((one) => one?.hosts ?? []))}`
  if (open.length > 0) yield fault(ingress, { is: 'hosts', at: ['spec', 'tls'], reason: 'serves hosts that its tls does not name', detail })
}

function* certificates(view: IngressView, ingress: IngressObject, server: string): Iterable<TlsJudged> {
  const { annotations = {}, namespace = 'default' } = ingress.metadata
  for (const [index, one] of (ingress.spec?.tls ?? []).entries()) {
    const at = ['spec', 'tls', index, 'secretName']
    if (one?.secretName) yield* judgeSecret(view, ingress, { at, name: one.secretName, namespace })
    else if (server !== 'alb' && !OFFLOADED.some((name) => annotations[name] !== undefined))
      yield fault(ingress, {
        is: 'certificate',
        at: at.slice(0, -1),
        reason: 'names no certificate and takes the default one of its controller',
        detail: fewOf(one?.hosts ?? ['any host']),
        verdict: 'review',
        severity: 'low',
      })
  }
}

function* redirects(ingress: IngressObject, server: string): Iterable<TlsJudged> {
  const { annotations = {} } = ingress.metadata
  const reason = 'answers plain HTTP beside TLS'
  for (const { name, beside } of REDIRECTS)
    if (annotations[name] === 'false' && annotations[beside ?? ''] !== 'true')
      yield fault(ingress, {
        is: 'redirect',
        at: annotation(name),
        reason,
        detail: `${name}: "false"`,
        edit: { at: annotation(name), to: 'true' },
      })
  if (server === 'alb') yield* albListeners(ingress)
  if ((server === 'gce' || annotations[ALLOW_HTTP] === 'true') && annotations[ALLOW_HTTP] !== 'false')
    yield annotations['networking.gke.io/v1beta1.FrontendConfig'] !== undefined
      ? fault(ingress, {
          is: 'redirect',
          at: ['spec'],
          reason: 'leaves the redirect to a FrontendConfig',
          verdict: 'review',
          severity: 'low',
        })
      : fault(ingress, { is: 'redirect', at: annotation(ALLOW_HTTP), reason, edit: { at: annotation(ALLOW_HTTP), to: 'false' } })
  if (server === 'kong' && (annotations['konghq.com/protocols'] ?? 'http,https').split(',').some((one) => one.trim() === 'http'))
    yield fault(ingress, {
      is: 'redirect',
      at: annotation('konghq.com/protocols'),
      reason,
      edit: { at: annotation('konghq.com/protocols'), to: 'https' },
    })
}

const OLD_POLICY = /^ELBSecurityPolicy-(2015-05|2016-08|TLS-1-0-|TLS-1-1-|FS-2018-06|FS-1-1-|TLS13-1-0-|TLS13-1-1-)/
const BROKEN_CIPHER = /^[^!-].*(RC4|3DES|DES-CBC|NULL|EXP|MD5)|^(RC4|3DES|NULL|EXP|aNULL|eNULL|MD5)/

function* weakness(ingress: IngressObject): Iterable<TlsJudged> {
  const { annotations = {} } = ingress.metadata
  const [policy, ciphers] = [annotations[`${ALB}ssl-policy`] ?? '', annotations[`${NGINX}ssl-ciphers`] ?? '']
  if (OLD_POLICY.test(policy)) {
    const at = annotation(`${ALB}ssl-policy`)
    yield fault(ingress, {
      is: 'weak',
      at,
      reason: 'accepts versions of TLS before 1.2',
      detail: policy,
      edit: { at, to: 'ELBSecurityPolicy-TLS13-1-2-2021-06' },
    })
  }
  const broken = ciphers.split(/[:, ]+/).filter((one) => BROKEN_CIPHER.test(one))
  if (broken.length > 0) {
    const at = annotation(`${NGINX}ssl-ciphers`)
    yield fault(ingress, { is: 'weak', at, reason: 'accepts broken ciphers', detail: fewOf(broken), edit: { at } })
  }
}
