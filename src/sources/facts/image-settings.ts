/** The `config` of an image (OCI image-spec, docker image inspect), taken by its fields. Whoever made the image wrote it: nothing is believed of its shape. */
import type { ImageConfig } from '../../model/index.ts'

export type ImageSettings = Pick<ImageConfig, 'user' | 'volumes' | 'exposedPorts' | 'entrypoint' | 'cmd' | 'workingDir'>

const LONGEST = 4096
const MOST = 256

/** What cannot be a configuration; the message completes "IMAGE: …". */
export class ImageProblem extends Error {
  override readonly name = 'ImageProblem'
  /** Of the whole registry, not of one image: it cannot be reached, or does not answer. */
  readonly isSilence: boolean
  constructor(message: string, isSilence = false) {
    super(message)
    this.isSilence = isSilence
  }
}

/** An absent `config` is an image without any settings: it runs as root. Throws ImageProblem where a runtime would not take it either. */
export function settingsOf(config: unknown): ImageSettings {
  if (config === undefined || config === null) return { user: '', volumes: [], exposedPorts: [] }
  if (!isObject(config)) throw new ImageProblem('its configuration is no object')
  const user = fieldOf(config, 'User') ?? ''
  if (typeof user !== 'string' || user.length > 256) throw new ImageProblem('the user in its configuration is no text')
  const entrypoint = words(fieldOf(config, 'Entrypoint'))
  const cmd = words(fieldOf(config, 'Cmd'))
  const workingDir = fieldOf(config, 'WorkingDir')
  return {
    user,
    volumes: keysOf(fieldOf(config, 'Volumes')),
    exposedPorts: keysOf(fieldOf(config, 'ExposedPorts')),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(cmd !== undefined && { cmd }),
    ...(typeof workingDir === 'string' && workingDir !== '' && workingDir.length <= LONGEST && { workingDir }),
  }
}

/**
 * The runtime reads field names in any case, so an image that says both `User` and `user` says different things to different readers:
 * it is not believed.
 */
export function fieldOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  const found = Object.keys(object).filter((key) => key.toLowerCase() === name.toLowerCase())
  if (found.length > 1) throw new ImageProblem(`its configuration has ${name} more than once`)
  return found[0] === undefined ? undefined : object[found[0]]
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Sets are objects in the image specification (`{"80/tcp": {}}`), lists in our own form. */
export const keysOf = (set: unknown): string[] =>
  (Array.isArray(set) ? set : isObject(set) ? Object.keys(set) : [])
    .filter((key): key is string => typeof key === 'string' && key.length <= LONGEST)
    .slice(0, MOST)
    .sort()

function words(list: unknown): string[] | undefined {
  if (list === undefined || list === null) return undefined
  const isCommand = Array.isArray(list) && list.length <= MOST && list.every((word) => typeof word === 'string' && word.length <= LONGEST)
  return isCommand ? (list as string[]) : undefined
}
