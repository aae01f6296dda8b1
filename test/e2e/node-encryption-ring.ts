/** Real nodes whose API servers are static pods, Secrets in their etcd, and the command line that is killed on them, resumed, taken back. */
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
import { Poller, type Secrets, storedAs, unreadable, writeSecret } from './encryption-ring.ts'

export interface Done {
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly said: string
  readonly seconds: number
}
export interface Run {
  /** EVENT#N of dies-at.mjs. */
  readonly diesAt?: string
}
/** Where the plugin of each node listens. */
export const KMS_SOCKET = '/var/lib/vault/vault.sock'
/** What is stored in plain text from before is a finding of its own. */
const ENABLE = ['apply', '--steady', '0', '--control', 'sec-etcd-encryption', '--control', 'sec-etcd-encryption-coverage']
const KMS = ['provider=kms-v2', `kms-socket=unix://${KMS_SOCKET}`].flatMap((option) => ['--set', `sec-etcd-encryption.${option}`])
/** What may be killed. */
export const ACTS: Readonly<Record<string, readonly string[]>> = {
  enable: ENABLE,
  kms: [...ENABLE, ...KMS],
  rotate: ['encryption', 'rotate'],
  replace: ['encryption', 'rotate', '--remove-old'],
  disable: ['encryption', 'disable', '--yes-store-secrets-in-plain-text'],
  audit: ['apply', '--steady', '0', '--control', 'audit-enabled,api-profiling-limits,sec-token-lifetime'],
  kubelet: ['apply', '--steady', '0', '--control', 'node-kubelet-misc,node-pod-pids'],
}
const GO = ['--yes', '--accept-risk', 'may-break']

const ENC = '/etc/kubernetes/enc/encryption-config.yaml'
const KEPT = '/var/lib/k8s-harden'
/** What steps change on a node. */
const WATCHED = ['/etc/kubernetes/manifests', '/etc/kubernetes/enc', '/etc/kubernetes/audit-policy.yaml', '/var/lib/kubelet/config.yaml']
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps'
const CONFIGURATION = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration # of kubeadm\nkubernetesVersion: v1.37.2\n'

export class Ring {
  readonly state = freshState()
  readonly events = join(mkdtempSync(join(tmpdir(), 'k8s-harden-events-')), 'events')
  readonly secrets: Secrets = new Map()
  readonly #cluster: Cluster
  readonly #servers: readonly StaticApiServer[]
  readonly #program: string | undefined
  #poller: Poller | undefined

  /** `program`: the folder of a container program on whose way the nodes are reached, else by their files. */
  constructor(cluster: Cluster, servers: readonly StaticApiServer[], program?: string) {
    this.#cluster = cluster
    this.#servers = servers
    this.#program = program
  }
  get #first() {
    return this.#servers[0]!
  }

  /** Makes Secrets, and a client that never stops reading them. */
  async fill(count: number): Promise<Poller> {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubeadm-config' } }
    await this.#first.api.create(CONFIG_MAPS, { ...object, data: { ClusterConfiguration: CONFIGURATION } })
    for (let index = 0; index < count; index++)
      this.secrets.set(await writeSecret(this.#first, 'default', `s-${index}`, { immutable: index % 3 === 0 }), `4111-s-${index}`)
    this.#poller = new Poller(this.#servers, this.secrets, [...this.secrets.keys()])
    return this.#poller
  }

  /** `act`: one of ACTS. */
  act = (act: string, run?: Run): Promise<Done> => this.#run([...ACTS[act]!, ...this.#where(), ...GO], run)
  undo = (id: string, run?: Run): Promise<Done> => this.#run(['undo', id, '--yes'], run)
  #where(): readonly string[] {
    const by = this.#cluster.nodes.map(({ name, path }) =>
      this.#program === undefined ? `${name}=local:${path('/')}` : `${name}=docker:{node}`,
    )
    return ['--kubeconfig', this.#first.kubeconfig, ...by.flatMap((way) => ['--host', way])]
  }

  async #run(args: readonly string[], { diesAt }: Run = {}): Promise<Done> {
    const began = Date.now()
    const { exitCode, signal, all } = await execa(process.execPath, ['--import', join(import.meta.dirname, 'dies-at.mjs'), BIN, ...args], {
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
        ...(this.#program !== undefined && { PATH: `${this.#program}:${process.env['PATH']}` }),
      },
    })
    return { code: exitCode, signal, said: all, seconds: Math.round((Date.now() - began) / 1000) }
  }

  runs = (): Promise<readonly RecordedRun[]> => readRuns(join(this.state, 'k8s-harden'))
  /** The last run that has something to take back, if it is none of these. */
  async last(known: readonly RecordedRun[]): Promise<string | undefined> {
    const ids = new Set(known.map(({ header }) => header.run))
    return (await this.runs()).find((run) => !ids.has(run.header.run) && undoable(run).length > 0)?.header.run
  }

  /** How Secrets begin in etcd, without those that the poller makes meanwhile counted. */
  stored = async (): Promise<readonly string[]> => Object.keys(await storedAs(this.#cluster)).sort()
  /** All that a step may change, byte for byte. */
  async stands(): Promise<Readonly<Record<string, string>>> {
    const map = await this.#first.api.get<{ data: Record<string, string> }>(`${CONFIG_MAPS}/kubeadm-config`)
    const all: Record<string, string> = { kubeadm: map.data['ClusterConfiguration']!, stored: (await this.stored()).join() }
    for (const { name, path } of this.#cluster.nodes)
      for (const place of WATCHED)
        for (const file of filesBelow(path(place))) all[`${name}:${file.slice(path('/').length)}`] = readFileSync(file, 'utf8')
    return all
  }

  /** Faults, in words; none is as it should be. `through`: everything is done, and nothing may lie about. */
  async faults(through = false): Promise<readonly string[]> {
    for (const end = Date.now() + 90_000; ; await sleep(500)) {
      const ready = await Promise.all(
        this.#servers.map(({ api }) =>
          api.request('GET', '/readyz').then(
            ({ status }) => status,
            () => 0,
          ),
        ),
      )
      if (ready.every((status) => status === 200)) break
      if (Date.now() > end) return ['an API server is not back']
    }
    const faults = [...(await unreadable(this.#servers, this.secrets))]
    for (const { server, said } of this.#poller?.unexplained() ?? []) faults.push(`${server}: ${said}`)
    faults.push(...(this.#poller?.lost ?? []).map((path) => `${path}: no server answered`))
    return through ? [...faults, ...(await this.#left())] : faults
  }

  async #left(): Promise<readonly string[]> {
    const faults: string[] = []
    for (const { name, path } of this.#cluster.nodes) {
      for (const file of [...WATCHED, KEPT].flatMap((place) => filesBelow(path(place))))
        if (/(^|\/)\.k8s-harden-/.test(file)) faults.push(`${name}: ${file} is left`)
      if (existsSync(path(ENC)) && (statSync(path(ENC)).mode & 0o777) !== 0o600) faults.push(`${name}: ${ENC} is not 0600`)
    }
    for (const run of await this.runs())
      for (const step of run.steps)
        if (step.status === 'interrupted' || step.status === 'undo-interrupted') faults.push(`${step.title} is still ${step.status}`)
    return faults
  }
}

function filesBelow(place: string): readonly string[] {
  if (!existsSync(place)) return []
  if (statSync(place).isFile()) return [place]
  const names = readdirSync(place, { recursive: true, encoding: 'utf8' })
  return names.map((name) => join(place, name)).filter((file) => statSync(file).isFile())
}
