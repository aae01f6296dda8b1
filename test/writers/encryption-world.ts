/**
 * A control plane in memory, on a clock of its own: nodes of files, a kubelet and an API server each, one etcd. It keeps what matters to
 * encryption at rest: what each API server has loaded, and what each value is stored with. After every change it asks whether each API
 * server that runs, and each as it would start anew, reads everything that is stored.
 */
import { createHash } from 'node:crypto'
import { parse } from 'yaml'
import type { Answer } from '../../src/apiserver/client.ts'
import { conflict, type Host, HostRefused, type ReadFile, type Stat, type WriteOptions } from '../../src/hosts/host.ts'

export const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
export const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'
const FLAG = 'encryption-provider-config'

export const clock = { now: Date.parse('2026-11-26T07:00:00Z'), worlds: new Set<EncryptionWorld>() }
/** In place of the real one: whoever sleeps moves the clock on. */
export async function sleep(ms = 0): Promise<void> {
  const until = clock.now + ms
  await new Promise((resolve) => setImmediate(resolve))
  for (; clock.now < until; clock.now = Math.min(until, clock.now + 500)) for (const world of clock.worlds) world.pass()
}

/** One process: it dies at the nth instant, and nothing that it began comes back after that. */
export class Life {
  instants = 0
  isOver = false
  readonly last: string[] = []
  readonly died: Promise<'died'>
  readonly #diesAt: number
  #die!: (words: 'died') => void
  constructor(diesAt = Number.POSITIVE_INFINITY) {
    this.#diesAt = diesAt
    this.died = new Promise((resolve) => (this.#die = resolve))
  }
  /** Told without waiting: what comes next does not happen. */
  at(what: string): void {
    if (this.isOver || ++this.instants !== this.#diesAt) return
    this.last.push(what)
    this.isOver = true
    this.#die('died')
  }
  async instant(what: string): Promise<void> {
    this.at(what)
    await this.lives()
  }
  lives(): Promise<void> {
    return this.isOver ? new Promise(() => {}) : Promise.resolve()
  }
}

interface File {
  readonly text: string
  readonly mode: number
}
interface Provider {
  /** `k8s:enc:secretbox:v1:k:`; '' for plain text. */
  readonly prefix: string
  readonly secret: string
}
interface Loaded {
  readonly providers: readonly Provider[]
  readonly sha256: string
}
interface Value extends Provider {
  readonly uid: string
  rv: number
}
interface Node {
  readonly name: string
  readonly files: Map<string, File>
  /** What the kubelet runs. */
  manifest: string
  changeSeen: number | undefined
  startAt: number | undefined
  restarts: number
  server: Server | undefined
}
interface Server {
  readonly started: number
  readonly reloads: boolean
  readonly path: string | undefined
  loaded: Loaded | undefined
  lookedAt: number
  success: number
  failure: number
  readonly counts: Map<string, number>
}
const PLAIN: Provider = { prefix: '', secret: '' }
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const manifestOf = (name: string): string =>
  `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  namespace: kube-system
  labels: {component: kube-apiserver, tier: control-plane}
spec:
  containers:
    - name: kube-apiserver
      image: a/b:v1.37.2
      command:
        - kube-apiserver
        - --advertise-address=${name}
        - --secure-port=6443
        - --authorization-mode=Node,RBAC
      readinessProbe: {}
`

export class EncryptionWorld {
  readonly nodes: readonly Node[]
  readonly etcd = new Map<string, Value>()
  readonly faults: string[] = []
  #rv = 0
  #runs = 0
  newRun = (): string => `run-${++this.#runs}`

  constructor(count: number, secrets: number) {
    this.nodes = Array.from({ length: count }, (_, index): Node => {
      const name = `10.0.0.${index + 1}`
      const manifest = manifestOf(name)
      const files = new Map([[MANIFEST, { text: manifest, mode: 0o600 }]])
      return { name, files, manifest, changeSeen: undefined, startAt: clock.now, restarts: 0, server: undefined }
    })
    for (let index = 0; index < secrets; index++) this.#store(`s-${index}`, PLAIN)
    clock.worlds.add(this)
    this.pass()
  }
  /** The same once more, at the same time. */
  copy(): EncryptionWorld {
    const copy = new EncryptionWorld(0, 0)
    return Object.assign(copy, { nodes: structuredClone(this.nodes) }).#with(this.etcd, this.#rv, this.#runs)
  }
  #with(etcd: ReadonlyMap<string, Value>, rv: number, runs: number): this {
    this.#runs = runs
    for (const [name, value] of etcd) this.etcd.set(name, { ...value })
    this.#rv = rv
    return this
  }
  untouched = (): boolean => this.nodes.every(({ name, files }) => files.get(MANIFEST)!.text === manifestOf(name))
  forms = (): readonly string[] => [...new Set([...this.etcd.values()].map(({ prefix }) => prefix))]
  /** Half-written files that lie about. */
  left = (): readonly string[] => this.nodes.flatMap(({ files }) => [...files.keys()].filter((path) => /\/\.k8s-harden-/.test(path)))

  #store(name: string, { prefix, secret }: Provider): Value {
    const value = { prefix, secret, uid: this.etcd.get(name)?.uid ?? `uid-${name}`, rv: ++this.#rv }
    this.etcd.set(name, value)
    return value
  }

  // ── kubelets and API servers, as time passes ─────────────────────────────────────────────────
  pass(): void {
    for (const node of this.nodes) {
      const now = node.files.get(MANIFEST)?.text ?? ''
      if (now !== node.manifest) {
        node.changeSeen ??= clock.now
        if (clock.now - node.changeSeen >= 2000) {
          Object.assign(node, { manifest: now, changeSeen: undefined, server: undefined, restarts: 0, startAt: clock.now + 3000 })
        }
      } else node.changeSeen = undefined
      if (node.startAt !== undefined && clock.now >= node.startAt) this.#start(node)
      this.#reload(node)
    }
    this.check()
  }
  #start(node: Node): void {
    const loaded = this.#configured(node, node.manifest)
    if (typeof loaded === 'string') {
      const hash = sha256(node.manifest).slice(0, 32)
      const log = `/var/log/pods/kube-system_kube-apiserver-${node.name}_${hash}/kube-apiserver/${node.restarts}.log`
      node.files.set(log, { text: `2026-11-26T07:00:00Z stderr F Error: ${loaded}\n`, mode: 0o644 })
      node.restarts++
      node.startAt = clock.now + 10_000
      return
    }
    node.startAt = undefined
    const { path, reloads } = flagsOf(node.manifest)
    const at = clock.now
    node.server = { started: at, reloads, path, loaded, lookedAt: at, success: 0, failure: 0, counts: new Map() }
  }
  /** What it would load; why it would not start. */
  #configured(node: Node, manifest: string): Loaded | undefined | string {
    const { path, isPod } = flagsOf(manifest)
    if (!isPod) return 'no pod'
    if (path === undefined) return undefined
    const file = node.files.get(path)
    return file === undefined ? `error opening encryption provider configuration file "${path}": no such file` : loadedFrom(file.text)
  }
  #reload({ server, files }: Node): void {
    if (server?.path === undefined || !server.reloads || clock.now - server.lookedAt < 60_000) return
    server.lookedAt = clock.now
    const file = files.get(server.path)
    const loaded = file === undefined ? 'gone' : loadedFrom(file.text)
    if (typeof loaded === 'string') server.failure++
    else if (loaded.sha256 !== server.loaded?.sha256) {
      server.loaded = loaded
      server.success++
    }
  }
  /** Also as each would start anew this very moment. */
  check(): void {
    for (const node of this.nodes) {
      const anew = this.#configured(node, node.files.get(MANIFEST)?.text ?? '')
      if (typeof anew === 'string') this.#fault(`${node.name} would not start: ${anew}`)
      for (const [what, loaded] of [
        ['runs', node.server?.loaded],
        ['would start', anew],
      ] as const) {
        if ((what === 'runs' && node.server === undefined) || typeof loaded === 'string') continue
        for (const [name, value] of this.etcd)
          if (!reads(loaded, value)) this.#fault(`${node.name} as it ${what} cannot read ${name} (${value.prefix || 'plain'})`)
      }
    }
  }
  #fault(words: string): void {
    if (!this.faults.includes(words)) this.faults.push(words)
  }
  /** Somebody writes through each API server. */
  traffic(): void {
    for (const { name, server } of this.nodes) if (server !== undefined) this.#store(`of-${name}`, writer(server.loaded))
    this.check()
  }

  // ── the ways in ───────────────────────────────────────────────────────────────────────────────
  serverAt(address: string): Server | undefined {
    return this.nodes.find(({ name }) => address.includes(`//${name}:`))?.server
  }
  mirror(name: string): object | undefined {
    const node = this.nodes.find((one) => name === `kube-apiserver-${one.name}`)
    if (node === undefined) return undefined
    const pod = parse(node.manifest) as { metadata: object; spec: object }
    const isUp = node.server !== undefined
    return {
      ...pod,
      metadata: {
        ...pod.metadata,
        name,
        annotations: { 'kubernetes.io/config.hash': sha256(node.manifest).slice(0, 32), 'kubernetes.io/config.mirror': 'x' },
      },
      spec: { ...pod.spec, nodeName: node.name },
      status: {
        conditions: [{ type: 'Ready', status: isUp ? 'True' : 'False' }],
        containerStatuses: [
          {
            name: 'kube-apiserver',
            restartCount: node.restarts,
            state: isUp ? { running: {} } : { waiting: { reason: 'CrashLoopBackOff' } },
          },
        ],
      },
    }
  }
  read(server: Server, name: string): Answer<object> {
    const value = this.etcd.get(name)
    if (value === undefined) return refused(404, 'not-found')
    if (!reads(server.loaded, value)) {
      this.#fault(`${name} was asked for and could not be read`)
      return refused(500, 'server')
    }
    count(server, 'from', value.prefix)
    return answered(metadataOf(name, value))
  }
  touch(server: Server, name: string, resourceVersion: string, dryRun: boolean): Answer<object> {
    const value = this.etcd.get(name)
    if (value === undefined) return refused(404, 'not-found')
    if (String(value.rv) !== resourceVersion) return refused(409, 'conflict')
    const first = writer(server.loaded)
    if (dryRun || (value.prefix === first.prefix && value.secret === first.secret)) return answered(metadataOf(name, value))
    count(server, 'to', first.prefix)
    const stored = this.#store(name, first)
    this.check()
    return answered(metadataOf(name, stored))
  }
  items = (): readonly object[] => [...this.etcd].map(([name, value]) => metadataOf(name, value))
  metrics(server: Server): readonly string[] {
    const family = 'apiserver_encryption_config_controller_'
    return [
      `process_start_time_seconds ${server.started / 1000}`,
      ...(server.loaded === undefined
        ? []
        : [
            `${family}last_config_info{apiserver_id_hash="x",hash="sha256:${server.loaded.sha256}"} 1`,
            `${family}automatic_reloads_total{status="success"} ${server.success}`,
            `${family}automatic_reloads_total{status="failure"} ${server.failure}`,
            ...[...server.counts].map(([labels, value]) => `apiserver_storage_transformation_operations_total{${labels}} ${value}`),
          ]),
    ]
  }
}

