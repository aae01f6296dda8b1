/** The objects of all files, each under one key; knows what changed when a file did. */
import { isDeepStrictEqual } from 'node:util'
import type { Kind, KubeObject, PodObject } from '../model/index.ts'
import { type FilePosition, keyOf, rememberPosition } from '../objects/ref.ts'
import { served } from '../objects/served.ts'
import type { FoundObject } from './manifests-parse.ts'

export interface Changes {
  readonly kinds: readonly { readonly kind: Kind /** Nothing could be said of the kind before. */; readonly wasSilent: boolean }[]
  readonly objects: readonly { readonly kind: Kind; readonly key: string /** Absent: removed. */; readonly object?: KubeObject }[]
}
type Arranged = ReadonlyMap<Kind, ReadonlyMap<string, KubeObject>>

export class Shelf {
  readonly #files = new Map<string, readonly FoundObject[]>()
  readonly #namespaces: ReadonlySet<string> | undefined
  #whole: ReadonlySet<Kind> = new Set()
  #arranged: Arranged = new Map()
  #objects = 0

  constructor(namespaces?: readonly string[]) {
    this.#namespaces = namespaces === undefined ? undefined : new Set(namespaces)
  }

  /** Of these kinds all namespaces are kept. */
  keepWhole(kinds: ReadonlySet<Kind>): void {
    this.#whole = kinds
  }

  /** Objects of the kinds we know, in all files. */
  get objects(): number {
    return this.#objects
  }

  /** From now on these are the objects of the file. Those that are as before stay the very objects they were. */
  put(file: string, found: readonly FoundObject[]): void {
    const before = this.#files.get(file) ?? []
    this.#objects += found.length - before.length
    if (found.length === 0) this.#files.delete(file)
    else this.#files.set(file, before.length === 0 ? found : asBefore(found, before))
  }

  /**
   * The same where some documents, or the whole file, cannot be read at the moment: what was in them stays, unless it is found
   * elsewhere in the file. A typing error must not look as if everything in the file were mended.
   */
  putWhatIsRead(file: string, found: readonly FoundObject[], unreadable: ReadonlySet<number> | 'all'): void {
    const identity = ({ kind, object: { metadata } }: FoundObject): string => `${kind} ${keyOf(metadata.namespace, metadata.name)}`
    const there = new Set(found.map(identity))
    const kept = (this.#files.get(file) ?? []).filter(
      (one) => (unreadable === 'all' || unreadable.has(one.position.document)) && !there.has(identity(one)),
    )
    this.put(
      file,
      [...found, ...kept].sort((a, b) => a.position.document - b.position.document),
    )
  }

  of(kind: Kind): Iterable<readonly [string, KubeObject]> {
    return this.#arranged.get(kind)?.entries() ?? []
  }

  /** No object of a kind that manifests need not declare says nothing of the cluster. */
  saysNothingOf(kind: Kind): boolean {
    return served(kind).inFiles === 'elsewhere' && !this.#arranged.has(kind)
  }

  /** Gives every object its key: the first in the order of files has the plain one. Returns what is different from the last time. */
  arrange(): Changes {
    const before = this.#arranged
    const after = new Map<Kind, Map<string, KubeObject>>()
    for (const [, found] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const { kind, object, position } of found) {
        const { namespace, name } = object.metadata
        if (namespace !== undefined && this.#namespaces?.has(namespace) === false && !this.#whole.has(kind)) continue
        let keys = after.get(kind)
        if (keys === undefined) after.set(kind, (keys = new Map()))
        const key = keyOf(namespace, name)
        keys.set(keys.has(key) ? `${key}@${placeOf(position)}` : key, object)
      }
    }
    this.#arranged = after
    return differences(before, after)
  }

  /** The control plane's version, where a kubeadm configuration or the API server's image tells it. */
  kubernetes(): string | undefined {
    const configured = this.#first('ClusterConfiguration')?.find(
      (object) => typeof object.kubernetesVersion === 'string',
    )?.kubernetesVersion
    if (typeof configured === 'string' && /^v?\d+\.\d+/.test(configured)) return configured.startsWith('v') ? configured : `v${configured}`
    for (const pod of this.#first('Pod') ?? []) {
      for (const { image } of (pod as unknown as PodObject).spec.containers) {
        const version = /(?:^|\/)kube-apiserver(?:-[a-z0-9]+)?:(v\d+\.\d+\.\d+[\w.+-]*)/.exec(image ?? '')?.[1]
        if (version !== undefined) return version
      }
    }
    return undefined
  }

  #first(kind: Kind): (KubeObject & { readonly kubernetesVersion?: unknown })[] {
    return this.#files
      .values()
      .toArray()
      .flat()
      .filter((one) => one.kind === kind)
      .map(({ object }) => object)
  }
}

const placeOf = ({ file, document, item, build }: FilePosition): string =>
  `${file}#${document}${item === undefined ? '' : `.${item}`}${build === undefined ? '' : `#${build}`}`

/** Objects known from before where they equal the new ones; what has moved to another document is new, for its ref says so. */
function asBefore(found: readonly FoundObject[], before: readonly FoundObject[]): FoundObject[] {
  const place = ({ kind, position }: FoundObject): string => `${kind} ${placeOf(position)}`
  const known = new Map(before.map((one) => [place(one), one.object]))
  return found.map((one) => {
    const object = known.get(place(one))
    if (object === undefined || !isDeepStrictEqual(object, one.object)) return one
    rememberPosition(object, one.position)
    return { ...one, object }
  })
}

function differences(before: Arranged, after: Arranged): Changes {
  const kinds: Changes['kinds'][number][] = []
  const objects: Changes['objects'][number][] = []
  for (const kind of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(kind)
    const now = after.get(kind)
    const count = objects.length
    for (const [key, object] of now ?? []) if (old?.get(key) !== object) objects.push({ kind, key, object })
    for (const key of old?.keys() ?? []) if (now?.has(key) !== true) objects.push({ kind, key })
    if (objects.length > count) kinds.push({ kind, wasSilent: old === undefined && served(kind).inFiles === 'elsewhere' })
  }
  return { kinds, objects }
}
