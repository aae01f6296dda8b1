/** The namespace of helper pods, and what runs that were killed left there. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import { COMPONENT, GUARD_LABEL, MADE_BY_US, NAMESPACE, namespaceObject, ORIGIN, type Run } from './helper-pod-object.ts'
import { HostRefused, HostUnreachable } from './host.ts'

const machine = createHash('sha256')
  .update([hostname(), ...kernelSays()].join('\0'))
  .digest('hex')
  .slice(0, 16)
export const thisRun: Run = { id: randomBytes(5).toString('hex'), origin: `${machine}/${process.pid}` }

/** Two containers may have one host name and the same process ids. */
function kernelSays(): string[] {
  try {
    return [readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), readlinkSync('/proc/self/ns/pid')]
  } catch {
    return []
  }
}

interface TracedPod {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly status?: { readonly phase?: string }
}
interface NamespaceObject {
  readonly metadata: {
    readonly uid: string
    readonly resourceVersion: string
    readonly labels?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
}

const NAMESPACE_PATH = `/api/v1/namespaces/${NAMESPACE}`
export const PODS = `${NAMESPACE_PATH}/pods`
const OURS = { fieldManager: 'k8s-harden' } as const

/** What this process made, by name, from before it was asked for. */
const own = { namespace: false, pods: new Set<string>() }
export function isOwnTrace(kind: string, key: string): boolean {
  if (kind === 'Namespace') return own.namespace && key === NAMESPACE
  if (!key.startsWith(`${NAMESPACE}/`)) return false
  return kind === 'Pod' ? own.pods.has(key.slice(NAMESPACE.length + 1)) : own.namespace
}
/** A name that nobody else's pod can have. */
export function ownPodName(): string {
  const name = `helper-${randomBytes(6).toString('hex')}`
  own.pods.add(name)
  return name
}

/** Words of a refusal for the operator: the server's own where it has some, since an admission plugin says there what it wants. */
export const wordsOf = ({ said, message, kind }: Refusal): string =>
  said !== undefined && kind !== 'unreachable' && kind !== 'timeout' ? said : message

/** The refusal as an exception: a no, or nobody knows. */
export const thrown = (refusal: Refusal, doing: string): HostRefused | HostUnreachable =>
  ['forbidden', 'invalid', 'not-found', 'unauthorized', 'conflict'].includes(refusal.kind)
    ? new HostRefused(`${doing}: ${wordsOf(refusal)}`)
    : new HostUnreachable(`${doing}: ${wordsOf(refusal)}`)

/** There is a namespace that is not about to go. */
export async function ensureNamespace(client: ApiClient): Promise<void> {
  for (const end = Date.now() + 60_000; ; await sleep(500)) {
    const there = await client.get<NamespaceObject>(NAMESPACE_PATH)
    if (there.ok && there.body.metadata.deletionTimestamp === undefined) return
    if (there.ok && Date.now() > end) throw new HostUnreachable(`namespace ${NAMESPACE} is being deleted, and does not go`)
    if (there.ok) continue
    if (there.refusal.kind !== 'not-found' && there.refusal.kind !== 'forbidden')
      throw thrown(there.refusal, `cannot look for namespace ${NAMESPACE}`)
    own.namespace = true
    const made = await client.create('/api/v1/namespaces', namespaceObject(), OURS)
    if (made.ok) return
    own.namespace = false
    // Who may not look may still be allowed to make pods there. One that is just going exists too: then once more.
    if (there.refusal.kind === 'forbidden') return
    if (made.refusal.reason === 'AlreadyExists' && Date.now() < end) continue
    throw thrown(made.refusal, `cannot make namespace ${NAMESPACE} for a helper pod`)
  }
}

/** Deletes helper pods whose run is over: it ended on this machine, or the pod itself has. */
export async function removeLeftovers(client: ApiClient): Promise<void> {
  let guarded = false
  for (const pod of await helperPods(client)) {
    if (!isLeftover(pod)) continue
    await deletePod(client, pod.metadata)
    guarded ||= pod.metadata.labels?.[GUARD_LABEL] !== undefined
  }
  if (guarded) await untilSteady(client)
}

const STEADY_MS = 8_000
/** A guard that was ended has put its files back, on which the API server itself may restart. */
async function untilSteady(client: ApiClient): Promise<void> {
  let since: number | undefined
  for (const end = Date.now() + 180_000; Date.now() < end; await sleep(500)) {
    const answer = await client.text('/readyz', { limitMs: 5_000 })
    if (answer.ok || answer.refusal.kind === 'forbidden') since ??= Date.now()
    else since = undefined
    if (since !== undefined && Date.now() - since >= STEADY_MS) return
  }
}

function isLeftover({ metadata: { annotations }, status }: TracedPod): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return true
  const [where, pid] = (annotations?.[ORIGIN] ?? '').split('/')
  return where === machine && Number(pid) !== process.pid && !isAlive(Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

async function helperPods(client: ApiClient): Promise<readonly TracedPod[]> {
  const labelSelector = Object.entries({ ...MADE_BY_US, ...COMPONENT })
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
  const answer = await client.get<{ items?: readonly TracedPod[] | null }>(PODS, { query: { labelSelector } })
  if (answer.ok) return answer.body.items ?? []
  if (answer.refusal.kind === 'not-found' || answer.refusal.kind === 'forbidden') return []
  throw thrown(answer.refusal, 'cannot look for helper pods of earlier runs')
}

/** Returns when the pod with this UID is gone; throws where it stays. */
export async function deletePod(client: ApiClient, { name, uid }: { readonly name: string; readonly uid: string }): Promise<void> {
  const path = `${PODS}/${name}`
  let last = 'it is still there'
  for (const end = Date.now() + 90_000; Date.now() < end; await sleep(300)) {
    const answer = await client.delete<{ metadata?: { uid?: string } }>(path, { preconditions: { uid } })
    // Another UID is another pod, and ours is gone.
    if (!answer.ok && (answer.refusal.kind === 'not-found' || answer.refusal.kind === 'conflict')) return
    if (!answer.ok && answer.refusal.kind === 'forbidden')
      throw new HostRefused(`cannot delete helper pod ${name}: ${wordsOf(answer.refusal)}`)
    if (!answer.ok) last = wordsOf(answer.refusal)
  }
  throw new HostUnreachable(`helper pod ${name} was not deleted (${last}): kubectl delete pod --namespace ${NAMESPACE} ${name}`)
}

/** Deletes the namespace where we made it and nothing is left in it. */
export async function removeNamespace(client: ApiClient): Promise<void> {
  const there = await client.get<NamespaceObject>(NAMESPACE_PATH)
  if (!there.ok || there.body.metadata.deletionTimestamp !== undefined) return
  const { uid, resourceVersion, labels } = there.body.metadata
  if (Object.entries(MADE_BY_US).some(([name, value]) => labels?.[name] !== value)) return
  const pods = await client.get<{ items?: readonly unknown[] | null }>(PODS)
  if (!pods.ok || (pods.body.items ?? []).length > 0) return
  // Lost where somebody changed it meanwhile: then it is not ours alone.
  await client.delete(NAMESPACE_PATH, { preconditions: { uid, resourceVersion } })
}
