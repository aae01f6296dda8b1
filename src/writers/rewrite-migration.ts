/** The cluster's own way to store everything of a resource anew: a StorageVersionMigration, carried out by the controller manager. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { discover, pathOf, type ServedResource } from '../apiserver/discovery.ts'
import type { KubeObject, RunId } from '../model/index.ts'
import { FIELD_MANAGER } from './cluster-api.ts'
import type { StoredResource } from './stored-items.ts'

const TOLD_EVERY_MS = 5_000
const GROUP = 'storagemigration.k8s.io'
const OURS = { 'app.kubernetes.io/managed-by': FIELD_MANAGER }

interface Migration extends KubeObject {
  readonly spec?: { readonly resource?: { readonly group?: string; readonly resource?: string } }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
  }
}
export type Migrated =
  | { readonly is: 'done' }
  /** `nobody`: no controller takes any of them up. */
  | { readonly is: 'left'; readonly because: string; readonly nobody?: true }

/** Undefined where it is not served: the API is there by default from 1.37 on, and as a beta that must be switched on before. */
export async function migrationsAt(client: ApiClient): Promise<ServedResource | undefined> {
  const discovery = await discover(client)
  if (!('resources' in discovery)) return undefined
  const served = ['v1', 'v1beta1'].flatMap((version) => {
    const found = discovery.resource(GROUP, 'storageversionmigrations', version)
    return found?.version === version ? [found] : []
  })
  // v1alpha1 names the resource in other words (KEP-4192), and nobody has it switched on any more.
  return served.find(({ verbs }) => verbs.includes('create'))
}

interface Options {
  readonly client: ApiClient
  readonly at: ServedResource
  readonly resource: StoredResource
  readonly run: RunId
  readonly signal: AbortSignal
  /** Milliseconds: until it must have begun, and until it must be through. */
  readonly startMs: number
  readonly limitMs: number
  readonly tell: (words: string) => void
}

/** Makes one, follows it to its end, and deletes it. `left`: it was refused, failed or took too long; what it did until then is done. */
export async function migrate({ client, at, resource, run, signal, startMs, limitMs, tell }: Options): Promise<Migrated> {
  const { group, plural } = resource.served
  const name = `k8s-harden-${plural}-${run}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 200)
    .replace(/-+$/, '')
  const path = pathOf(at, undefined, name)
  await clearAway(client, at, resource)
  const made = await client.create<Migration>(
    pathOf(at),
    {
      apiVersion: `${GROUP}/${at.version}`,
      kind: 'StorageVersionMigration',
      metadata: { name, labels: OURS },
      spec: { resource: { group, resource: plural } },
    },
    { fieldManager: FIELD_MANAGER },
  )
  if (!made.ok) return { is: 'left', because: made.refusal.message }
  const begun = performance.now()
  let told = -TOLD_EVERY_MS
  try {
    for (;;) {
      await sleep(1000, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return { is: 'left', because: 'it was interrupted' }
      const answer = await client.get<Migration>(path)
      const waited = performance.now() - begun
      const conditions = answer.ok ? (answer.body.status?.conditions ?? []) : []
      const is = (type: string) => conditions.find((one) => one.type === type && one.status === 'True')
      if (is('Succeeded') !== undefined) return { is: 'done' }
      const failed = is('Failed')
      if (failed !== undefined) return { is: 'left', because: failed.message ?? 'it failed' }
      if (!answer.ok && answer.refusal.status === 404) return { is: 'left', because: 'somebody deleted it' }
      if (conditions.length === 0 && waited > startMs) return { is: 'left', because: 'no controller takes it up', nobody: true }
      if (waited > limitMs) return { is: 'left', because: `it was not through after ${Math.round(limitMs / 1000)} s` }
      if (waited < told + TOLD_EVERY_MS) continue
      told = waited
      tell(
        `the StorageVersionMigration of ${resource.name}: ${conditions.length === 0 ? 'not begun' : 'running'} (${Math.round(waited / 1000)} s)`,
      )
    }
  } finally {
    await client.delete(path)
  }
}

/** Those of ours that a killed run left behind: they say nothing of now. */
async function clearAway(client: ApiClient, at: ServedResource, { served }: StoredResource): Promise<void> {
  const query = {
    labelSelector: Object.entries(OURS)
      .map((pair) => pair.join('='))
      .join(),
  }
  const left = await client.get<{ readonly items?: readonly Migration[] }>(pathOf(at), { query })
  for (const { metadata, spec } of left.ok ? (left.body.items ?? []) : [])
    if ((spec?.resource?.group ?? '') === served.group && spec?.resource?.resource === served.plural)
      await client.delete(pathOf(at, undefined, metadata.name))
}