/** A file is parsed once, however often it is looked at. */
function remembered<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>()
  return (text) => {
    if (!made.has(text)) made.set(text, make(text))
    return made.get(text)!
  }
}
const writer = (loaded: Loaded | undefined): Provider => loaded?.providers[0] ?? PLAIN
const reads = (loaded: Loaded | undefined, value: Provider): boolean =>
  (loaded?.providers ?? [PLAIN]).some(({ prefix, secret }) => prefix === value.prefix && secret === value.secret)
const metadataOf = (name: string, { uid, rv }: Value) => ({ metadata: { namespace: 'default', name, uid, resourceVersion: String(rv) } })
const answered = (body: object): Answer<object> => ({ ok: true, status: 200, body, warnings: [] })
const refused = (status: number, kind: 'not-found' | 'conflict' | 'server'): Answer<object> => ({
  ok: false,
  refusal: { kind, status, message: kind },
})

function count({ counts, loaded }: Server, direction: 'from' | 'to', prefix: string): void {
  if (loaded === undefined) return
  const local = /^(k8s:enc:\w+:v1:)(.+:)$/.exec(prefix)
  const series = local === null ? [direction === 'from' ? 'identity' : ''] : [local[1]!, local[2]!]
  for (const one of series) {
    const labels = `resource="secrets",status="OK",transformation_type="${direction}_storage",transformer_prefix="${one}"`
    counts.set(labels, (counts.get(labels) ?? 0) + 1)
  }
}

