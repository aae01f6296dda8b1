/** `--images FILE`: image configurations that somebody else has read, as JSON. */
import type { Facts, ImageConfig } from '../../model/index.ts'
import { fieldOf, ImageProblem, isObject, keysOf, settingsOf } from './image-settings.ts'

/**
 * One JSON array, one object, or an object a line. Each is one of
 * - what `docker image inspect` prints: `RepoTags`, `RepoDigests` and `Config`;
 * - what `skopeo inspect --config` or `crane config` prints (`config`), with the reference added as `image`;
 * - an ImageConfig: `{"image": "nginx:1.27", "user": "101", "volumes": []}`.
 * Throws ImageProblem with a message that completes "FILE …".
 */
export function imagesIn(text: string): Facts['ImageConfigs'] {
  const entries = entriesIn(text)
  return { images: entries.flatMap(({ value, where }) => imagesOf(value, where)) }
}

interface Entry {
  readonly value: unknown
  readonly where: string
}

function entriesIn(text: string): readonly Entry[] {
  const whole = attempt(text)
  if (whole !== undefined)
    return (Array.isArray(whole.value) ? whole.value : [whole.value]).map((value, index) => ({ value, where: `entry ${index + 1}` }))
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), where: `line ${index + 1}` }))
  return lines.flatMap(({ line, where }): Entry[] => {
    if (line === '') return []
    const parsed = attempt(line)
    if (parsed === undefined) throw new ImageProblem(`is no JSON, nor JSON line by line (${where})`)
    return (Array.isArray(parsed.value) ? parsed.value : [parsed.value]).map((value) => ({ value, where }))
  })
}

function attempt(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function imagesOf(value: unknown, where: string): readonly ImageConfig[] {
  if (!isObject(value)) throw new ImageProblem(`has something at ${where} that is no image configuration`)
  try {
    if (typeof value['image'] === 'string' && value['image'] !== '') return [named(value['image'], value)]
    const tags = textsIn(fieldOf(value, 'RepoTags'))
    const pulled = textsIn(fieldOf(value, 'RepoDigests'))
    const names = [...tags, ...pulled].filter((name) => !name.includes('<none>'))
    if (names.length > 0 && Object.hasOwn(value, 'Config')) {
      const digests = pulled.map((name) => name.replace(/^.*@/, ''))
      return names.map((image) => ({ image, ...settingsOf(value['Config']), ...(digests.length > 0 && { digests }), from: 'file' }))
    }
  } catch (error) {
    if (error instanceof ImageProblem) throw new ImageProblem(`cannot be used at ${where}: ${error.message}`)
    throw error
  }
  throw new ImageProblem(`does not say at ${where} which image it describes: add "image": "REFERENCE"`)
}

function named(image: string, value: Readonly<Record<string, unknown>>): ImageConfig {
  const digests = textsIn(value['digests'])
  const more = { ...(digests.length > 0 && { digests }), from: 'file' as const }
  if (Object.hasOwn(value, 'config') || Object.hasOwn(value, 'Config')) return { image, ...settingsOf(fieldOf(value, 'config')), ...more }
  const { user, ...settings } = settingsOf(value)
  // Our own form leaves out what is not known; an image configuration leaves out what is root.
  const isTold = fieldOf(value, 'user') !== undefined
  return { image, ...(isTold && user !== undefined ? { user } : {}), ...settings, ...more }
}

const textsIn = (list: unknown): string[] => (list === null ? [] : keysOf(list))
