/** A source, and around it what its images say of themselves: out of a file, or out of the registries once the workloads are known. */
import type { ClusterSource, Facts, ImageConfig, KubeObject, NodeObject, SourceEvent } from '../model/index.ts'
import { eachContainer } from '../objects/containers.ts'
import { templateOf, WORKLOAD_KINDS } from '../objects/workloads.ts'
import { Registries } from './facts/image-configs.ts'
import type { Platforms } from './facts/registry.ts'
import { dockerLogins } from './facts/registry-access.ts'
import { EventQueue } from './live-queue.ts'

type Events = Parameters<ClusterSource['events']>[0]

/** `images`: a fact that is known already (`--images FILE`), or `registry`: ask, read-only, the registries that the containers name. */
export function withImages(source: ClusterSource, images: Facts['ImageConfigs'] | 'registry'): ClusterSource {
  return {
    get info() {
      return source.info
    },
    locate: (ref, at) => source.locate?.(ref, at),
    lookAgain: async () => source.lookAgain?.(),
    async *events(options) {
      const wanted = new Set(options.wanted)
      if (!wanted.delete('ImageConfigs')) return yield* source.events(options)
      if (images === 'registry') return yield* askedAlong(source, { ...options, wanted })
      yield { type: 'fact', fact: 'ImageConfigs', value: images }
      yield* source.events({ ...options, wanted })
    },
  }
}

/** `synced` waits for the registries, for nothing is complete before; whatever changes later does not. */
async function* askedAlong(source: ClusterSource, options: Events): AsyncGenerator<readonly SourceEvent[]> {
  const queue = new EventQueue()
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const gathering = new Gathering(new Registries(await dockerLogins()), signal, (value) =>
    queue.push({ type: 'fact', fact: 'ImageConfigs', value }),
  )
  let failure: unknown
  const pump = async (): Promise<void> => {
    let synced = false
    for await (const batch of source.events({ ...options, signal })) {
      for (const event of Array.isArray(batch) ? batch : [batch]) {
        gathering.look(event)
        if (event.type === 'synced') {
          synced = true
          await gathering.ask()
        }
        queue.push(event)
      }
      if (synced) void gathering.ask()
    }
    await gathering.ask()
  }
  const pumping = pump()
    .catch((error: unknown) => {
      failure = error
    })
    .finally(() => queue.close())
  try {
    yield* queue
    await pumping
    if (failure !== undefined) throw failure
  } finally {
    stop.abort()
  }
}

class Gathering {
  readonly #registries: Registries
  readonly #signal: AbortSignal
  readonly #tell: (fact: Facts['ImageConfigs']) => void
  readonly #seen = new Set<string>()
  readonly #known = new Map<string, ImageConfig>()
  readonly #architectures = new Set<string>()
  #asking: Promise<void> | undefined
  #told = false

  constructor(registries: Registries, signal: AbortSignal, tell: (fact: Facts['ImageConfigs']) => void) {
    this.#registries = registries
    this.#signal = signal
    this.#tell = tell
  }

  look(event: SourceEvent): void {
    const objects = event.type === 'replace' ? event.items.map(([, object]) => object) : event.type === 'upsert' ? [event.object] : []
    const kind = 'kind' in event ? event.kind : undefined
    if (kind === 'Node') for (const node of objects) this.#lookAtNode(node as NodeObject)
    else if ((WORKLOAD_KINDS as readonly unknown[]).includes(kind)) for (const object of objects) this.#lookAtPods(object)
  }

  #lookAtNode({ metadata, status }: NodeObject): void {
    const architecture = metadata.labels?.['kubernetes.io/arch'] ?? status?.nodeInfo?.architecture
    if (typeof architecture === 'string' && metadata.labels?.['kubernetes.io/os'] !== 'windows') this.#architectures.add(architecture)
  }

  #lookAtPods(object: KubeObject): void {
    const spec = templateOf(object)?.spec
    if (spec === undefined || spec.os?.name === 'windows') return
    for (const { container } of eachContainer(spec))
      if (typeof container.image === 'string' && container.image !== '') this.#seen.add(container.image)
  }

  /** Asks for what is new, and again for what failed when it was asked for last; one round at a time. */
  async ask(): Promise<void> {
    await this.#asking
    const fresh = [...this.#seen].filter((image) => !this.#known.has(image))
    if ((fresh.length === 0 && this.#told) || this.#signal.aborted) return
    const failed = [...this.#known.values()].filter(({ problem }) => problem !== undefined).map(({ image }) => image)
    this.#asking ??= this.#round([...fresh, ...failed]).finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  async #round(images: readonly string[]): Promise<void> {
    for (const answer of await this.#registries.ask(images, { platforms: this.#platforms(), signal: this.#signal }))
      this.#known.set(answer.image, answer)
    if (this.#signal.aborted) return
    this.#told = true
    this.#tell({ images: [...this.#known.values()].sort((a, b) => (a.image < b.image ? -1 : 1)) })
  }

  /** amd64 first, as most nodes are. */
  #platforms(): Platforms {
    if (this.#architectures.size === 0) return { architectures: ['amd64'], areKnown: false }
    return {
      architectures: [...this.#architectures].sort((a, b) => Number(b === 'amd64') - Number(a === 'amd64') || (a < b ? -1 : 1)),
      areKnown: true,
    }
  }
}
