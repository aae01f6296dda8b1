/** What an image says of itself (OCI image-spec `config`), found by the reference that a container names. */
import type { Facts, ImageConfig, PodObject, View } from '../model/index.ts'
import { statusOf } from './containers.ts'
import { remembered } from './derived.ts'
import { parseImage, runningImage } from './image.ts'

/**
 * The configuration of the image that a container names; undefined where none was asked for. `nginx`, `docker.io/library/nginx:latest` and
 * `index.docker.io/library/nginx` are one image, and a digest is the same image in every registry. One that is known goes before one with a `problem`.
 */
export function imageConfigOf(view: View<'ImageConfigs'>, imageRef: string): ImageConfig | undefined {
  const fact = view.fact('ImageConfigs')
  return fact === undefined ? undefined : imageConfigIn(fact, imageRef)
}

/** As imageConfigOf, for whoever holds the fact itself. */
export function imageConfigIn(fact: Facts['ImageConfigs'], imageRef: string): ImageConfig | undefined {
  const index = indexOf(fact)
  const key = keyOf(imageRef)
  return index.get(key) ?? index.get(digestIn(key) ?? key)
}

const indexOf = remembered((fact: Facts['ImageConfigs']): ReadonlyMap<string, ImageConfig> => {
  const index = new Map<string, ImageConfig>()
  for (const config of fact.images) {
    const key = keyOf(config.image)
    for (const one of new Set([key, digestIn(key) ?? key, ...(config.digests ?? []).map((digest) => digest.toLowerCase())])) {
      const before = index.get(one)
      if (before === undefined || (before.problem !== undefined && config.problem === undefined)) index.set(one, config)
    }
  }
  return index
})

/** One text for every way to write an image. A digest wins over the tag, as it does for the runtime. */
function keyOf(text: string): string {
  const image = parseImage(text)
  if (image === undefined) return text
  const { registry, repository, tag = 'latest', digest } = image
  return `${registry.toLowerCase()}/${repository}${digest === undefined ? `:${tag}` : `@${digest.toLowerCase()}`}`
}
const digestIn = (key: string): string | undefined => /@(.+)$/.exec(key)?.[1]

/**
 * The configuration as far as it holds for the live pods: undefined where a kubelet reports a digest that this configuration was not
 * read by. A tag that has moved on says nothing of what still runs. Where no digest is known on either side, the reference decides.
 */
export function configOfRunning(config: ImageConfig | undefined, pods: readonly PodObject[], container: string): ImageConfig | undefined {
  const digests = config?.digests?.map((digest) => digest.toLowerCase())
  if (digests === undefined || digests.length === 0) return config
  const running = pods.map((pod) => runningImage(statusOf(pod, container)?.imageID)?.digest?.toLowerCase())
  return running.every((digest) => digest === undefined || digests.includes(digest)) ? config : undefined
}

const NUMBER = /^[+-]?\d+$/
const LARGEST_UID = 2 ** 32 - 2

/**
 * The user of an image as the kubelet takes it (`user[:group]`, image-spec `config.User`): `root` for none, uid 0 and the name root;
 * `named` for any other name, of which nobody outside the image knows the number and which runAsNonRoot refuses; undefined where the
 * user is not known, or is a number that no system has.
 */
export function numericUser(
  config: Pick<ImageConfig, 'user' | 'problem'> | undefined,
): { readonly uid: number; readonly gid?: number } | 'root' | 'named' | undefined {
  if (config?.user === undefined || config.problem !== undefined) return undefined
  const [user = '', group = ''] = config.user.split(':').map((part) => part.trim())
  if (user === '' || user === 'root') return 'root'
  if (!NUMBER.test(user)) return 'named'
  const uid = Number(user)
  if (uid === 0) return 'root'
  if (uid < 0 || uid > LARGEST_UID) return undefined
  const gid = NUMBER.test(group) ? Number(group) : undefined
  return gid === undefined || gid < 0 || gid > LARGEST_UID ? { uid } : { uid, gid }
}

/** For a sentence: `the image's user is root`, `… is "nginx", a name`. */
export function userWords({ user = '', from }: ImageConfig): string {
  const source = from === 'registry' ? 'its registry' : 'the file given with --images'
  return user === '' ? `the image names no user, says ${source}` : `the image's user is "${user}", says ${source}`
}
