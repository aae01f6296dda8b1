/** What is kept of the content of a Secret in a file: times and groups, never a value that could be used (safety law 9). */
import type { SecretObject } from '../model/index.ts'
import { certificatesIn } from './certificates.ts'

/** `data` is base64, `stringData` is not and wins. */
export function contentOf(type: unknown, data: unknown, stringData: unknown): Pick<SecretObject, 'certificates' | 'bootstrap'> {
  const value = (key: string): string | undefined => {
    const plain = field(stringData, key)
    if (plain !== undefined) return plain
    const encoded = field(data, key)
    return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8')
  }
  if (type === 'kubernetes.io/tls') {
    const certificates = certificatesIn(value('tls.crt') ?? '')
    return certificates.length > 0 ? { certificates } : {}
  }
  if (type !== 'bootstrap.kubernetes.io/token' || value('token-id') === undefined) return {}
  const expiration = value('expiration')
  return {
    bootstrap: {
      ...(expiration !== undefined && { expiration }),
      authentication: value('usage-bootstrap-authentication') === 'true',
      groups: (value('auth-extra-groups') ?? '').split(',').flatMap((group) => group.trim() || []),
    },
  }
}
const field = (values: unknown, key: string): string | undefined => {
  const value = values !== null && typeof values === 'object' ? (values as Record<string, unknown>)[key] : undefined
  return typeof value === 'string' ? value : undefined
}

/** Of managedFields; all times there are RFC 3339 in UTC, so that they compare as texts. */
export const newestTime = (managedFields: readonly { readonly time?: unknown }[]): string | undefined =>
  managedFields
    .map(({ time }) => time)
    .filter((time) => typeof time === 'string')
    .reduce<string | undefined>((newest, time) => (newest === undefined || time > newest ? time : newest), undefined)
