import { DISTRIBUTION_READS, providerCommand } from '../../../remediations/provider-command.ts'
import { control } from '../../model/define.ts'
import type { CertificateSigningRequestObject, ClientCertificate, KubeconfigUser, Observation, Remark } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { usersInFiles } from '../../objects/kubeconfig-file.ts'
import { kubeconfigUser } from '../../objects/kubeconfig-user.ts'
import { providerAnswer } from '../../objects/provider-names.ts'
import { refOf } from '../../objects/ref.ts'

const DAY = 24 * 60 * 60 * 1000
const LONG = 90 * DAY
interface Evidence {
  readonly commonName: string
  readonly organizations: readonly string[]
  /** Of its whole life. */
  readonly days?: number
}

export default control({
  title: 'Client certificates must not be what people log in with every day',
  severity: 'medium',
  why: 'Kubernetes cannot take a certificate back: whoever copies the file is that person until it expires. It asks for no second factor, and its groups are fixed on the day it is made.',
  references: [
    { standard: 'CIS', section: '3.1.1' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0286' },
  ],
  reads: [],
  consults: [...DISTRIBUTION_READS, 'Credential', 'CertificateSigningRequest', 'Kubeconfig'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    for (const request of view.all('CertificateSigningRequest')) if (isForClients(request, view.now)) yield issued(request)
    const missing = view.unread('CertificateSigningRequest')
    if (missing !== undefined)
      yield { unknown: `which client certificates were asked for lately is not seen: ${missing.because}`, answer: missing.answer }
    else yield { note: 'the cluster forgets requests for certificates within a day: those before are not seen' }
    for (const { user, subject, at, isComponent, place } of usersInFiles(view))
      if (user.ways.includes('client-certificate') && !isComponent && !isOver(user, view.now))
        yield { ...everyday(user.name, user.certificate, place), subject, at, key: user.name, verdict: 'review' }
    const credential = view.fact('Credential')
    if (credential === undefined) {
      const { because, answer } = view.unread('Credential')!
      yield { unknown: `how people log in is not seen: ${because}`, answer }
      return
    }
    const { current, others } = credential
    if (current.ways.includes('client-certificate')) yield everyday(current.name, current.certificate)
    const more = others.filter(({ ways }) => ways.includes('client-certificate'))
    if (more.length > 0) yield { note: `other users of this kubeconfig have certificates too: ${more.map(({ name }) => name).join(', ')}` }
    const { name } = distribution(view)
    const ask = providerAnswer(view)
    if (name === 'aks')
      yield {
        note: `whether AKS still gives out certificates: ${ask} --query disableLocalAccounts`,
      }
    if (name === 'gke')
      yield {
        note: `whether GKE gave out a certificate: ${ask} --format "value(masterAuth.clientCertificate)"`,
      }
  },
  remedy: providerCommand(
    {
      aks: {
        argv: ['az', 'aks', 'update', '--resource-group', '{group}', '--name', '{cluster}', '--disable-local-accounts'],
        undo: ['az', 'aks', 'update', '--resource-group', '{group}', '--name', '{cluster}', '--enable-local-accounts'],
        risk: 'may-break',
        summary: 'turn the local accounts of AKS off',
        mayBreak: [
          'whoever comes with az aks get-credentials --admin gets in no more: log in through Entra ID first, and try it',
          'certificates that were given out stay good until az aks rotate-certs, which makes new nodes',
        ],
      },
      gke: 'log in with gke-gcloud-auth-plugin (gcloud container clusters get-credentials); a certificate that GKE gave out ends with a rotation of the credentials: gcloud container clusters update CLUSTER --start-credential-rotation',
    },
    'log in through an identity provider or the plugin of the cloud, try it, then take the certificate out of the kubeconfig and keep one offline for emergencies; ask for short ones where one has to be: spec.expirationSeconds of the CertificateSigningRequest',
  ),
  verify: 'kubectl config view --minify shows no client-certificate, and kubectl auth whoami names a person.',
})

const isOver = ({ certificate }: KubeconfigUser, now: number): boolean =>
  certificate !== undefined && Date.parse(certificate.notAfter) < now

function everyday(user: string, certificate: ClientCertificate | undefined, place = ''): Observation<Evidence> {
  const base = { subject: kubeconfigUser(user), origin: 'workload' as const, reason: 'logs in with a client certificate' }
  if (certificate === undefined)
    return { ...base, detail: `the certificate could not be read${place}`, evidence: { commonName: '', organizations: [] } }
  const { commonName, organizations, notBefore, notAfter } = certificate
  const life = Date.parse(notAfter) - Date.parse(notBefore)
  return {
    ...base,
    detail: `${commonName}${organizations.length > 0 ? ` in ${organizations.join(', ')}` : ''}, made for ${Math.round(life / DAY)} days, until ${notAfter.slice(0, 10)}${place}`,
    ...(life <= LONG && { severity: 'low' as const }),
    evidence: { commonName, organizations, days: Math.round(life / DAY) },
  }
}

/** Approved, by the signer of client certificates of any user, and not known to be over. */
const isForClients = ({ spec, status }: CertificateSigningRequestObject, now: number): boolean =>
  spec?.signerName === 'kubernetes.io/kube-apiserver-client' &&
  status?.conditions?.some(({ type }) => type === 'Approved') === true &&
  !(status.issued !== undefined && Date.parse(status.issued.notAfter) < now)

function issued(request: CertificateSigningRequestObject): Observation<Evidence> {
  const { expirationSeconds, username } = request.spec ?? {}
  const certificate = request.status?.issued
  return {
    subject: refOf(request),
    at: ['spec', 'expirationSeconds'],
    verdict: 'review',
    reason: expirationSeconds === undefined ? 'gave out a client certificate with no time asked for' : 'gave out a client certificate',
    detail: `to ${certificate?.commonName ?? 'somebody'}, asked for by ${username ?? 'somebody'}, ${expirationSeconds === undefined ? 'good for a year where the cluster has no other limit' : `for ${Math.round(expirationSeconds / 86_400)} days`}`,
    evidence: { commonName: certificate?.commonName ?? '', organizations: certificate?.organizations ?? [] },
  }
}
