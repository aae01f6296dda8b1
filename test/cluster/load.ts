import type { ApiClient } from './api-client.ts'
import type { Cluster } from './cluster.ts'
import { fakeNode } from './fake-nodes.ts'
import { deploymentObjects, namespaceObjects, type Stored, secretOf, serviceOf, stamped } from './load-objects.ts'

export interface LoadOptions {
  readonly pods?: number
  /** By default one for five pods. */
  readonly deployments?: number
  readonly namespaces?: number
  /** By default one for a hundred pods. */
  readonly nodes?: number
}

export interface LoadSummary {
  readonly pods: number
  readonly deployments: number
  readonly namespaces: number
  readonly nodes: number
  /** Every object that was made, of all kinds. */
  readonly objects: number
}

/**
 * Fills the cluster with running workloads: 10,000 pods in seconds, because what controllers would write is put into
 * etcd as it is, where the API server reads JSON as well as protobuf. Services (their addresses are allocated) and
 * Secrets (they may be encrypted) go through the API server.
 *
 * Meant for a cluster without controllers: they would find nodes that never report. Objects of one batch share a
 * resourceVersion.
 */
export async function generateLoad(cluster: Cluster, options: LoadOptions = {}): Promise<LoadSummary> {
  const { pods = 10_000, namespaces = 50 } = options
  const { deployments = Math.ceil(pods / 5), nodes = Math.ceil(pods / 100) } = options
  const plan = { pods, deployments, namespaces, nodes }
  const stored = await putAll(cluster.etcdUrl, inBatches(objectsOf(plan)))
  const created = await createAll(cluster.api, requestsOf(plan))
  return { ...plan, objects: stored + created }
}

type Plan = Omit<LoadSummary, 'objects'>

function* objectsOf({ pods, deployments, namespaces, nodes }: Plan): Generator<Stored> {
  for (let index = 0; index < nodes; index++) {
    const name = `load-node-${index}`
    yield { key: `/registry/minions/${name}`, object: stamped(fakeNode(name)) }
  }
  for (let index = 0; index < namespaces; index++) yield* namespaceObjects(namespaceName(index))
  for (let index = 0; index < deployments; index++) {
    // The pods are spread evenly: the first deployments take what is left over.
    const replicas = Math.floor(pods / deployments) + (index < pods % deployments ? 1 : 0)
    yield* deploymentObjects({ index, namespace: namespaceName(index % namespaces), replicas, nodes })
  }
}

function* requestsOf({ deployments, namespaces }: Plan): Generator<[path: string, object: unknown]> {
  for (let index = 0; index < deployments; index++) {
    const path = `/api/v1/namespaces/${namespaceName(index % namespaces)}`
    yield [`${path}/services`, serviceOf(index)]
    if (index % 4 === 0) yield [`${path}/secrets`, secretOf(index)]
  }
}

function namespaceName(index: number): string {
  return `team-${index}`
}

const batchSize = 100
const writers = 4
const requesters = 24

function* inBatches(objects: Generator<Stored>): Generator<Stored[]> {
  let batch: Stored[] = []
  for (const object of objects) {
    batch.push(object)
    // etcd takes 128 operations at once.
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function putAll(etcdUrl: string, batches: Generator<Stored[]>): Promise<number> {
  let count = 0
  await concurrently(writers, batches, async (batch) => {
    const success = batch.map(({ key, object }) => ({
      requestPut: { key: base64(key), value: base64(JSON.stringify(object)) },
    }))
    const response = await fetch(`${etcdUrl}/v3/kv/txn`, { method: 'POST', body: JSON.stringify({ success }) })
    if (!response.ok) throw new Error(`etcd refused a batch: ${await response.text()}`)
    await response.arrayBuffer()
    count += batch.length
  })
  return count
}

async function createAll(api: ApiClient, requests: Generator<[path: string, object: unknown]>): Promise<number> {
  let count = 0
  await concurrently(requesters, requests, async ([path, object]) => {
    await api.create(path, object)
    count += 1
  })
  return count
}

/** Works through a sequence, so many at a time. */
async function concurrently<T>(width: number, all: Generator<T>, work: (one: T) => Promise<void>): Promise<void> {
  const worker = async () => {
    for (let next = all.next(); !next.done; next = all.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
