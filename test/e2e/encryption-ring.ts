/** Two nodes with an API server each on one etcd, a client that never stops asking both, and what etcd and the nodes hold of it all. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import type { ApiResponse } from '../cluster/api-client.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { RealNode } from '../cluster/nodes/node.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'

/** A Secret by its path, and what it must say. */
export type Secrets = Map<string, string>
const secretsIn = (namespace: string): string => `/api/v1/namespaces/${namespace}/secrets`

export async function writeSecret({ api }: StaticApiServer, namespace: string, name: string, more: object = {}): Promise<string> {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { number: `4111-${name}` }, ...more }
  await api.create(secretsIn(namespace), object)
  return `${secretsIn(namespace)}/${name}`
}

/** Undefined where the answer is the Secret as it was written. */
function wrong({ status, text }: ApiResponse, wanted: string): string | undefined {
  if (status !== 200) return `${status} ${text.slice(0, 200)}`
  const { data } = JSON.parse(text) as { data: { number: string } }
  return Buffer.from(data.number, 'base64').toString() === wanted ? undefined : 'says something else'
}

/** From the last answer of /readyz before a restart to the first after it. */
export interface Away {
  readonly server: string
  readonly from: number
  to: number
}
interface Failure {
  readonly server: string
  readonly at: number
  readonly said: string
}

/** Writes on the one server and reads on the other, both ways; reads old ones on both; and reads as a client with two addresses does. */
export class Poller {
  readonly away: Away[] = []
  readonly failures: Failure[] = []
  /** Reads that neither server answered. */
  readonly lost: string[] = []
  reads = 0
  writes = 0
  readonly #servers: readonly StaticApiServer[]
  readonly #secrets: Secrets
  readonly #running: Promise<unknown>
  #stop = false

