/** A live cluster with the files of its nodes beside it: the fact `Hosts`, and the kinds that only files hold. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandResult, Host, HostCommand } from '../hosts/host.ts'
import type { ClusterSource, Kind, KubeObject, Readable, SourceEvent, Unread } from '../model/index.ts'
import { Coverage } from './hosts-coverage.ts'
import { type HostLook, refusedLook } from './hosts-look.ts'
import { Looks, type LooksOptions } from './hosts-looks.ts'
import { EventQueue } from './live-queue.ts'
import { LineFinder } from './manifests-lines.ts'
import { deepEqual } from './sharing.ts'

/** Kinds that files of a node hold, and on which nodes they have to be seen to be seen whole. */
export const HOST_KINDS = {
  EncryptionConfiguration: 'api-servers',
  AuditPolicy: 'api-servers',
  AuthenticationConfiguration: 'api-servers',
  AuthorizationConfiguration: 'api-servers',
  AdmissionConfiguration: 'api-servers',
  Kubeconfig: 'api-servers',
  KubeletConfiguration: 'nodes',
  CertificateFile: 'nodes',
} as const satisfies Partial<Record<Kind, 'api-servers' | 'nodes'>>
type HostKind = keyof typeof HOST_KINDS
const isHostKind = (what: Readable): what is HostKind => Object.hasOwn(HOST_KINDS, what)

export interface HostsOptions extends LooksOptions {
  /** Milliseconds between two looks while following; at least 20 times as long as a look takes. */
  readonly everyMs?: number
}

/** `hosts` are to be used instead of those given: what is changed through them is looked at again at once. */
export function withHosts(
  source: ClusterSource,
  given: readonly Host[],
  { everyMs = 10_000, ...options }: HostsOptions = {},
): { readonly source: ClusterSource; readonly hosts: readonly Host[] } {
  let changed = () => {}
  const hosts = given.map((host) => new ToldHost(host, () => changed()))
  let texts: ReadonlyMap<string, string> = new Map()
  const lines = new LineFinder((file) => {
    const text = texts.get(file)
    return text === undefined ? undefined : { text }
  })
  return {
    hosts,
    source: {
      get info() {
        return source.info
      },
      locate: (ref, at) => (ref.file !== undefined && texts.has(ref.file) ? lines.locate(ref, at) : source.locate?.(ref, at)),
      lookAgain: async () => {
        changed()
        await source.lookAgain?.()
      },
      async *events({ signal, follow, wanted }) {
        const kinds = [...wanted].filter(isHostKind)
        if (kinds.length === 0 && !wanted.has('Hosts')) return yield* source.events({ signal, follow, wanted })
        const stop = new AbortController()
        const ended = AbortSignal.any([signal, stop.signal])
        const queue = new EventQueue()
        ended.addEventListener('abort', () => queue.close(), { once: true })
        const reader = new Reader(wanted, kinds, (event) => queue.push(event))
        let failure: { readonly error: unknown } | undefined
        const all = new Looks(given, options)
        const look = async () => {
          const looks = await all.all(ended)
          texts = new Map(
            looks.flatMap(({ seen }) =>
              seen.files.flatMap(({ path, text }) => (text === undefined ? [] : [[`${seen.node}:${path}`, text] as const])),
            ),
          )
          for (const file of texts.keys()) lines.forget(file)
          return looks
        }
        const first = look()
        first.catch(() => {})
        const inner = (async () => {
          // Nodes and pods tell on how many nodes a kind has to be seen.
          const asked = new Set([...wanted, 'Pod' as const, 'Node' as const].filter((what) => what !== 'Hosts' && !isHostKind(what)))
          for await (const batch of source.events({ signal: ended, follow, wanted: asked }))
            for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) {
              if (event.type === 'synced') reader.looked(await first)
              reader.pass(event)
            }
        })()
        const following = (async () => {
          await first
          while (follow && !ended.aborted) {
            const wake = new AbortController()
            changed = () => wake.abort()
            await sleep(Math.max(everyMs, 20 * reader.tookMs), undefined, { signal: AbortSignal.any([ended, wake.signal]) }).catch(() => {})
            if (ended.aborted) break
            const began = Date.now()
            const looks = await look()
            reader.tookMs = Date.now() - began
            if (reader.synced) reader.looked(looks)
          }
        })()
        const fail = (error: unknown) => {
          failure ??= { error }
          queue.close()
        }
        void Promise.all([inner, follow ? following : first]).then(() => {
          if (!follow) queue.close()
        }, fail)
        try {
          yield* queue
          if (failure !== undefined && !signal.aborted) throw failure.error
        } finally {
          stop.abort()
        }
      },
    },
  }
}

