/** Certificates in PEM texts, as far as they say how long they are good. */
import { X509Certificate } from 'node:crypto'
import type { CertificateSeen } from '../model/index.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** A chain has a handful; what has more is the trust store of some system. */
const MOST = 16

/** Every certificate that can be read; none of a text with too many of them. */
export function certificatesIn(text: string): readonly CertificateSeen[] {
  const blocks = text.match(PEM) ?? []
  if (blocks.length > MOST) return []
  return blocks.flatMap((pem) => {
    try {
      const { subject, ca, validFrom, validTo } = new X509Certificate(pem)
      return [
        {
          subject: (subject ?? '').split('\n').join(', '),
          isAuthority: ca,
          notBefore: new Date(validFrom).toISOString(),
          notAfter: new Date(validTo).toISOString(),
        },
      ]
    } catch {
      return []
    }
  })
}
