/** One kind of a live cluster: read whole or in parts (a namespace each, a type of Secret each), reported as one. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { pathOf } from '../apiserver/discovery.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import { type Streaming, type WatchTiming, watchKind } from '../apiserver/watch.ts'
import type { Kind, KubeObject, SourceEvent } from '../model/index.ts'
import { served } from '../objects/served.ts'
import { unreadKind } from './live-unread.ts'
import { type Reduce, reducerOf, type Sharing, sameButVersion } from './reduce.ts'

export interface KindReading {
  readonly client: ApiClient
  readonly kind: Kind
  /** As discovery has it, where that differs from readables.ts. */
  readonly version?: string
  readonly namespaces?: readonly string[]
  readonly follow: boolean
  readonly signal: AbortSignal
  readonly streaming: Streaming
  readonly sharing: Sharing
  readonly timing?: Partial<WatchTiming>
  emit(event: SourceEvent): void
}

/** The types a control tells apart; every other type is read as one part, whose `type` stays undefined. */
export const SECRET_TYPES = [
  'Opaque',
  'kubernetes.io/service-account-token',
  'kubernetes.io/dockerconfigjson',
  'kubernetes.io/dockercfg',
  'kubernetes.io/tls',
  'bootstrap.kubernetes.io/token',
  'helm.sh/release.v1',
] as const

/** Pods take longest and start at once; of the others those that are usually many wait. */
const RANK: Partial<Record<Kind, number>> = { Pod: -1, ReplicaSet: 1, ConfigMap: 1, EndpointSlice: 1, Secret: 1 }

interface Part {
  readonly namespace?: string
  readonly path: string
  readonly fieldSelector?: string
  readonly reduce: Reduce
  all?: ReadonlyMap<string, KubeObject>
  refusal?: Refusal
}

/** Resolves once the kind is known or known to be unreadable; goes on reading until aborted where `follow` is set: `done` is the end of that. */
export function readKind(reading: KindReading): { readonly settled: Promise<void>; readonly done: Promise<void> } {
  const { kind, emit, namespaces } = reading
  const parts = partsOf(reading)
  let settle: () => void = () => undefined
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  const whole = () => parts.every((part) => part.all !== undefined && part.refusal === undefined)
  const told = () => {
    if (parts.every((part) => part.all !== undefined || part.refusal !== undefined)) settle()
  }

  const handlersOf = (part: Part) => ({
    replaced: (all: ReadonlyMap<string, KubeObject>) => {
      part.all = all
      delete part.refusal
      if (whole()) emit({ type: 'replace', kind, items: parts.flatMap((one) => [...one.all!]) })
      told()
    },
    // Until every part is there, changes wait in their part's map.
    upserted: (key: string, object: KubeObject) => {
      if (whole()) emit({ type: 'upsert', kind, key, object })
    },
    removed: (key: string) => {
      if (whole()) emit({ type: 'remove', kind, key })
    },
    lost: (refusal: Refusal) => {
      part.refusal = refusal
      emit({
        type: 'unread',
        unread: unreadKind(kind, refusal, {
          ...(namespaces && { namespaces }),
          ...(part.namespace !== undefined && { namespace: part.namespace }),
        }),
      })
      told()
    },
  })
  const done = Promise.all(
    parts.map((part) =>
      kind === 'Namespace' && namespaces !== undefined
        ? readNamespace(reading, part, handlersOf(part))
        : readPart(reading, part, handlersOf(part)),
    ),
  ).then(settle)
  return { settled, done }
}

type Handlers = Parameters<typeof watchKind<KubeObject>>[2]

function readPart(
  { client, kind, follow, signal, streaming, timing }: KindReading,
  { path, fieldSelector, reduce }: Part,
  handlers: Handlers,
): Promise<void> {
  const watched = {
    path,
    reduce,
    same: sameButVersion,
    ...(fieldSelector !== undefined && { fieldSelector }),
    ...(served(kind).metadataOnly && { metadataOnly: true }),
  }
  return watchKind(client, watched, handlers, { follow, signal, streaming, rank: RANK[kind] ?? 0, ...(timing && { timing }) })
}

/** A namespace the operator named: watched where that is allowed, else fetched by name, which needs no right to list. */
async function readNamespace(reading: KindReading, part: Part, handlers: Handlers): Promise<void> {
  const { client, signal, follow } = reading
  const watching = new AbortController()
  let forbidden = false
  const lost = (refusal: Refusal) => {
    if (refusal.kind !== 'forbidden') return handlers.lost(refusal)
    forbidden = true
    watching.abort()
  }
  await readPart({ ...reading, signal: AbortSignal.any([signal, watching.signal]) }, part, { ...handlers, lost })
  if (!forbidden) return
  const path = pathOf({ group: '', version: 'v1', plural: 'namespaces' }, undefined, part.namespace)
  let last: KubeObject | undefined
  for (let first = true; !signal.aborted; first = false) {
    const answer = await client.get(path, { signal }).catch(() => undefined)
    if (answer === undefined) return
    const reduced = answer.ok ? part.reduce(answer.body) : undefined
    if (!answer.ok && answer.refusal.kind !== 'not-found') handlers.lost(answer.refusal)
    else if (first || part.refusal !== undefined || last === undefined || reduced === undefined || !sameButVersion(last, reduced.object)) {
      last = reduced?.object
      handlers.replaced(new Map(reduced === undefined ? [] : [[reduced.key, reduced.object]]))
    }
    if (!follow) return
    await sleep(5_000, undefined, { signal }).catch(() => undefined)
  }
}

function partsOf({ kind, version, namespaces, sharing }: KindReading): Part[] {
  const place = served(kind)
  const at = { group: place.group, version: version ?? place.version, plural: place.plural }
  if (kind === 'Namespace' && namespaces !== undefined) {
    return namespaces.map((namespace) => ({
      namespace,
      path: pathOf(at),
      fieldSelector: `metadata.name=${namespace}`,
      reduce: reducerOf(kind, sharing),
    }))
  }
  const scopes = place.namespaced && namespaces !== undefined ? namespaces : [undefined]
  return scopes.flatMap((namespace) => {
    const scope = { path: pathOf(at, namespace), ...(namespace !== undefined && { namespace }) }
    if (kind !== 'Secret') return [{ ...scope, reduce: reducerOf(kind, sharing) }]
    // A Secret's type is no metadata, but it can be selected by and never changes: so the parts tell it.
    return [
      ...SECRET_TYPES.map((type) => ({ ...scope, fieldSelector: `type=${type}`, reduce: reducerOf(kind, sharing, type) })),
      { ...scope, fieldSelector: SECRET_TYPES.map((type) => `type!=${type}`).join(','), reduce: reducerOf(kind, sharing) },
    ]
  })
}
