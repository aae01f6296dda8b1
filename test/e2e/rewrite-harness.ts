/** Secrets of a test cluster under a changing EncryptionConfiguration, and the rewrite that is put to them. */
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import type { Host, HostCommand } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { RewriteAction, RunId, StepId, Written } from '../../src/model/index.ts'
import { WriteRefused } from '../../src/plan/writer.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'
import { rewriteAt } from '../../src/writers/host-rewrite.ts'
import { PACE, type RewritePace } from '../../src/writers/rewrite-resource.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { inParallel } from '../helpers/access-reviews.ts'

export const NAMESPACES = ['shop', 'bank', 'mail', 'wiki']
export const BOX = 'k8s:enc:secretbox:v1:'

const KEYS = new Map(['key1', 'key2'].map((name) => [name, randomBytes(32).toString('base64')]))
/** `identity`, `key1`, `key1,key2`: providers in order, the first writes. */
export async function writeEncryption(file: string, ...providers: readonly string[]): Promise<void> {
  const entry = (words: string) =>
    words === 'identity' ? { identity: {} } : { secretbox: { keys: words.split(',').map((name) => ({ name, secret: KEYS.get(name)! })) } }
  const resources = [{ resources: ['secrets', 'configmaps'], providers: providers.map(entry) }]
  const text = JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources })
  await writeFile(file, text, { mode: 0o600 })
}

/** Makes Secrets in all namespaces: plain ones, immutable, annotated and big ones; returns how many. */
export async function fill({ api }: Cluster, each: number): Promise<number> {
  for (const name of NAMESPACES) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const made = NAMESPACES.flatMap((namespace) => Array.from({ length: each }, (_, index) => ({ namespace, index })))
  await inParallel(made, ({ namespace, index }) =>
    api.create(`/api/v1/namespaces/${namespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: `secret-${index}`,
        ...(index % 5 === 1 && { annotations: { note: `of ${namespace}`, 'example.com/json': '{"a":1}' } }),
      },
      ...(index % 7 === 0 && { immutable: true }),
      data: { value: randomBytes(index === 3 ? 900_000 : 40).toString('base64') },
    }),
  )
  return made.length
}

interface Secret {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly annotations?: object; readonly labels?: object }
  readonly data?: object
  readonly immutable?: boolean
  readonly type: string
}
/** A digest of what each Secret says, by namespace and name; read by the API. */
export async function contents({ api }: Cluster): Promise<ReadonlyMap<string, string>> {
  const all = await inParallel(NAMESPACES, (namespace) => api.get<{ items: Secret[] }>(`/api/v1/namespaces/${namespace}/secrets`))
  return new Map(
    all.flatMap(({ items }) =>
      items.map(({ metadata: { namespace, name, annotations, labels }, data, immutable, type }): [string, string] => [
        `${namespace}/${name}`,
        createHash('sha256')
          .update(JSON.stringify([annotations, labels, data, immutable, type]))
          .digest('hex'),
      ]),
    ),
  )
}

/** What the values of all Secrets begin with in etcd: up to the key's name, counted. Values are looked at in small pages. */
export async function stored({ etcdUrl }: Cluster): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  const end = Buffer.from('/registry/secrets0').toString('base64')
  let key = Buffer.from('/registry/secrets/')
  for (;;) {
    const body = JSON.stringify({ key: key.toString('base64'), range_end: end, limit: 40 })
    const answer = (await (await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body })).json()) as {
      kvs?: { key: string; value: string }[]
      more?: boolean
    }
    for (const { value } of answer.kvs ?? []) {
      const begins = Buffer.from(value.slice(0, 120), 'base64').toString('latin1')
      const form = /^k8s:enc:[a-z]+:v\d+:[\w-]+:/.exec(begins)?.[0] ?? (begins.startsWith('k8s\u0000') ? 'plain' : begins)
      counts[form] = (counts[form] ?? 0) + 1
    }
    if (answer.more !== true) return counts
    key = Buffer.concat([Buffer.from(answer.kvs!.at(-1)!.key, 'base64'), Buffer.from([0])])
  }
}

/** This machine as a node of the control plane, as far as a rewrite looks at one: a manifest that says where etcd is, and programs that run. */
export function controlPlaneNode({ etcdUrl }: Cluster): Host {
  const here = new LocalHost('cp-1', '/')
  const command = ['kube-apiserver', `--etcd-servers=${etcdUrl}`]
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'kube-apiserver', command }] } })
  return {
    node: 'cp-1',
    read: async (path: string) => (path === '/etc/kubernetes/manifests/kube-apiserver.yaml' ? { text } : undefined),
    run: (what: HostCommand) => here.run(what),
  } as unknown as Host
}

export interface Rewriter {
  readonly told: string[]
  readonly world: HostWorld
  readonly action: RewriteAction
  run(): Promise<readonly string[]>
  written(): Promise<readonly Written[]>
}

export function rewriter(
  kubeconfig: string,
  action: Partial<RewriteAction> & Pick<RewriteAction, 'prefix'>,
  { host, signal = new AbortController().signal, pace = {} }: { host?: Host; signal?: AbortSignal; pace?: Partial<RewritePace> } = {},
): Rewriter {
  const told: string[] = []
  const whole: RewriteAction = { do: 'rewrite', resources: ['secrets'], nodes: ['cp-1'], ...action }
  const performer = rewriteAt({ ...PACE, perSecond: 1000, atOnce: 8, ...pace })
  const world: HostWorld = {
    client: new ApiClient(pickContext({ kubeconfig })),
    host(node) {
      if (host?.node === node) return host
      throw new WriteRefused('k8s-harden', `${node} is not reached`)
    },
    run: '20261126-1' as RunId,
    tell: (words) => void told.push(words),
    signal,
    patienceMs: 20_000,
  }
  const written = async () => performer.intent(whole, (await performer.rehearse(whole, world)).prepared, 'step' as StepId, world)
  return {
    told,
    world,
    action: whole,
    written,
    async run() {
      const { prepared } = await performer.rehearse(whole, world)
      return performer.commit(whole, prepared, await performer.intent(whole, prepared, 'step' as StepId, world), world)
    },
  }
}
