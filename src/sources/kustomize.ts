/**
 * Objects as the kustomizations among the manifests build them: patches applied, namespace, labels and images set. Patches are no
 * objects of their own. What is not reckoned (names' prefixes, generators) is complained of.
 */
import type { ObjectRef, Path } from '../model/index.ts'
import { valueAt } from '../objects/path.ts'
import { groupOf } from '../objects/ref.ts'
import { kindFor, served } from '../objects/served.ts'
import { applyJsonPatch, mergeStrategically } from '../objects/strategic-merge.ts'
import { type Complaint, type Image, isKustomization, type Kustomization, type Patch, readKustomization } from './kustomization.ts'
import { annotated, labelled } from './kustomize-labels.ts'

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)

/** One form that an object of a file takes. */
export interface Variant {
  readonly value: Fields
  /** The directory whose kustomization makes it so; absent where the file says it all. */
  readonly build?: string
  readonly problem?: string
}
/** More ways to one file than any tree has; each costs the patches once more. */
const MAX_WAYS = 50
interface Tree {
  readonly all: ReadonlyMap<string, Kustomization>
  readonly names: ReadonlySet<string>
  readonly complaints: Complaint[]
}

export class Kustomize {
  readonly patchFiles: ReadonlySet<string>
  readonly complaints: readonly Complaint[]
  /** Differs where anything here does. */
  readonly signature: string
  /** The kustomizations that nothing builds on. */
  readonly tops: readonly Kustomization[]
  /** Their directories. */
  readonly roots: readonly string[]
  readonly #ways = new Map<string, (readonly Kustomization[])[]>()

