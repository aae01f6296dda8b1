/** A file, a directory or a stream of YAML and JSON, seen as a cluster. */
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { text as textOfStream } from 'node:stream/consumers'
import type { ClusterSource, Kind, ObjectRef, Path, Readable, SourceEvent, SourceInfo } from '../model/index.ts'
import { readWhole } from '../objects/network-whole.ts'
import { isKind } from '../objects/served.ts'
import { Charts, chartsAmong } from './charts.ts'
import type { Complaint } from './kustomization.ts'
import { kustomizeOf, NO_KUSTOMIZATION } from './kustomize.ts'
import { EncodingProblem } from './manifests-encoding.ts'
import { type Found, findFiles, readFound, unreadable } from './manifests-files.ts'
import { GatekeeperFiles } from './manifests-gatekeeper.ts'
import { LineFinder } from './manifests-lines.ts'
import { parseFile } from './manifests-parse.ts'
import { Shelf } from './manifests-shelf.ts'
import { unreadFact, unreadKind } from './manifests-unread.ts'
import { watchPath } from './manifests-watch.ts'

/** The source cannot be read at all; `tryNext` are commands or steps for the operator. */
export class SourceProblem extends Error {
  override readonly name = 'SourceProblem'
  readonly tryNext: readonly string[]
  constructor(message: string, tryNext: readonly string[]) {
    super(message)
    this.tryNext = tryNext
  }
}

export interface ManifestsOptions {
  readonly kind?: 'manifests' | 'sample'
  /** Shown instead of the path. */
  readonly name?: string
  /** Only objects of these namespaces; cluster-wide ones always. */
  readonly namespaces?: readonly string[]
  /** Where `-` reads from; standard input if absent. */
  readonly stdin?: NodeJS.ReadableStream
}

/** Throws SourceProblem at once where `path` (a file, a directory, or `-` for standard input) does not exist. */
export function manifestsSource(path: string, options: ManifestsOptions = {}): ClusterSource {
  if (path !== '-') {
    try {
      statSync(path)
    } catch (error) {
      throw new SourceProblem(`${path} ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : unreadable(error)}`, [
        'check the path given with --manifests',
        'k8s-harden --sample',
      ])
    }
  }
  return new ManifestsSource(path, options)
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  const done = new AbortController()
  try {
    return await Promise.race([work, once(signal, 'abort', { signal: done.signal }).then(() => undefined)])
  } finally {
    done.abort()
  }
}

class ManifestsSource implements ClusterSource {
  readonly #path: string
  readonly #options: ManifestsOptions
  readonly #shelf: Shelf
  readonly #lines: LineFinder
  readonly #signatures = new Map<string, string>()
  readonly #paths = new Map<string, string>()
  readonly #gatekeeper = new GatekeeperFiles()
  #kustomize = NO_KUSTOMIZATION
  #charts = new Charts()
  #saidOfCharts: ReadonlyMap<string, Complaint> = new Map()
  #stdin: string | undefined
  #kubernetes: string | undefined
  #whole: readonly Kind[] = []

