/** Reads a PKCS#10 request as far as an approver must know it. */
import type { ServingRequest } from '../objects/serving-request.ts'

/** A CertificateSigningRequest on the wire. */
export interface WireRequest {
  readonly metadata: { readonly name: string; readonly creationTimestamp?: string; readonly resourceVersion?: string }
  readonly spec: {
    readonly signerName: string
    readonly username?: string
    readonly groups?: readonly string[]
    readonly usages?: readonly string[]
    /** PEM, base64. */
    readonly request: string
  }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly message?: string }[]; readonly certificate?: string }
}

/** Undefined where it cannot be understood, or was not signed with the key that it carries. */
export async function readServingRequest({ spec }: WireRequest): Promise<ServingRequest | undefined> {
  // Only who approves needs it.
  const { Name, Pkcs10CertificateRequest, SubjectAlternativeNameExtension } = await import('./serving-request-parser.ts')
  try {
    const request = new Pkcs10CertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1'))
    if (!(await request.verify())) return undefined
    const names = request.extensions
      .filter((extension) => extension instanceof SubjectAlternativeNameExtension)
      .flatMap((extension) => extension.names.items)
    const subject = new Name(request.subject)
    const of = (...types: string[]) => names.filter(({ type }) => types.includes(type)).map(({ value }) => value)
    return {
      username: spec.username ?? '',
      groups: spec.groups ?? [],
      signerName: spec.signerName,
      usages: spec.usages ?? [],
      commonNames: subject.getField('CN'),
      organizations: subject.getField('O'),
      dnsNames: of('dns'),
      ips: of('ip'),
      others: names.filter(({ type }) => type !== 'dns' && type !== 'ip').map(({ type, value }) => `${type} ${value}`),
    }
  } catch {
    return undefined
  }
}
