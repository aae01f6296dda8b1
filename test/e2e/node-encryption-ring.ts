/** One real node whose API server is a static pod, Secrets in its etcd, and the command line that encrypts them: killed, resumed, taken back. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { type RecordedRun, undoable } from '../../src/plan/journal.ts'
import { readRuns } from '../../src/writers/journal.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { BIN, freshState, ROOT } from '../helpers/cli.ts'
import { stored } from './rewrite-harness.ts'

export interface Done {
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly said: string
  readonly seconds: number
}
export interface Run {
  /** EVENT#N of dies-at.mjs. */
  readonly diesAt?: string
  /** Called as the program says something. */
  readonly onSaid?: (text: string, pid: number) => void
}

const MANIFESTS = '/etc/kubernetes/manifests'
/** What is stored in plain text from before is a finding of its own. */
const ENABLE = ['--control', 'sec-etcd-encryption', '--control', 'sec-etcd-encryption-coverage']
export const ENC = '/etc/kubernetes/enc/encryption-config.yaml'

export class Ring {
  readonly state = freshState()
  readonly cluster: Cluster
  readonly server: StaticApiServer
  readonly events = join(mkdtempSync(join(tmpdir(), 'k8s-harden-events-')), 'events')
  readonly #values = new Map<string, string>()
  readonly #manifest: string

  constructor(cluster: Cluster, server: StaticApiServer) {
    this.cluster = cluster
    this.server = server
    this.#manifest = readFileSync(server.manifest, 'utf8')
  }
  get node() {
    return this.cluster.nodes[0]!
  }

  async fill(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const value = randomBytes(12).toString('hex')
      await this.cluster.api.create('/api/v1/namespaces/default/secrets', {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `s-${index}` },
        stringData: { value },
      })
      this.#values.set(`s-${index}`, value)
    }
  }

  async run(args: readonly string[], { diesAt, onSaid }: Run = {}): Promise<Done> {
    const began = Date.now()
    const child = execa(process.execPath, ['--import', join(import.meta.dirname, 'dies-at.mjs'), BIN, ...args], {
      reject: false,
      all: true,
      stdin: 'ignore',
      cwd: ROOT,
      timeout: 600_000,
      env: {
        HOME: '/nonexistent',
        KUBECONFIG: '',
        KUBERNETES_SERVICE_HOST: '',
        XDG_STATE_HOME: this.state,
        NO_COLOR: '1',
        DIES_AT: diesAt ?? '',
        DIES_LOG: this.events,
      },
    })
    child.all.on('data', (chunk) => onSaid?.(String(chunk), child.pid!))
    const { exitCode, signal, all } = await child
    return { code: exitCode, signal, said: all, seconds: Math.round((Date.now() - began) / 1000) }
  }
  #where = () => ['--kubeconfig', this.server.kubeconfig, '--host', `${this.node.name}=local:${this.node.path('/')}`]
  #go = ['--yes', '--accept-risk', 'may-break', '--steady', '0']
  enable = (run?: Run) => this.run(['apply', ...this.#where(), ...ENABLE, ...this.#go], run)
  rotate = (run?: Run) => this.run(['encryption', 'rotate', ...this.#where(), ...this.#go], run)
  disable = (run?: Run) => this.run(['encryption', 'disable', ...this.#where(), ...this.#go, '--yes-store-secrets-in-plain-text'], run)
  undo = (id: string, run?: Run) => this.run(['undo', id, '--yes'], run)
  history = () => this.run(['history'])

  runs = (): Promise<readonly RecordedRun[]> => readRuns(join(this.state, 'k8s-harden'))
  /** The last run that has something to take back. */
  last = async (): Promise<string | undefined> => (await this.runs()).find((run) => undoable(run).length > 0)?.header.run

  /** Faults, in words; none is as it should be. `form`: what each value is to begin with in etcd, where that is to be seen by now. */
  async faults(form?: RegExp): Promise<readonly string[]> {
    const faults: string[] = []
    for (const end = Date.now() + 90_000; ; await sleep(500)) {
      const ready = await this.server.api.request('GET', '/readyz').then(
        ({ status }) => status,
        () => 0,
      )
      if (ready === 200) break
      if (Date.now() > end) return ['the API server is not back']
    }
    for (const [name, value] of this.#values) {
      const read = await this.#read(name)
      if (read !== value) faults.push(`${name} reads as ${read}`)
    }
    const forms = Object.keys(await stored(this.cluster))
    if (form !== undefined && !forms.every((one) => form.test(one))) faults.push(`etcd holds ${forms.join(', ')}`)
    if (form !== undefined) faults.push(...(await this.#left()))
    return faults
  }

  /** An API server that is just being restarted is waited for; whatever it says itself counts. */
  async #read(name: string): Promise<string> {
    for (const end = Date.now() + 90_000; ; await sleep(500)) {
      const answer = await this.server.api
        .get<{ data: { value: string } }>(`/api/v1/namespaces/default/secrets/${name}`)
        .catch((error: Error) => error)
      if (!(answer instanceof Error)) return Buffer.from(answer.data.value, 'base64').toString()
      if (!/ECONNREFUSED|ECONNRESET|socket hang up/.test(answer.message) || Date.now() > end) return answer.message
    }
  }

  /** What must not lie about once a run is through. */
  async #left(): Promise<readonly string[]> {
    const faults: string[] = []
    for (const directory of [MANIFESTS, '/etc/kubernetes/enc', '/var/lib/k8s-harden'])
      for (const name of existsSync(this.node.path(directory))
        ? readdirSync(this.node.path(directory), { recursive: true, encoding: 'utf8' })
        : [])
        if (/(^|\/)\.k8s-harden-/.test(name)) faults.push(`${directory}/${name} is left`)
    for (const run of await this.runs())
      for (const step of run.steps)
        if (step.status === 'interrupted' || step.status === 'undo-interrupted') faults.push(`${step.title} is still ${step.status}`)
    const file = this.node.path(ENC)
    if (existsSync(file) && (statSync(file).mode & 0o777) !== 0o600) faults.push(`${ENC} is not 0600`)
    return faults
  }

  /** The manifest is byte for byte what it was at first. */
  isUntouched = (): boolean => readFileSync(this.server.manifest, 'utf8') === this.#manifest
}
