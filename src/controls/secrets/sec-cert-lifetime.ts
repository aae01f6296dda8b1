import { renewCertificates } from '../../../remediations/certificate-lifetime.ts'
import { control } from '../../model/define.ts'
import type { CertificateSeen, ObjectRef, Observation, Path, Remark } from '../../model/index.ts'
import { type CertificateEvidence, certificatesSeen } from '../../objects/certificate-places.ts'
import { distribution } from '../../objects/distribution.ts'
import { componentFlags, effectiveFlag, FLAG_LADDER, flagFinding, serverMinor } from '../../objects/flags.ts'
import { secondsOf } from '../../objects/go-duration.ts'

const DAY = 86_400_000
const SOON = 30 * DAY
const LONGEST_LEAF = 398 * DAY
const YEAR = 365 * DAY
/** A leap year, as some write it. */
const LONGEST_SIGNED = 366 * 86_400

const SOURCES = [
  'KubeconfigFiles',
  'Kubeconfig',
  'CertificateFile',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'APIService',
  'CustomResourceDefinition',
] as const

export default control({
  title: 'Certificates must be renewed before they expire, and must not be good for years',
  severity: 'medium',
  why: 'A certificate that expires unseen takes down what depends on it: the API, its webhooks, the login of its administrators. One that is good for years cannot be taken back when its key is stolen.',
  references: [
    { standard: 'NSA', section: 'A' },
    { standard: 'NSA', section: 'U' },
    { standard: 'OWASP', section: '2022/K06' },
  ],
  reads: [],
  consults: [...SOURCES, ...FLAG_LADDER],
  *evaluate(view): Iterable<Observation<CertificateEvidence> | Remark> {
    const seen = certificatesSeen(view)
    for (const { subject, at, certificate, what, renews } of seen) yield* judge(subject, at, certificate, what, renews, view.now)
    const { instances, unknown, remarks } = componentFlags(view, 'kube-controller-manager')
    const minor = serverMinor(view)
    for (const instance of instances) {
      const { value } = effectiveFlag(instance, 'cluster-signing-duration', minor)
      if ((secondsOf(value) ?? 0) <= LONGEST_SIGNED) continue
      yield {
        ...flagFinding(instance, 'cluster-signing-duration'),
        reason: 'signs certificates for more than a year',
        detail: `--cluster-signing-duration=${value} in ${instance.name}`,
        evidence: { is: 'signing' },
      }
    }
    yield* remarks
    if (unknown !== undefined) yield unknown
    for (const what of SOURCES) {
      const unread = view.unread(what)
      // On a cluster the kinds that stand in files are asked for below.
      if (unread === undefined || what === 'Kubeconfig' || what === 'CertificateFile') continue
      if (what === 'KubeconfigFiles' ? view.source.kind === 'live' : unread.why !== 'not-in-manifests')
        yield { unknown: unread.because, answer: unread.answer }
    }
    const files = view.all('CertificateFile').length
    if (files > 0) {
      yield { note: `${files} certificate files were seen` }
      const unread = view.unread('CertificateFile')
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
      return
    }
    if (distribution(view).managed) yield { note: 'the provider renews the certificates of the control plane' }
    else if (view.source.kind === 'live')
      yield {
        unknown: 'the certificates of the control plane lie in files of its nodes',
        answer:
          'kubeadm certs check-expiration on a control-plane node, scan its /etc/kubernetes with --manifests, or say how the nodes are reached: --host NODE=ssh:root@ADDRESS',
      }
    else if (seen.length === 0)
      yield { unknown: 'no certificate is among these files', answer: 'add /etc/kubernetes with its directory pki' }
  },
  remedy: renewCertificates,
  verify:
    'kubeadm certs check-expiration shows more than 30 days for everything, and openssl s_client -connect HOST:6443 shows the new dates.',
})

function* judge(
  subject: ObjectRef,
  at: Path | undefined,
  { subject: name, isAuthority, notBefore, notAfter }: CertificateSeen,
  what: string,
  renews: boolean,
  now: number,
): Iterable<Observation<CertificateEvidence>> {
  const [start, end] = [Date.parse(notBefore), Date.parse(notAfter)]
  const on = (reason: string, more: Partial<Observation<CertificateEvidence>> = {}): Observation<CertificateEvidence> => ({
    subject,
    ...(at !== undefined && { at }),
    key: `${what} ${name}`,
    origin: 'workload',
    reason,
    detail: `until ${notAfter.slice(0, 10)}: ${[...(what === subject.name ? [] : [what]), ...(name === '' ? [] : [name])].join(' ')}`,
    evidence: { is: isAuthority ? 'authority' : 'leaf' },
    ...more,
  })
  if (end <= now) yield on('holds a certificate that has expired', { severity: 'high' })
  // What renews by itself may do so at the last moment.
  else if (end - now < SOON && !renews) yield on('holds a certificate that expires within 30 days')
  else if (isAuthority && end - now < YEAR && !renews)
    yield on('holds a certificate authority that expires within a year', { severity: 'low' })
  if (!isAuthority && end > now && end - start > LONGEST_LEAF && !renews)
    yield { ...on('holds a certificate that is good for more than 398 days', { severity: 'low' }), key: `${what} ${name} life` }
}
