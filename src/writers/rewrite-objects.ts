/**
 * Stores objects anew, one guarded patch each. A merge patch that holds nothing but uid and resourceVersion changes nothing, and no value
 * travels; the API server writes it all the same where what is stored is stale, which is: by another provider or key than the first
 * (checked on v1.37.2, also for immutable Secrets; managedFields stay as they are). Where it is not stale nothing is written.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { METADATA_ONLY } from '../apiserver/metadata-only.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import { WriteRefused, WriteUncertain } from '../plan/writer.ts'
import { FIELD_MANAGER, isLostAnswer, refuser, words } from './cluster-api.ts'
import { freshItem, itemOf, itemWords, pathOfItem, type StoredItem, type StoredResource } from './stored-items.ts'

/** How fast; a rewrite is a storm of writes that etcd and every watcher must take. */
export interface Pace {
  readonly perSecond: number
  /** Requests under way at the same time. */
  readonly atOnce: number
  /** Milliseconds for which an API server that does not answer is asked again and again. */
  readonly patienceMs: number
}

export interface Rewritten {
  /** Written anew by this. */
  readonly written: number
  /** As the API server would store it already. */
  readonly fresh: number
  /** Written by somebody else at the same time, or gone. */
  readonly others: number
  readonly refused: readonly { readonly what: string; readonly by: string; readonly because: string }[]
}
type One = 'written' | 'fresh' | 'others' | { readonly refused: Rewritten['refused'][number] }

interface Options extends Pace {
  readonly client: ApiClient
  readonly resource: StoredResource
  readonly items: readonly StoredItem[]
  readonly signal: AbortSignal
  /** Called after each object. */
  readonly done: (count: number) => void
}

/** Refusals are gathered, so that one guarded object does not keep the others as they are; where the right is missing it stops early. */
export async function rewriteObjects(options: Options): Promise<Rewritten> {
  const { items, signal, perSecond, atOnce, resource } = options
  const counts = { written: 0, fresh: 0, others: 0 }
  const refused: Rewritten['refused'][number][] = []
  let next = 0
  let done = 0
  let free = performance.now()
  let stop: unknown
  const worker = async () => {
    while (next < items.length && stop === undefined) {
      if (signal.aborted)
        throw new WriteRefused(
          'you',
          `interrupted after ${done} of ${items.length} ${resource.name}: all of them can be read, and apply goes on where it stopped`,
        )
      // Not a right that is missing for all of them.
      if (refused.length >= 20 && refused.length === done && refused.every(({ by }) => by === 'the API server')) return
      const item = items[next++]!
      free = Math.max(free + 1000 / perSecond, performance.now())
      await sleep(Math.max(0, free - performance.now()))
      const what = await rewriteOne(options, item)
      if (typeof what === 'string') counts[what]++
      else refused.push(what.refused)
      options.done(++done)
    }
  }
  await Promise.all(
    Array.from({ length: atOnce }, () =>
      worker().catch((error: unknown) => {
        stop ??= error
      }),
    ),
  )
  if (stop !== undefined) throw stop
  return { ...counts, refused }
}

/** The patch, which says only what must not have changed. `dryRun` tells whether it would be let through. */
export const touch = (client: ApiClient, resource: StoredResource, item: StoredItem, dryRun = false) =>
  client.mergePatch(
    pathOfItem(resource, item),
    { metadata: { uid: item.uid, resourceVersion: item.resourceVersion } },
    { accept: METADATA_ONLY, fieldManager: FIELD_MANAGER, dryRun },
  )

async function rewriteOne({ client, resource, patienceMs }: Options, first: StoredItem): Promise<One> {
  const deadline = performance.now() + patienceMs
  let item = first
  let look = false
  for (let conflicts = 0, waits = 0; ; ) {
    const answer = look ? await freshItem(client, resource, item) : await touch(client, resource, item)
    if (answer.ok) {
      const now = itemOf(answer.body)
      if (!look) return now.resourceVersion === item.resourceVersion ? 'fresh' : 'written'
      item = now
      look = false
      continue
    }
    const { refusal } = answer
    if (refusal.status === 404) return 'others'
    if (refusal.kind === 'conflict') {
      // Somebody wrote it, and so stored it anew; it is looked at again, because that may have been before the new provider came first.
      if (++conflicts > 5) return 'others'
      look = true
    } else if (!isPassing(refusal)) {
      return { refused: { what: itemWords(resource, item), by: refuser(refusal), because: words(refusal) } }
    } else if (performance.now() > deadline) {
      throw new WriteUncertain(`${itemWords(resource, item)} could not be stored anew: ${words(refusal)}`)
    } else {
      await sleep(Math.min(10_000, 250 * 2 ** waits++) * (0.75 + Math.random() / 2))
    }
  }
}

/** It may go by itself: the server is busy, restarts, or the answer was lost. A webhook that fails has had its time already. */
const isPassing = (refusal: Refusal): boolean =>
  refusal.kind === 'throttled' || (isLostAnswer(refusal) && !/webhook/.test(refusal.said ?? ''))
