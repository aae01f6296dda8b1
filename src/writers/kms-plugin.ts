/** Whether the KMS plugin of a provider is there and well on a node, before anything rests on it. */
import { askKmsStatus } from '../hosts/commands.ts'
import { type Host, HostRefused, HostUnreachable } from '../hosts/host.ts'
import type { EncryptionStageProvider } from '../model/index.ts'
import { WriteRefused } from '../plan/writer.ts'

type Kms = Extract<EncryptionStageProvider, { kind: 'kms' }>

/**
 * Returns warnings; throws `WriteRefused`: a plugin that is not there, or not well, keeps an API server from starting, and from loading
 * a new file. Only its socket's existence is looked at for v1, which has no status.
 */
export async function requirePlugin(host: Host, { name, endpoint, apiVersion }: Kms): Promise<readonly string[]> {
  const socket = endpoint.replace(/^unix:\/\//, '').replace(/^(?!\/|@)/, '/')
  const refuse = (because: string) => {
    throw new WriteRefused(host.node, `${because} (${socket}): run the plugin of kms ${name} on every node of the control plane first`)
  }
  if (!socket.startsWith('@') && (await host.stat(socket)) === undefined) refuse(`the socket of kms ${name} is not there`)
  if (apiVersion !== 'v2') return []
  const unseen = (because: string) => [`whether the plugin of kms ${name} is well on ${host.node} is not seen: ${because}`]
  try {
    const { exitCode, stdout, stderr } = await host.run(askKmsStatus(socket))
    if (exitCode === 7) refuse(`nobody listens on the socket of kms ${name}`)
    if (exitCode === 28) refuse(`the plugin of kms ${name} gives no answer`)
    if (exitCode !== 0) return unseen(stderr.trim().split('\n')[0] || `curl ended with ${exitCode}`)
    const health = healthIn(stdout)
    if (health === undefined) refuse(`what listens on the socket of kms ${name} does not speak version 2 of the plugin interface`)
    if (health !== 'ok') refuse(`the plugin of kms ${name} says of itself: ${health}`)
    return []
  } catch (error) {
    if (error instanceof HostRefused || error instanceof HostUnreachable) return unseen(error.message)
    throw error
  }
}

/** `healthz` of a StatusResponse: five bytes of gRPC, then version (field 1) and healthz (field 2), each with its length (protobuf). */
export function healthIn(answer: string): string | undefined {
  const version = answer.slice(5)
  if (!version.startsWith('\n')) return undefined
  const at = 2 + version.charCodeAt(1)
  if (!/^v2(beta\d)?$/.test(version.slice(2, at)) || version[at] !== '\x12') return undefined
  return version.slice(at + 2, at + 2 + version.charCodeAt(at + 1)).slice(0, 200)
}
