import { control } from '../../model/define.ts'
import type { CertificateSeen, Observation, Remark, SecretObject } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { narrowed } from '../../objects/narrowed.ts'
import { refOf } from '../../objects/ref.ts'
import { SECRET_USERS, secretUses } from '../../objects/secret-uses.ts'

const DAY = 86_400_000
const LONG = 180 * DAY

interface Evidence {
  readonly unused: boolean
  readonly days?: number
  readonly notAfter?: string
}

export default control({
  title: 'Secrets must be used, renewed from time to time, and replaced before they expire',
  severity: 'low',
  why: 'A Secret that nobody uses is only there to be stolen, and one that has not changed for half a year was known to everybody who left in that time.',
  references: [{ standard: 'OWASP', section: '2022/K08' }],
  reads: ['Secret'],
  consults: SECRET_USERS,
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const uses = secretUses(view)
    const unseen = [...SECRET_USERS.flatMap((kind) => view.unread(kind) ?? []), ...narrowed(view, SECRET_USERS)]
    let delegated = 0
    const sealed: string[] = []
    for (const secret of view.all('Secret')) {
      const end = lastEnd(secret.certificates)
      if (end !== undefined && Date.parse(end) - view.now < 30 * DAY) yield expiring(secret, end, Date.parse(end) < view.now)
      if (isElsewhere(secret)) continue
      if (isRenewed(secret)) {
        delegated++
        continue
      }
      const { namespace = 'default', name } = secret.metadata
      if (secret.type === 'kubernetes.io/tls' && end === undefined) sealed.push(`${namespace}/${name}`)
      const days = daysSince(secret, view.now)
      const isOld = days !== undefined && days * DAY > LONG
      // While a kind that may name it is not read, nothing is called unused.
      const isUnused = unseen.length === 0 && !uses.has(namespace, name)
      if (isUnused) yield unused(secret, days)
      else if (isOld) yield old(secret, days)
    }
    if (delegated > 0) yield { note: `${delegated} Secrets are made and renewed by an operator or a controller` }
    if (sealed.length > 0)
      yield {
        unknown: `when the certificates in ${fewOf(sealed)} end is not seen${view.source.kind === 'live' ? ': the content of Secrets is never read' : ''}`,
        answer: `kubectl -n NAMESPACE get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -enddate`,
      }
    for (const { because, answer } of unseen) yield { unknown: `whether Secrets are used was not judged: ${because}`, answer }
  },
  remedy: {
    byHand:
      'renew the value where it was issued and write it anew (kubectl create secret … --dry-run=client -o yaml | kubectl apply -f -), then restart what uses it. Of one that seems unused, ask its owner, keep a copy in a safe place (kubectl get secret NAME -o yaml, never in Git), take it away, and put it back if anything misses it: custom resources and storage classes can name it unseen',
  },
  verify: 'Nothing logs a missing Secret, and the old value is refused where it was issued.',
})

const expiring = (secret: SecretObject, notAfter: string, isOver: boolean): Observation<Evidence> => ({
  subject: refOf(secret),
  key: 'certificate',
  reason: isOver ? 'holds a certificate that has expired' : 'holds a certificate that expires within 30 days',
  detail: `on ${notAfter.slice(0, 10)}`,
  severity: isOver ? 'medium' : 'low',
  evidence: { unused: false, notAfter },
})
const unused = (secret: SecretObject, days: number | undefined): Observation<Evidence> => ({
  subject: refOf(secret),
  key: 'use',
  verdict: 'review',
  reason: 'is not named by anything that was looked at',
  detail: `${days === undefined ? 'of unknown age' : `last written ${ago(days)}`}; custom resources and storage classes may still name it`,
  evidence: { unused: true, ...(days !== undefined && { days }) },
})
const old = (secret: SecretObject, days: number): Observation<Evidence> => ({
  subject: refOf(secret),
  key: 'age',
  verdict: 'review',
  reason: 'has not been written for more than 180 days',
  detail: `last written ${ago(days)}`,
  evidence: { unused: false, days },
})

const ago = (days: number): string => (days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`)

/** Of the certificate itself, which comes first; those of its authorities after it are another matter. */
const lastEnd = (certificates: readonly CertificateSeen[] | undefined): string | undefined => certificates?.[0]?.notAfter

/** Judged by controls of their own, or by nobody: releases of Helm are its memory. */
const isElsewhere = ({ type, metadata }: SecretObject): boolean =>
  type === 'helm.sh/release.v1' ||
  type === 'kubernetes.io/service-account-token' ||
  type === 'bootstrap.kubernetes.io/token' ||
  metadata.deletionTimestamp !== undefined

/** cert-manager, External Secrets, Sealed Secrets and operators renew what they own. */
const isRenewed = ({ metadata: { ownerReferences = [], annotations = {}, labels = {} } }: SecretObject): boolean =>
  ownerReferences.length > 0 ||
  annotations['cert-manager.io/certificate-name'] !== undefined ||
  labels['controller.cert-manager.io/fao'] !== undefined ||
  labels['reconcile.external-secrets.io/managed'] === 'true' ||
  labels['secrets-store.csi.k8s.io/managed'] === 'true' ||
  labels['app.kubernetes.io/managed-by'] === 'cert-manager'

/** By the newest of its times: labels count as written too, so it is never older than this. */
function daysSince({ metadata: { creationTimestamp, written } }: SecretObject, now: number): number | undefined {
  const times = [creationTimestamp, written]
    .flatMap((time) => (time === undefined ? [] : [Date.parse(time)]))
    .filter((time) => !Number.isNaN(time))
  return times.length === 0 ? undefined : Math.floor((now - Math.max(...times)) / DAY)
}
