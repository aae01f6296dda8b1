/** Requests for certificates that have to do with system:masters. */
import type { CertificateSigningRequestObject, Observation } from '../model/index.ts'
import { refOf } from './ref.ts'

export const MASTERS = 'system:masters'
export interface MastersEvidence {
  readonly by: string
}

/** `system:masters` in the certificate, or in whoever asked for one. */
export function* requestsOfMasters(request: CertificateSigningRequestObject, now: number): Iterable<Observation<MastersEvidence>> {
  const { username = 'somebody', signerName = 'a signer', groups = [] } = request.spec ?? {}
  const issued = request.status?.issued
  const base = { subject: refOf(request), evidence: { by: username } }
  if (issued?.organizations.includes(MASTERS) && !(Date.parse(issued.notAfter) < now))
    yield {
      ...base,
      at: ['status', 'certificate'],
      // Of any other signer it is not seen whether the API server believes its certificates.
      ...(!signerName.startsWith('kubernetes.io/') && { verdict: 'review' as const }),
      reason: 'gave out a certificate of system:masters',
      detail: `${signerName} made it for ${issued.commonName}, until ${issued.notAfter.slice(0, 10)}; ${username} asked for it`,
    }
  else if (groups.includes(MASTERS))
    yield {
      ...base,
      at: ['spec', 'groups'],
      verdict: 'review',
      reason: 'was made by a member of system:masters',
      detail: `${username} asked for a certificate from ${signerName}`,
    }
}