  /** `texts`: of kustomizations and patches; `names`: of all files. */
  constructor(texts: ReadonlyMap<string, string>, names: ReadonlySet<string>) {
    const complaints: Complaint[] = []
    const patches = new Set<string>()
    const all = new Map<string, Kustomization>()
    const textOf = (patch: string): string | undefined => {
      patches.add(patch)
      return texts.get(patch)
    }
    for (const [file, text] of texts) {
      const found = isKustomization(file) ? readKustomization(file, text, textOf, complaints) : undefined
      if (found !== undefined) all.set(found.directory, found)
    }
    const built = new Set([...all.values()].flatMap(({ resources, components }) => [...resources, ...components]))
    const roots = [...all.values()].filter(({ directory, isComponent }) => !built.has(directory) && !isComponent)
    for (const root of roots) this.#walk({ all, names, complaints }, root, [])
    this.tops = roots
    this.roots = roots.map(({ directory }) => directory || '.')
    this.patchFiles = new Set([...patches].filter((file) => !built.has(file)))
    this.complaints = complaints
    this.signature = JSON.stringify([...texts, ...this.#ways.keys(), complaints])
  }

  /** `after`: what works on the outcome, in that order. */
  #walk(tree: Tree, here: Kustomization, after: readonly Kustomization[]): void {
    // Components work on what is there already, and before the kustomization that names them.
    const components = here.components.flatMap((directory) => tree.all.get(directory) ?? [])
    const way = [...components, here, ...after]
    for (const entry of [...here.resources, ...components.flatMap(({ resources }) => resources)]) {
      const inner = tree.all.get(entry)
      if (inner !== undefined) {
        if (!way.includes(inner)) this.#walk(tree, inner, way)
      } else if (tree.names.has(entry)) {
        const ways = this.#ways.get(entry) ?? []
        if (ways.length < MAX_WAYS) this.#ways.set(entry, [...ways, way])
      } else tree.complaints.push({ file: here.file, line: 1, message: `${entry} is not there, so it is not judged` })
    }
  }

  /** What becomes of an object of a file: itself where no kustomization takes it in, nothing where all of them delete it. */
  variantsOf(file: string, value: Fields): readonly Variant[] {
    const ways = this.#ways.get(file)
    if (ways === undefined) return [{ value }]
    const own = JSON.stringify(value)
    const seen = new Map<string, Variant>()
    for (const way of ways) {
      const { value: built, problem } = builtBy(way, value)
      if (built === undefined) continue
      const text = JSON.stringify(built)
      const { directory } = way.at(-1)!
      if (!seen.has(text))
        seen.set(text, {
          value: structuredClone(built),
          ...(text !== own && { build: directory === '' ? '.' : directory }),
          ...(problem !== undefined && { problem }),
        })
    }
    return [...seen.values()]
  }

  /** One build of an object, as it would be with this value in its file; undefined where that build has no such object. */
  built(file: string, build: string, value: Fields): Fields | undefined {
    const way = this.#way(file, build)
    return way === undefined ? undefined : builtBy(way, value).value
  }

  readonly #way = (file: string, build: string): readonly Kustomization[] | undefined =>
    this.#ways.get(file)?.find((one) => (one.at(-1)!.directory || '.') === build)

  /** The patch that has the last word on a value of an object. */
  patchWith(ref: ObjectRef, path: Path): Patch | undefined {
    const way = this.#way(ref.file ?? '', ref.build ?? '') ?? []
    const namespaces = new Set([undefined, ref.namespace])
    const { apiVersion, kind, name } = ref
    return way
      .flatMap(({ patches }) => patches)
      .findLast(
        (patch) =>
          valueAt(patch.value, path) !== undefined &&
          namespaces.values().some((namespace) => isFor(patch, { apiVersion, kind, metadata: { name, namespace } })),
      )
  }
}

function builtBy(way: readonly Kustomization[], value: Fields): { readonly value: Fields | undefined; readonly problem?: string } {
  let here = value
  let problem: string | undefined
  for (const { patches, namespace, labels, annotations, images } of way) {
    for (const patch of patches) {
      if (!isFor(patch, here)) continue
      try {
        const after = Array.isArray(patch.value)
          ? applyJsonPatch(here, patch.value)
          : mergeStrategically(here, withoutIdentity(patch.value), isTyped(here))
        if (!isFields(after)) return { value: undefined }
        here = after
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        problem = `${patch.file}: ${error.message}; it was judged without`
      }
    }
    if (namespace !== undefined) here = inNamespace(here, namespace)
    for (const additions of labels) here = labelled(here, additions)
    if (annotations !== undefined) here = annotated(here, annotations)
    if (images.length > 0) here = withImages(here, images) as Fields
  }
  return { value: here, ...(problem !== undefined && { problem }) }
}

/** The target is told by it; a patch renames nothing. */
function withoutIdentity(patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = patch
  if (!isFields(metadata)) return rest
  const { name: _name, namespace: _namespace, ...others } = metadata
  return { ...rest, ...(Object.keys(others).length > 0 && { metadata: others }) }
}

const isTyped = ({ apiVersion, kind }: Fields): boolean => kindFor(String(apiVersion), String(kind)) !== undefined

function isFor({ value: patch, target }: Patch, object: Fields): boolean {
  const metadata = isFields(object.metadata) ? object.metadata : {}
  const [group, version] = [groupOf(String(object.apiVersion)), String(object.apiVersion).split('/').at(-1)!]
  if (target !== undefined) {
    const fits = (pattern: unknown, text: unknown): boolean =>
      typeof pattern !== 'string' || pattern === '' || isLike(pattern, String(text ?? ''))
    return (
      fits(target.group, group) &&
      fits(target.version, version) &&
      fits(target.kind, object.kind) &&
      fits(target.name, metadata.name) &&
      fits(target.namespace, metadata.namespace ?? 'default') &&
      isSelected(target.labelSelector, metadata.labels) &&
      isSelected(target.annotationSelector, metadata.annotations)
    )
  }
  if (!isFields(patch) || !isFields(patch.metadata)) return false
  const { name, namespace } = patch.metadata
  return (
    patch.kind === object.kind &&
    groupOf(String(patch.apiVersion)) === group &&
    name === metadata.name &&
    (namespace === undefined || (metadata.namespace ?? 'default') === namespace)
  )
}

/** kustomize takes anchored regular expressions; `.*` and `|` are reckoned, in a way that no file can stall. */
const isLike = (pattern: string, text: string): boolean =>
  pattern
    .replace(/^\^/, '')
    .replace(/\$$/, '')
    .replace(/^\((.*)\)$/, '$1')
    .split('|')
    .some((one) => hasParts(text, one.replaceAll('\\', '').split('.*')))

function hasParts(text: string, parts: readonly string[]): boolean {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  if (parts.length === 1) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}

function isSelected(selector: unknown, labels: unknown): boolean {
  if (typeof selector !== 'string' || selector === '') return true
  const has = isFields(labels) ? labels : {}
  return selector.split(',').every((term) => {
    const [, not, key, sign, wanted] = /^(!?)([^\s!=]+)(?:(!?==?)(\S*))?$/.exec(term.replaceAll(/\s+/g, '')) ?? []
    if (key === undefined) return false
    if (sign === undefined) return Object.hasOwn(has, key) === (not === '')
    return (String(has[key] ?? '') === wanted) === !sign.startsWith('!')
  })
}

function inNamespace(object: Fields, namespace: string): Fields {
  const kind = kindFor(String(object.apiVersion), String(object.kind))
  const placed =
    kind !== undefined && served(kind).namespaced ? { ...object, metadata: { ...(object.metadata as object), namespace } } : object
  if (!Array.isArray(object.subjects)) return placed
  return {
    ...placed,
    subjects: object.subjects.map((one: unknown) =>
      isFields(one) && one.kind === 'ServiceAccount' && (one.namespace ?? 'default') === 'default' ? { ...one, namespace } : one,
    ),
  }
}

/** In every list of containers, wherever it is. */
function withImages(value: unknown, images: readonly Image[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withImages(item, images))
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      /^(?:containers|initContainers)$/.test(key) && Array.isArray(inner)
        ? inner.map((one: unknown) =>
            isFields(one) && typeof one.image === 'string' ? { ...one, image: images.reduce(renamed, one.image) } : one,
          )
        : withImages(inner, images),
    ]),
  )
}

function renamed(image: string, { name, newName, newTag, digest }: Image): string {
  const [, now, rest = ''] = /^(.+?)((?::[\w.-]+)?(?:@.*)?)$/.exec(image) ?? []
  if (now !== name) return image
  return `${newName ?? now}${digest !== undefined ? `@${digest}` : newTag !== undefined ? `:${newTag}` : rest}`
}

/** The kustomizations among files. `textOf` gives undefined for what cannot be read. */
export async function kustomizeOf(files: readonly string[], textOf: (file: string) => Promise<string | undefined>): Promise<Kustomize> {
  const names = new Set(files)
  const texts = new Map<string, string>()
  const read = async (wanted: Iterable<string>): Promise<void> => {
    for (const file of wanted) {
      const text = names.has(file) ? await textOf(file) : undefined
      if (text !== undefined) texts.set(file, text)
    }
  }
  await read(files.filter(isKustomization))
  if (texts.size === 0) return NO_KUSTOMIZATION
  await read(new Kustomize(texts, names).patchFiles)
  return new Kustomize(texts, names)
}
export const NO_KUSTOMIZATION = new Kustomize(new Map(), new Set())