const flagsOf = remembered((manifest: string) => {
  try {
    const pod = parse(manifest) as { spec: { containers: { command: string[] }[] } }
    const words = pod.spec.containers[0]!.command
    const value = (flag: string) => words.find((word) => word.startsWith(`--${flag}=`))?.split('=')[1]
    return { isPod: true, path: value(FLAG), reloads: value(`${FLAG}-automatic-reload`) === 'true' }
  } catch {
    return { isPod: false, path: undefined, reloads: false }
  }
})

const loadedFrom = remembered((text: string): Loaded | string => {
  try {
    const { resources } = parse(text) as { resources: { providers: Record<string, { keys?: { name: string; secret: string }[] }>[] }[] }
    const providers = resources[0]!.providers.flatMap((provider): Provider[] =>
      Object.entries(provider).flatMap(([kind, body]) =>
        body.keys === undefined
          ? [PLAIN]
          : body.keys.map(({ name, secret }) => {
              if (Buffer.from(secret, 'base64').length !== 32) throw new Error('error initializing the encryption provider: bad key')
              return { prefix: `k8s:enc:${kind}:v1:${name}:`, secret }
            }),
      ),
    )
    return { providers, sha256: sha256(text) }
  } catch (error) {
    return (error as Error).message
  }
})

/** The files of a node, through one process. */
export function hostOf(world: EncryptionWorld, { name: node, files }: Node, life: Life): Host {
  const read = async (path: string): Promise<ReadFile | undefined> => {
    await life.lives()
    const file = files.get(path)
    return file && { text: file.text, sha256: sha256(file.text), stat: statOf(file) }
  }
  const place = async (path: string, text: string, mode: number, expected: string | null) => {
    const check = async () => {
      const now = (await read(path))?.sha256
      if ((now ?? null) !== expected) throw conflict(path, now, expected)
    }
    await check()
    const beside = `${path.slice(0, path.lastIndexOf('/'))}/.k8s-harden-${createHash('md5').update(`${path}${clock.now}`).digest('hex').slice(0, 12)}`
    files.set(beside, { text: text.slice(0, text.length / 2), mode: 0o600 })
    await life.instant(`half ${path}`)
    files.set(beside, { text, mode })
    await check()
    files.delete(beside)
    files.set(path, { text, mode })
    world.check()
    await life.instant(`after ${path}`)
  }
  return {
    node,
    carrier: 'local',
    words: node,
    read,
    async stat(path) {
      await life.lives()
      const file = files.get(path)
      if (file !== undefined) return statOf(file)
      const isThere = path === '/' || [...files.keys()].some((one) => one.startsWith(`${path}/`))
      return isThere ? { is: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0 } : undefined
    },
    async list(path) {
      await life.lives()
      const inside = [...files.keys()].filter((one) => one.startsWith(`${path}/`)).map((one) => one.slice(path.length + 1).split('/')[0]!)
      return inside.length === 0 ? undefined : [...new Set(inside)].sort()
    },
    write: (path, text, { mode, expected }: WriteOptions) => place(path, text, mode, expected),
    async copy(from, to) {
      const file = files.get(from)
      if (file === undefined) throw new HostRefused(`${from} is not there`)
      await place(to, file.text, file.mode, null)
    },
    async remove(path, expected) {
      const now = await read(path)
      if (now === undefined) return
      if (now.sha256 !== expected) throw conflict(path, now.sha256, expected)
      files.delete(path)
      world.check()
      await life.instant(`after removing ${path}`)
    },
    async permit() {
      throw new HostRefused('no rights are changed here')
    },
    async run() {
      throw new HostRefused('no program')
    },
    async *watch() {},
    async close() {},
  }
}
const statOf = ({ mode, text }: File): Stat => ({ is: 'file', mode, uid: 0, gid: 0, size: text.length })
