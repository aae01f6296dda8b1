/** Image references, as container runtimes read them (github.com/distribution/reference). */

export interface ImageReference {
  /** `docker.io` where none is named. */
  readonly registry: string
  /** A registry was written down. */
  readonly hasRegistry: boolean
  /** Without registry; `library/nginx` for `nginx`. */
  readonly repository: string
  readonly tag?: string
  /** `sha256:…`; it wins over the tag. */
  readonly digest?: string
}

const REFERENCE = /^(?<name>[^@]+?)(?<tag>:[A-Za-z0-9_][\w.-]{0,127})?(?:@(?<digest>[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,}))?$/
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const HOST = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d+)?$/

/** Many pods run few images, and several controls look at each. */
const parsed = new Map<string, ImageReference | undefined>()
const MOST = 10_000
const LONGEST = 512

/** Undefined for what no runtime would accept (an unrendered template, upper case in the repository). */
export function parseImage(text: string): ImageReference | undefined {
  if (text.length > LONGEST) return parse(text)
  const known = parsed.get(text)
  if (known !== undefined || parsed.has(text)) return known
  if (parsed.size >= MOST) parsed.clear()
  const image = parse(text)
  parsed.set(text, image)
  return image
}

function parse(text: string): ImageReference | undefined {
  const { name, tag, digest } = (text.length < 4096 ? REFERENCE.exec(text)?.groups : undefined) ?? {}
  if (name === undefined) return undefined
  // `host:5000/app` has no tag: the greedy parts above can only take what follows the last slash.
  if (tag !== undefined && name.lastIndexOf('/') < name.lastIndexOf(':') && !name.includes(']')) return undefined
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const hasRegistry = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  const registry = hasRegistry ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io'
  const rest = hasRegistry ? name.slice(slash + 1) : name
  if (!HOST.test(registry) || !REPOSITORY.test(rest)) return undefined
  const repository = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest
  return { registry, hasRegistry, repository, ...(tag !== undefined && { tag: tag.slice(1) }), ...(digest !== undefined && { digest }) }
}

/** Digest and place of what a kubelet really runs, from `imageID`; undefined where it names only a local image. */
export function runningImage(imageID: string | undefined): ImageReference | undefined {
  const image = parseImage((imageID ?? '').replace(/^docker-pullable:\/\//, ''))
  return image?.digest === undefined ? undefined : image
}

/** The reference as written, held fast by a digest; the tag stays for people to read. */
export const withDigest = (text: string, digest: string): string => `${text.replace(/@.*$/, '')}@${digest}`
