/** What may be wrong with the TLS of an entry point, in the one form that Ingresses and Gateways share. */
import type { KubeObject, Observation, Path, Remark, SecretObject, View } from '../model/index.ts'
import { refOf, refText } from './ref.ts'

/** `to` absent: the value goes. */
export interface TlsEdit {
  readonly at: Path
  readonly to?: string | boolean
}
export type TlsEvidence = {
  /** `plain`: no TLS at all. `hosts`: some hosts without it. `certificate`: none there. `redirect`: plain HTTP beside it. `weak`: old versions. */
  readonly is: 'plain' | 'hosts' | 'certificate' | 'redirect' | 'weak'
  /** What would mend it, where one value does. */
  readonly edit?: TlsEdit
}
export type TlsJudged = Observation<TlsEvidence> | Remark

type Fault = Pick<Observation<TlsEvidence>, 'at' | 'reason' | 'detail' | 'verdict' | 'severity' | 'key'> & TlsEvidence
export const fault = (object: KubeObject, { is, edit, ...rest }: Fault): Observation<TlsEvidence> => ({
  subject: refOf(object),
  ...rest,
  evidence: { is, ...(edit !== undefined && { edit }) },
})

/** What the solvers of ACME are answered by must be plain HTTP (RFC 8555, section 8.3). */
export const isAcmeSolver = ({ metadata }: KubeObject): boolean => metadata.labels?.['acme.cert-manager.io/http01-solver'] === 'true'

const CERT_MANAGER = ['cert-manager.io/cluster-issuer', 'cert-manager.io/issuer', 'kubernetes.io/tls-acme']
const TLS_TYPE = 'kubernetes.io/tls'

/** Is the Secret there, and of the type that holds a certificate? Without `namespace` it may be in any. */
export function* judgeSecret(
  view: View<'Secret'>,
  object: KubeObject,
  { at, name, namespace }: { readonly at: Path; readonly name: string; readonly namespace?: string | undefined },
): Iterable<TlsJudged> {
  const secret: SecretObject | undefined =
    namespace === undefined ? view.all('Secret').find(({ metadata }) => metadata.name === name) : view.find('Secret', namespace, name)
  const where = namespace === undefined ? `Secret ${name}` : `Secret ${namespace}/${name}`
  if (secret === undefined) {
    const unread = view.unread('Secret')
    const of = `whether the certificate of ${refText(refOf(object))} is there`
    if (unread !== undefined) yield { unknown: `${of}: ${unread.because}`, answer: unread.answer, subject: refOf(object) }
    else if (namespace !== undefined && view.source.namespaces?.includes(namespace) === false)
      yield { unknown: `${of}: namespace ${namespace} is not part of this scan`, answer: 'scan all namespaces', subject: refOf(object) }
    else if (view.source.kind === 'live')
      yield fault(object, { is: 'certificate', at, reason: 'names a certificate that is not there', detail: `no ${where}` })
    else if (CERT_MANAGER.some((key) => object.metadata.annotations?.[key] !== undefined))
      yield { note: `cert-manager is asked to make ${where}` }
    else
      yield { unknown: `${of}: ${where} is not among these files`, answer: 'add the Secret, or scan the cluster', subject: refOf(object) }
    return
  }
  const holdsPair = secret.keys?.includes('tls.crt') === true && secret.keys.includes('tls.key')
  if (secret.type !== TLS_TYPE && !holdsPair)
    yield fault(object, {
      is: 'certificate',
      at,
      reason: `takes its certificate from a Secret that is not of type ${TLS_TYPE}`,
      detail: `${where} is of ${secret.type === undefined ? 'another type' : `type ${secret.type}`}`,
      verdict: 'review',
      severity: 'low',
    })
}

/** Is a host among these? A wildcard covers one label (RFC 6125, section 6.4.3). */
export const coversHost = (names: ReadonlySet<string>, host: string): boolean =>
  names.has(host) || (host.includes('.') && names.has(`*${host.slice(host.indexOf('.'))}`))
