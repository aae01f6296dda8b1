/** Of a CertificateSigningRequest what is kept: never the request, and of the certificate only what it says of itself. */
import type { CertificateSigningRequestObject } from '../model/index.ts'
import { certificateOf } from './kubeconfig-user.ts'

/** `spec` and `status` of one, from the wire or from a file. */
export function reduceRequest(wire: Readonly<Record<string, unknown>>): Pick<CertificateSigningRequestObject, 'spec' | 'status'> {
  const { signerName, username, groups, usages, expirationSeconds } = mapping(wire['spec'])
  const { conditions, certificate } = mapping(wire['status'])
  const issued = typeof certificate === 'string' ? certificateOf(Buffer.from(certificate, 'base64').toString('latin1')) : undefined
  const types = (Array.isArray(conditions) ? conditions : []).map((one) => mapping(one)['type']).filter((type) => typeof type === 'string')
  return {
    spec: {
      ...(typeof signerName === 'string' && { signerName }),
      ...(typeof username === 'string' && { username }),
      ...(Array.isArray(groups) && { groups: groups.map(String) }),
      ...(Array.isArray(usages) && { usages: usages.map(String) }),
      ...(typeof expirationSeconds === 'number' && { expirationSeconds }),
    },
    status: { conditions: types.map((type) => ({ type })), ...(issued !== undefined && { issued }) },
  }
}

const mapping = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {}
