/** A kube-context as a source: every wanted kind, watched, and every wanted fact, asked. */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { Discovery, discover, pathOf } from '../apiserver/discovery.ts'
import { clean, type Refusal } from '../apiserver/refusal.ts'
import type { WatchTiming } from '../apiserver/watch.ts'
import type { ClusterSource, FactName, Kind, Readable, SourceEvent, SourceInfo } from '../model/index.ts'
import { readWhole } from '../objects/network-whole.ts'
import { isKind, served } from '../objects/served.ts'
import { FACTS } from './facts/all.ts'
import type { Asking, Fact, FactAnswer } from './facts/fact.ts'
import { connect } from './live-connect.ts'
import { readKind } from './live-kind.ts'
import { SeenNamespaces } from './live-namespaces.ts'
import { EventQueue } from './live-queue.ts'
import { notServed, onlyInFiles, unreadKind } from './live-unread.ts'
import { Sharing } from './reduce.ts'
import { deepEqual } from './sharing.ts'

export interface LiveOptions {
  readonly client: ApiClient
  /** Name shown for the source. */
  readonly context: string
  /** Narrow to these; absent: all. */
  readonly namespaces?: readonly string[]
  readonly timing?: Partial<WatchTiming> & {
    /** How often facts are asked again while following, in milliseconds. */ readonly facts?: number
  }
}

/**
 * Reads only what is wanted, with get, list and watch. `events` throws CannotConnect where the first request already fails, and
 * ConfigProblem where a namespace that was asked for does not exist; whatever goes wrong later arrives as `unread`.
 */
export function liveSource({ client, context, namespaces, timing = {} }: LiveOptions): ClusterSource {
  const info: SourceInfo = { kind: 'live', name: context, server: client.server, ...(namespaces !== undefined && { namespaces }) }
  const readings = new Set<Reading>()
  return {
    info,
    lookAgain: async () => void (await Promise.all([...readings].map((reading) => reading.askAgain()))),
    async *events({ signal, follow, wanted }) {
      const stop = new AbortController()
      const inner = AbortSignal.any([signal, stop.signal])
      setMaxListeners(0, inner)
      const queue = new EventQueue()
      let reading: Reading | undefined
      inner.addEventListener('abort', () => queue.close(), { once: true })
      try {
        const known: SourceInfo = { ...info, ...(await connect(client, namespaces, inner)) }
        queue.push({ type: 'source', info: known })
        reading = new Reading(client, known, timing, follow, inner, (event) => queue.push(event))
        readings.add(reading)
        void reading.all(wanted).then(() => {
          if (!follow) queue.close()
        })
        yield* queue
      } catch (error) {
        if (!inner.aborted) throw error
      } finally {
        stop.abort()
        if (reading !== undefined) readings.delete(reading)
      }
    },
  }
}

class Reading {
  readonly #client: ApiClient
  readonly #info: SourceInfo
  readonly #namespaces: readonly string[] | undefined
  /** Read in all namespaces where that is allowed. */
  #wanted: ReadonlySet<Kind> = new Set()
  #whole: readonly Kind[] = []
  readonly #timing: NonNullable<LiveOptions['timing']>
  readonly #follow: boolean
  readonly #signal: AbortSignal
  readonly #emit: (event: SourceEvent) => void
  readonly #streaming: { wanted: boolean }
  readonly #sharing = new Sharing()
  readonly #seen = new SeenNamespaces()
  #seenAll: Promise<unknown> = Promise.resolve()
  /** Of this round: some facts want to know what others were answered. */
  #asked = new Map<FactName, Promise<unknown>>()
  readonly #told = new Map<FactName, unknown>()
  /** Add-ons that were not served when we last looked. */
  readonly #absent = new Set<Kind>()
  #discovery: Promise<Discovery | Refusal> | undefined
  #facts: readonly FactName[] = []

