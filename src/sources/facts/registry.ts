/** One image's configuration out of its registry (OCI distribution-spec, pull only): index → manifest → configuration, each held to its digest. */
import { createHash } from 'node:crypto'
import type { ImageConfig } from '../../model/index.ts'
import type { ImageReference } from '../../objects/image.ts'
import { fieldOf, ImageProblem, type ImageSettings, isObject, settingsOf } from './image-settings.ts'
import { MANIFEST_BYTES, type Registry } from './registry-client.ts'

/** As in an index: `{architecture: 'amd64', os: 'linux'}`. */
export interface Platforms {
  readonly architectures: readonly string[]
  /** Nodes were seen: an image that is not made for them is not replaced by one for other machines. */
  readonly areKnown: boolean
}

const CONFIG_BYTES = 8 * 2 ** 20
const INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']
const MANIFESTS = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json']
const CONFIGS = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']
const ACCEPT = [...INDEXES, ...MANIFESTS].join(', ')
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** Throws ImageProblem, or what the client throws. */
export async function readImageConfig(
  registry: Registry,
  image: ImageReference,
  platforms: Platforms,
  signal: AbortSignal,
): Promise<ImageSettings & Required<Pick<ImageConfig, 'digests'>>> {
  const manifest = async (reference: string) => {
    const path = `manifests/${reference}`
    const { body, type } = await registry.get(image.repository, path, { accept: ACCEPT, limit: MANIFEST_BYTES, signal })
    const digest = DIGEST.test(reference) ? checked(body, reference) : digestOf(body)
    const value = parsed(body, 'manifest')
    const own = value['mediaType']
    return { value, digest, type: typeof own === 'string' ? own : type }
  }
  let found = await manifest(image.digest ?? image.tag ?? 'latest')
  const digests = [found.digest]
  if (INDEXES.includes(found.type) || Array.isArray(found.value['manifests'])) {
    found = await manifest(chosen(found.value['manifests'], platforms))
    digests.push(found.digest)
  }
  if (found.value['schemaVersion'] === 1) throw new ImageProblem('its manifest is of the old schema 1, which has no configuration to read')
  const { digest, mediaType } = isObject(found.value['config']) ? found.value['config'] : {}
  if (typeof digest !== 'string' || !DIGEST.test(digest)) throw new ImageProblem('its manifest names no configuration')
  if (typeof mediaType !== 'string' || !CONFIGS.includes(mediaType)) throw new ImageProblem('what is there is no container image')
  const { body } = await registry.get(image.repository, `blobs/${digest}`, { accept: '*/*', limit: CONFIG_BYTES, signal })
  checked(body, digest)
  return { ...settingsOf(fieldOf(parsed(body, 'configuration'), 'config')), digests }
}

/** Of the manifests of an index that of the nodes' platform; the user of an image seldom depends on it. */
function chosen(manifests: unknown, { architectures, areKnown }: Platforms): string {
  const linux = (Array.isArray(manifests) ? manifests : []).flatMap((one: unknown) => {
    const { digest, platform } = isObject(one) ? one : {}
    const { os, architecture } = isObject(platform) ? platform : {}
    return typeof digest === 'string' && DIGEST.test(digest) && os === 'linux' ? [{ digest, architecture }] : []
  })
  const fits = architectures.flatMap((wanted) => linux.filter(({ architecture }) => architecture === wanted))[0]
  const one = fits ?? (areKnown ? undefined : linux[0])
  if (one === undefined) throw new ImageProblem(`it is not made for ${architectures.map((name) => `linux/${name}`).join(' or ')}`)
  return one.digest
}

const digestOf = (body: Buffer, algorithm = 'sha256'): string => `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`

function checked(body: Buffer, digest: string): string {
  if (digestOf(body, digest.split(':')[0]) !== digest)
    throw new ImageProblem('the registry sent something else than what was asked for (wrong digest)')
  return digest
}

function parsed(body: Buffer, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  throw new ImageProblem(`its ${what} is no JSON object`)
}
