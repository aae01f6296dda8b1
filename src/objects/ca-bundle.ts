/** CA bundles, as webhooks name them: base64 of one or more PEM certificates. */
import { X509Certificate } from 'node:crypto'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** When its last certificate expires, ISO 8601; undefined where none can be read. One that is still good is enough for the API server. */
export function caExpiry(caBundle: string): string | undefined {
  const text = Buffer.from(caBundle, 'base64').toString('latin1')
  const ends = [...text.matchAll(PEM)].flatMap(([pem]) => {
    try {
      return [new Date(new X509Certificate(pem).validTo).getTime()]
    } catch {
      return []
    }
  })
  const last = Math.max(...ends)
  return Number.isFinite(last) ? new Date(last).toISOString() : undefined
}