  constructor(
    client: ApiClient,
    info: SourceInfo,
    timing: NonNullable<LiveOptions['timing']>,
    follow: boolean,
    signal: AbortSignal,
    emit: (event: SourceEvent) => void,
  ) {
    this.#client = client
    this.#info = info
    this.#namespaces = info.namespaces
    this.#timing = timing
    this.#follow = follow
    this.#signal = signal
    this.#emit = (event) => {
      this.#seen.take(event)
      emit(event)
    }
    // Pages travel compressed, streams do not: off loopback that matters more than the memory a page takes.
    this.#streaming = { wanted: client.loopback }
  }

  /** Resolves when everything wanted has arrived or is known to be unreadable. */
  async all(wanted: ReadonlySet<Readable>): Promise<void> {
    const kinds = [...wanted].filter((what): what is Kind & Readable => isKind(what))
    if (this.#namespaces !== undefined) this.#wanted = readWhole(wanted)
    const facts = [...wanted].filter((what): what is FactName => !isKind(what))
    this.#facts = facts
    // Pods first, since they take longest; then what is known to be there; facts last: they are small and wait for nobody.
    kinds.sort((a, b) => Number(b === 'Pod') - Number(a === 'Pod'))
    const reads = kinds.map((kind) => this.#kind(kind))
    this.#seenAll = Promise.all(reads.filter((_, index) => kinds[index] === 'Namespace' || kinds[index] === 'Pod'))
    await Promise.all([...reads, ...facts.map((fact) => this.#fact(fact))])
    if (!this.#signal.aborted) this.#emit({ type: 'synced' })
    if (this.#follow) void this.#lookAgain()
  }

  async #kind(kind: Kind): Promise<void> {
    const place = served(kind)
    if (place.standing === 'file') return this.#emit({ type: 'unread', unread: onlyInFiles(kind) })
    const version = place.standing === 'builtIn' ? place.version : await this.#versionOf(kind)
    if (version === undefined) return
    const isWhole = this.#wanted.has(kind) && (await this.#mayListAll(kind, version))
    if (isWhole) this.#tellWhole(kind)
    const namespaces = isWhole ? undefined : this.#namespaces
    const { settled } = readKind({
      client: this.#client,
      kind,
      version,
      follow: this.#follow,
      signal: this.#signal,
      streaming: this.#streaming,
      sharing: this.#sharing,
      emit: this.#emit,
      timing: this.#timing,
      ...(namespaces !== undefined && { namespaces }),
    })
    await settled
  }

  /** A refusal is an answer: then the operator's namespaces are what may be read. Any other failure is met, and told, by the reading itself. */
  async #mayListAll(kind: Kind, version: string): Promise<boolean> {
    const { group, plural } = served(kind)
    const answer = await this.#client.get(pathOf({ group, version, plural }), { query: { limit: 1 }, signal: this.#signal })
    return answer.ok || answer.refusal.kind !== 'forbidden'
  }

  /** Before its objects come, so that nobody takes those of other namespaces for all, or all for those of some. */
  #tellWhole(kind: Kind): void {
    if (this.#whole.includes(kind)) return
    this.#whole = [...this.#whole, kind]
    this.#emit({ type: 'source', info: { ...this.#info, whole: this.#whole } })
  }

  /** Under which version an add-on is served; undefined where it is not, which has then been said. */
  async #versionOf(kind: Kind): Promise<string | undefined> {
    const { group, version, plural } = served(kind)
    const discovery = await this.#discover()
    if (!(discovery instanceof Discovery)) {
      const { answer, why } = unreadKind(kind, discovery)
      this.#emit({
        type: 'unread',
        unread: {
          what: kind,
          why: why === 'not-served' ? 'unreachable' : why,
          because: `it is not known whether ${plural} are served: ${discovery.message}`,
          answer: why === 'forbidden' ? 'allow get on the non-resource URLs /api and /apis (ClusterRole system:discovery)' : answer,
        },
      })
      return undefined
    }
    const found = discovery.resource(group, plural, version)
    if (found !== undefined) {
      this.#absent.delete(kind)
      return found.version
    }
    if (discovery.isSilent(group))
      this.#emit({
        type: 'unread',
        unread: {
          ...notServed(kind),
          why: 'unreachable',
          because: `the server of API group ${group} does not answer, so ${plural} are not known`,
        },
      })
    // Discovery answered and has no such kind: there are none, and that is known.
    else if (!this.#absent.has(kind)) {
      this.#absent.add(kind)
      if (this.#wanted.has(kind)) this.#tellWhole(kind)
      this.#emit({ type: 'replace', kind, items: [] })
    }
    return undefined
  }

  #discover(): Promise<Discovery | Refusal> {
    this.#discovery ??= discover(this.#client, this.#signal).catch(
      (error: unknown): Refusal => ({ kind: 'unreachable', message: clean((error as Error).message, 200) }),
    )
    return this.#discovery
  }

  async #fact(name: FactName): Promise<void> {
    this.#tell(name, await this.#ask(name))
  }

  #ask<F extends FactName>(name: F): Promise<FactAnswer<F>> {
    if (!this.#asked.has(name)) this.#asked.set(name, this.#askNow(name))
    return this.#asked.get(name) as Promise<FactAnswer<F>>
  }

  #askNow<F extends FactName>(name: F): Promise<FactAnswer<F>> {
    const asking: Asking = {
      client: this.#client,
      signal: this.#signal,
      discovery: () => this.#discover(),
      fact: (other) => this.#ask(other),
      namespaces: async () => {
        await this.#seenAll
        const all = this.#seen.all()
        return this.#namespaces === undefined ? all : all.filter(({ namespace }) => this.#namespaces!.includes(namespace.metadata.name))
      },
    }
    return (FACTS[name] as Fact<F>)(asking).catch(
      (error: unknown): FactAnswer<F> => ({
        unread: {
          why: 'unreachable',
          because: `${name} could not be read: ${clean((error as Error).message, 200)}`,
          answer: 'check the connection to the API server and scan again',
        },
      }),
    )
  }

  #tell<F extends FactName>(name: F, answer: FactAnswer<F>): void {
    if (this.#signal.aborted) return
    this.#told.set(name, answer)
    if ('value' in answer) this.#emit({ type: 'fact', fact: name, value: answer.value })
    else this.#emit({ type: 'unread', unread: { what: name, ...answer.unread } })
  }

  /** Facts and the set of served kinds have no watch: they are looked at again now and then, and told where they differ. */
  async #lookAgain(): Promise<void> {
    for (;;) {
      await sleep(this.#timing.facts ?? 300_000, undefined, { signal: this.#signal }).catch(() => undefined)
      if (this.#signal.aborted) return
      this.#discovery = undefined
      await Promise.all([...this.#absent].map((kind) => this.#kind(kind)))
      await this.askAgain()
    }
  }

  async askAgain(): Promise<void> {
    this.#asked = new Map()
    await Promise.all(
      this.#facts.map(async (name) => {
        const answer = await this.#ask(name)
        if (!deepEqual(this.#told.get(name), answer)) this.#tell(name, answer)
      }),
    )
  }
}
