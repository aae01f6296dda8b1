import { writeFile } from 'node:fs/promises'
import type { KeyPair } from './certificates.ts'

/** How one kubeconfig authenticates. */
export type Credentials =
  | KeyPair
  | { readonly token: string }
  /** Impersonation: a certificate cannot carry `extra` fields. */
  | (KeyPair & { readonly as: string; readonly groups: readonly string[]; readonly extra: Extra })

export type Extra = Readonly<Record<string, readonly string[]>>

/** Writes a kubeconfig with everything embedded, so that the one file is all a command needs. */
export async function writeKubeconfig(
  path: string,
  { url, ca, name, credentials }: { url: string; ca: string; name: string; credentials: Credentials },
): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
    users: [{ name, user: userEntry(credentials) }],
    contexts: [{ name: `${name}@test`, context: { cluster: 'test', user: name } }],
    'current-context': `${name}@test`,
  }
  // JSON is YAML, and needs no library to write. A tool may complain about a key that others can read.
  await writeFile(path, JSON.stringify(config, null, 2), { mode: 0o600 })
  return path
}

function userEntry(credentials: Credentials): Record<string, unknown> {
  if ('token' in credentials) return { token: credentials.token }
  const pair = {
    'client-certificate-data': base64(credentials.certificate),
    'client-key-data': base64(credentials.key),
  }
  if (!('as' in credentials)) return pair
  return { ...pair, as: credentials.as, 'as-groups': credentials.groups, 'as-user-extra': credentials.extra }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