  /** `often`: Secrets that each server is asked for ten times a second. */
  constructor(servers: readonly StaticApiServer[], secrets: Secrets, often: readonly string[] = []) {
    this.#servers = servers
    this.#secrets = secrets
    this.#running = Promise.all([
      ...servers.flatMap((one) => [this.#watch(one), this.#ask(one), this.#askOften(one, often)]),
      ...(servers.length > 1 ? [this.#failOver()] : []),
    ])
  }

  async stop(): Promise<void> {
    this.#stop = true
    await this.#running
  }

  /** What failed although the server that was asked was not being restarted; and what a server said of a value that it could not read. */
  unexplained(): readonly Failure[] {
    const isAway = ({ server, at }: Failure) => this.away.some((one) => one.server === server && at >= one.from && at <= one.to)
    return this.failures.filter((one) => !isAway(one) || /^(?:404|500) |says something else/.test(one.said))
  }

  /** Restarts seen so far, by server. */
  restarts(): readonly number[] {
    return this.#servers.map(({ pod }) => this.away.filter(({ server }) => server === pod).length)
  }

  async #watch({ api, pod }: StaticApiServer): Promise<void> {
    let well = Date.now()
    let current: Away | undefined
    while (!this.#stop) {
      const isWell = await api.request('GET', '/livez').then(
        ({ status }) => status === 200,
        () => false,
      )
      if (isWell) {
        well = Date.now()
        // Connections of its former life may still end.
        if (current !== undefined) current.to = well + 500
        current = undefined
      } else if (current === undefined) this.away.push((current = { server: pod, from: well - 500, to: Number.POSITIVE_INFINITY }))
      await sleep(100)
    }
  }

  async #ask(writer: StaticApiServer): Promise<void> {
    const reader = this.#servers.find((one) => one !== writer) ?? writer
    for (let count = 0; !this.#stop; count++) {
      const name = `poll-${writer.pod.at(-1)}-${count}`
      const at = Date.now()
      try {
        const path = await writeSecret(writer, 'default', name)
        this.#secrets.set(path, `4111-${name}`)
        this.writes++
        await this.#read(reader, path)
      } catch (error) {
        this.failures.push({ server: writer.pod, at, said: String(error) })
      }
      const paths = [...this.#secrets.keys()]
      const old = paths[(count * 7) % paths.length]!
      for (const server of this.#servers) await this.#read(server, old)
      // Few enough that storing them all anew stays short.
      await sleep(2000)
    }
  }

  async #askOften(server: StaticApiServer, paths: readonly string[]): Promise<void> {
    while (!this.#stop && paths.length > 0) await Promise.all([sleep(100), ...paths.map((path) => this.#read(server, path))])
  }

  async #read(server: StaticApiServer, path: string): Promise<boolean> {
    const at = Date.now()
    this.reads++
    const said = await server.api.request('GET', path).then(
      (answer) => wrong(answer, this.#secrets.get(path)!),
      (error: unknown) => String(error),
    )
    if (said !== undefined) this.failures.push({ server: server.pod, at, said: `${said} (${path})` })
    return said === undefined
  }

  async #failOver(): Promise<void> {
    for (let count = 0; !this.#stop; count++) {
      const paths = [...this.#secrets.keys()]
      const path = paths[(count * 13) % paths.length]!
      const inTurn = count % 2 === 0 ? this.#servers : this.#servers.toReversed()
      let isRead = false
      for (const server of inTurn) isRead ||= await this.#read(server, path)
      if (!isRead) this.lost.push(path)
      await sleep(100)
    }
  }
}

/** Every Secret on every server. */
export async function unreadable(servers: readonly StaticApiServer[], secrets: Secrets): Promise<readonly string[]> {
  const found: string[] = []
  for (const { api, pod } of servers)
    for (const [path, wanted] of secrets) {
      const said = wrong(await api.request('GET', path), wanted)
      if (said !== undefined) found.push(`${pod}: ${path}: ${said}`)
    }
  return found
}

/** How etcd's values under /registry/secrets/ begin, each way counted; `plain` for what is not encrypted. */
export async function storedAs({ etcdUrl }: Cluster): Promise<Readonly<Record<string, number>>> {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const body = JSON.stringify({ key: base64('/registry/secrets/'), range_end: base64('/registry/secrets0') })
  const answer = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body })
  const { kvs = [] } = (await answer.json()) as { kvs?: { value: string }[] }
  const counts: Record<string, number> = {}
  for (const { value } of kvs) {
    const raw = Buffer.from(value, 'base64').toString('latin1')
    const form = /^k8s:enc:[a-z]+:v\d:[^:]+:/.exec(raw)?.[0] ?? (raw.startsWith('k8s\0') ? 'plain' : `neither: ${raw.slice(0, 20)}`)
    counts[form] = (counts[form] ?? 0) + 1
  }
  return counts
}

/** In front of the real program: keeps the arguments of every call, as a process list would show them. */
export async function recordCalls(dir: string, program: string): Promise<{ readonly folder: string; calls(): Promise<string> }> {
  const folder = join(dir, 'recorded')
  const log = join(dir, 'calls.log')
  await mkdir(folder)
  await writeFile(log, '')
  await writeFile(join(folder, 'docker'), `#!/bin/sh\nprintf '%s\\n' "$*" >> '${log}'\nexec '${program}' "$@"\n`)
  await chmod(join(folder, 'docker'), 0o755)
  return { folder, calls: () => readFile(log, 'utf8') }
}

/** Files of the node that hold one of these texts: `mode owner path`. */
export async function holding(node: RealNode, texts: readonly string[]): Promise<readonly string[]> {
  const patterns = texts.flatMap((text) => ['-e', text])
  const places = ['/etc', '/var/lib/k8s-harden', '/var/lib/kubelet', '/var/log', '/run']
  const { stdout } = await execa(node.enter[0]!, [...node.enter.slice(1), 'grep', '-rlsF', '-D', 'skip', ...patterns, ...places], {
    reject: false,
  })
  const paths = stdout.split('\n').filter((path) => path !== '')
  return paths.length === 0 ? [] : (await node.run(['stat', '-c', '%a %U %n', ...paths])).split('\n')
}