  constructor(path: string, options: ManifestsOptions) {
    this.#path = path === '-' ? '-' : resolve(path)
    this.#options = options
    this.#shelf = new Shelf(options.namespaces)
    this.#lines = new LineFinder((file) => {
      if (this.#stdin !== undefined) return { text: this.#stdin }
      const found = this.#paths.get(file)
      return found === undefined ? undefined : { path: found }
    })
  }

  get info(): SourceInfo {
    const { kind = 'manifests', name = kind === 'sample' ? 'sample' : this.#path, namespaces } = this.#options
    return {
      kind,
      name,
      ...(this.#kubernetes !== undefined && { kubernetes: this.#kubernetes }),
      ...(namespaces !== undefined && { namespaces, whole: this.#whole }),
    }
  }

  locate(ref: ObjectRef, at?: Path): { readonly file: string; readonly line: number } | undefined {
    const patch = ref.build === undefined || at === undefined ? undefined : this.#kustomize.patchWith(ref, at)
    if (patch === undefined) return this.#lines.locate(ref, at)
    const { apiVersion, kind, name } = ref
    return this.#lines.locate(
      { apiVersion, kind, name, file: patch.file, document: patch.inline === undefined ? patch.document : 0 },
      patch.inline ?? at,
    )
  }

  async *events({ signal, follow, wanted }: Parameters<ClusterSource['events']>[0]): AsyncGenerator<readonly SourceEvent[]> {
    if (this.#options.namespaces !== undefined) {
      const whole = readWhole(wanted)
      this.#whole = [...whole]
      this.#shelf.keepWhole(whole)
    }
    const watch = follow && this.#path !== '-' ? watchPath(this.#path, signal) : undefined
    // A pipe may never end: whoever interrupts does not wait for it.
    const problems = await unlessAborted(this.#path === '-' ? this.#readStdin() : this.#readChanged(new Set(), signal), signal)
    if (problems === undefined) return
    if (this.#shelf.objects === 0) throw this.#nothing(problems)
    yield [...this.#source(), ...problems, ...this.#everything(wanted), { type: 'synced' }]
    if (watch !== undefined) for await (const touched of watch) yield this.#differences(wanted, await this.#readChanged(touched, signal))
    else if (follow && !signal.aborted) await once(signal, 'abort')
  }

  #nothing(problems: readonly SourceEvent[]): SourceProblem {
    const first = problems.find((event) => event.type === 'problem')
    const where = this.#path === '-' ? 'standard input' : this.#path
    const because = first?.type === 'problem' ? `; ${first.file}:${first.line}: ${first.message}` : ''
    return new SourceProblem(`no Kubernetes objects in ${where}${because}`, [
      'give a directory, a file or - with Kubernetes manifests',
      'helm template CHART | k8s-harden scan --manifests -',
      'kubectl kustomize DIR | k8s-harden scan --manifests -',
    ])
  }

  async #readStdin(): Promise<SourceEvent[]> {
    this.#stdin = await textOfStream(this.#options.stdin ?? process.stdin)
    return this.#take('-', this.#stdin)
  }

  /** Reads what is new, what looks different, and what was touched; drops what is gone. */
  async #readChanged(touched: ReadonlySet<string>, signal: AbortSignal): Promise<SourceEvent[]> {
    const events: SourceEvent[] = []
    const found = await this.#find()
    const paths = new Map(found.files.map(({ file, path }) => [file, path]))
    const textOf = (file: string): Promise<string | undefined> => readFound(file, paths.get(file)!, signal).catch(() => undefined)
    const kustomize = await kustomizeOf([...paths.keys()], textOf)
    const charts = await chartsAmong([...paths.keys()], textOf)
    // What a kustomization says is said of other files: all are looked at again.
    if (kustomize.signature !== this.#kustomize.signature || charts.signature !== this.#charts.signature)
      for (const file of this.#signatures.keys()) this.#signatures.set(file, '')
    this.#kustomize = kustomize
    if (charts.signature !== this.#charts.signature) this.#charts = charts
    const present = new Set([...found.files, ...found.problems].map(({ file }) => file))
    for (const file of this.#signatures.keys()) {
      if (present.has(file)) continue
      this.#signatures.delete(file)
      this.#paths.delete(file)
      events.push(...this.#take(file, ''))
    }
    for (const { file, message } of found.problems) {
      if (this.#signatures.get(file) === message) continue
      this.#signatures.set(file, message)
      events.push(...this.#problem(file, [{ line: 1, message }]))
    }
    for (const { file, path, signature } of found.files) {
      if (this.#signatures.get(file) === signature && !touched.has(path)) continue
      this.#signatures.set(file, signature)
      this.#paths.set(file, path)
      const text = await readFound(file, path, signal).catch((error: Error) => error)
      if (typeof text === 'string') events.push(...this.#take(file, text))
      else {
        this.#shelf.putWhatIsRead(file, [], 'all')
        events.push(...this.#problem(file, [{ line: text instanceof EncodingProblem ? text.line : 1, message: unreadable(text) }]))
      }
    }
    events.push(...this.#unrendered())
    return events
  }

  /** What Helm charts say of their templates, where that is news. */
  #unrendered(): SourceEvent[] {
    const now = new Map(this.#charts.complaints().map((one) => [one.file, one]))
    const gone = this.#saidOfCharts.keys().filter((file) => !now.has(file))
    const news = now.values().filter(({ file, message }) => this.#saidOfCharts.get(file)?.message !== message)
    const events = [...[...gone].flatMap((file) => this.#problem(file, [])), ...[...news].flatMap((one) => this.#problem(one.file, [one]))]
    this.#saidOfCharts = now
    return events
  }

  async #find(): Promise<Found> {
    try {
      return await findFiles(this.#path)
    } catch (error) {
      return { files: [], problems: [{ file: basename(this.#path), message: unreadable(error) }] }
    }
  }

  #take(file: string, text: string): SourceEvent[] {
    const isManifest = !this.#kustomize.patchFiles.has(file) && this.#charts.roleOf(file, text) === 'manifest'
    const { objects, problems, gatekeeper } = parseFile(file, isManifest ? text : '', {
      variantsOf: (name, value) => this.#kustomize.variantsOf(name, value),
      valuesOf: (chart) => this.#charts.valuesOf(chart),
    })
    this.#lines.forget(file)
    this.#gatekeeper.put(file, gatekeeper)
    const full = new Set(objects.map(({ position }) => position.document))
    const unreadable = new Set(problems.map(({ document }) => document).filter((document) => !full.has(document)))
    this.#shelf.putWhatIsRead(file, objects, unreadable)
    return this.#problem(file, [...problems, ...this.#kustomize.complaints.filter((one) => one.file === file && text !== '')])
  }

  readonly #troubled = new Set<string>()
  /** One event a file: the first problem, and how many more there are. */
  #problem(file: string, problems: readonly { readonly line: number; readonly message: string }[]): SourceEvent[] {
    const [first, ...more] = problems
    if (first === undefined) return this.#troubled.delete(file) ? [{ type: 'problem', file, line: 0, message: '' }] : []
    this.#troubled.add(file)
    const others =
      more.length === 0
        ? ''
        : `; ${more.length} more at line${more.length === 1 ? '' : 's'} ${more
            .slice(0, 5)
            .map(({ line }) => line)
            .join(', ')}${more.length > 5 ? ', …' : ''}`
    return [{ type: 'problem', file, line: first.line, message: first.message + others }]
  }

  #source(): SourceEvent[] {
    const kubernetes = this.#shelf.kubernetes()
    if (kubernetes === this.#kubernetes) return []
    this.#kubernetes = kubernetes
    return [{ type: 'source', info: this.info }]
  }

  #everything(wanted: ReadonlySet<Readable>): SourceEvent[] {
    this.#shelf.arrange()
    return [...wanted].map((what) => {
      if (what === 'GatekeeperConstraints') return this.#gatekeeper.all()
      if (!isKind(what)) return { type: 'unread', unread: unreadFact(what) }
      return this.#shelf.saysNothingOf(what)
        ? { type: 'unread', unread: unreadKind(what) }
        : { type: 'replace', kind: what, items: [...this.#shelf.of(what)] }
    })
  }

  #differences(wanted: ReadonlySet<Readable>, problems: readonly SourceEvent[]): SourceEvent[] {
    const changes = this.#shelf.arrange()
    const events: SourceEvent[] = [...this.#source(), ...problems]
    if (wanted.has('GatekeeperConstraints')) events.push(...this.#gatekeeper.news())
    const reset = new Set<Kind>()
    for (const { kind, wasSilent } of changes.kinds) {
      if (!wanted.has(kind)) continue
      const silent = this.#shelf.saysNothingOf(kind)
      if (silent !== wasSilent || silent) reset.add(kind)
      if (silent) events.push({ type: 'replace', kind, items: [] }, { type: 'unread', unread: unreadKind(kind) })
      else if (wasSilent) events.push({ type: 'replace', kind, items: [...this.#shelf.of(kind)] })
    }
    for (const { kind, key, object } of changes.objects) {
      if (!wanted.has(kind) || reset.has(kind)) continue
      events.push(object === undefined ? { type: 'remove', kind, key } : { type: 'upsert', kind, key, object })
    }
    return events
  }
}