/** Makes events of looks: at first everything, then what is different. */
class Reader {
  tookMs = 0
  synced = false
  readonly #wanted: ReadonlySet<Readable>
  readonly #kinds: readonly HostKind[]
  readonly #emit: (event: SourceEvent) => void
  readonly #coverage = new Coverage()
  readonly #said = new Map<Readable, unknown>()
  #looks: readonly HostLook[] | undefined

  constructor(wanted: ReadonlySet<Readable>, kinds: readonly HostKind[], emit: (event: SourceEvent) => void) {
    this.#wanted = wanted
    this.#kinds = kinds
    this.#emit = emit
  }

  pass(event: SourceEvent): void {
    const moved = this.#coverage.take(event)
    if (event.type === 'synced') this.synced = true
    const what = event.type === 'unread' ? event.unread.what : 'kind' in event ? event.kind : undefined
    if (what === undefined || this.#wanted.has(what)) this.#emit(event)
    if (moved && this.synced && this.#looks !== undefined) this.looked(this.#looks)
  }

  looked(given: readonly HostLook[]): void {
    this.#looks = given
    const looks = given.map((look) => (this.#coverage.isForeign(look.seen.node) ? foreign(look) : look))
    if (this.#wanted.has('Hosts')) {
      const value = { hosts: looks.map(({ seen }) => seen) }
      if (this.#isNews('Hosts', value)) this.#emit({ type: 'fact', fact: 'Hosts', value })
    }
    for (const kind of this.#kinds) {
      const items = itemsOf(kind, looks)
      const because = this.#coverage.missing(HOST_KINDS[kind], looks, kind)
      const unread: Unread | undefined =
        because === undefined
          ? undefined
          : {
              what: kind,
              why: 'partial',
              because: `not every ${kind} could be seen: ${because}`,
              answer: 'say with --host how each of these nodes is reached (for instance --host "*=ssh:root@{address}")',
            }
      if (!this.#isNews(kind, { items, unread })) continue
      this.#emit({ type: 'replace', kind, items })
      if (unread !== undefined) this.#emit({ type: 'unread', unread })
    }
  }

  #isNews(what: Readable, value: unknown): boolean {
    if (this.#said.has(what) && deepEqual(this.#said.get(what), value)) return false
    this.#said.set(what, value)
    return true
  }
}

/** Whatever machine that is, its files are not the cluster's. */
const foreign = ({ seen }: HostLook): HostLook => refusedLook(seen, 'the cluster has no node of this name')

/** The first of a name has the plain key; objects of several nodes often have one name. */
function itemsOf(kind: Kind, looks: readonly HostLook[]): readonly (readonly [string, KubeObject])[] {
  const found = looks.flatMap(({ objects }) => objects.filter((one) => one.kind === kind))
  const taken = new Set<string>()
  return found.map(({ object, position }) => {
    const { name } = object.metadata
    const key = taken.has(name) ? `${name}@${position.file}#${position.document}` : name
    taken.add(name)
    return [key, object] as const
  })
}

/** Tells when it has changed something. */
class ToldHost implements Host {
  readonly #host: Host
  readonly #changed: () => void

  constructor(host: Host, changed: () => void) {
    this.#host = host
    this.#changed = changed
  }
  get node() {
    return this.#host.node
  }
  get carrier() {
    return this.#host.carrier
  }
  get words() {
    return this.#host.words
  }
  stat = (path: string) => this.#host.stat(path)
  read = (path: string, limit?: number) => this.#host.read(path, limit)
  list = (path: string) => this.#host.list(path)
  write = (...args: Parameters<Host['write']>) => this.#host.write(...args).finally(this.#changed)
  copy = (from: string, to: string) => this.#host.copy(from, to)
  permit = (...args: Parameters<Host['permit']>) => this.#host.permit(...args).finally(this.#changed)
  remove = (path: string, expected: string) => this.#host.remove(path, expected).finally(this.#changed)
  run = (command: HostCommand): Promise<CommandResult> => this.#host.run(command).finally(this.#changed)
  watch = (path: string, signal: AbortSignal) => this.#host.watch(path, signal)
  close = () => this.#host.close()
}
