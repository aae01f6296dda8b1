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

/** The certificates of a text without what else is in it, such as a key; undefined where `certificatesIn` finds none either. */
export function pemsIn(text: string): string | undefined {
  const blocks = text.match(PEM) ?? []
  return blocks.length === 0 || blocks.length > MOST ? undefined : `${blocks.join('\n')}\n`
}

const read = (pem: string): readonly X509Certificate[] =>
  (pem.match(PEM) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return []
    }
  })

/** Does the first certificate name this host? As Go looks: among its subject alternative names only. */
export function namesHost(pem: string, host: string, isAddress: boolean): boolean {
  const leaf = read(pem)[0]
  return leaf !== undefined && (isAddress ? leaf.checkIP(host) : leaf.checkHost(host, { subject: 'never' })) !== undefined
}

const SERVER_AUTH = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']

/** What keeps a client from accepting the first certificate, each a clause; `trusted` undefined: it is not known what the client trusts. */
export function chainFaults(pem: string, trusted: string | undefined, now: number): readonly string[] {
  const [leaf, ...between] = read(pem)
  if (leaf === undefined) return ['cannot be read']
  const roots = trusted === undefined ? [] : read(trusted)
  const usages = leaf.keyUsage as readonly string[] | undefined
  const faults = [
    ...outside(leaf, now),
    ...(usages === undefined || usages.some((usage) => SERVER_AUTH.includes(usage)) ? [] : ['is not made for servers']),
  ]
  if (trusted === undefined) return leaf.verify(leaf.publicKey) ? [...faults, 'is signed by itself'] : faults
  return isSigned(leaf, between, roots, now) ? faults : [...faults, 'is not signed by the CA that the API server verifies kubelets with']
}

function outside({ validFrom, validTo }: X509Certificate, now: number): readonly string[] {
  if (now > Date.parse(validTo)) return [`is over since ${new Date(validTo).toISOString().slice(0, 10)}`]
  return now < Date.parse(validFrom) ? [`is not good before ${new Date(validFrom).toISOString().slice(0, 10)}`] : []
}

/** By a root that is good now, or by certificates beside it that are. What is trusted itself needs no signature. */
function isSigned(one: X509Certificate, between: readonly X509Certificate[], roots: readonly X509Certificate[], now: number): boolean {
  const signs = (by: X509Certificate): boolean => by.ca && outside(by, now).length === 0 && one.checkIssued(by) && one.verify(by.publicKey)
  if (roots.some((root) => root.fingerprint256 === one.fingerprint256 || signs(root))) return true
  return between.some((by, index) => signs(by) && isSigned(by, between.toSpliced(index, 1), roots, now))
}
