/** A StatefulSet that makes its pods in order waits for ever for one that cannot come up, also when its template is as before (kubernetes/kubernetes#67250). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ControllerObject, KubeObject, ObjectRef, PodObject } from '../model/index.ts'
import { refText } from '../objects/ref.ts'
import { WriteRefused } from '../plan/writer.ts'
import { type ClusterApi, refuser, words } from './cluster-api.ts'

/** The controller sees a change within a second or so. */
const SEEN_MS = 15_000

interface StatefulSetStatus {
  readonly observedGeneration?: number
  readonly updateRevision?: string
}
const statusOf = (object: KubeObject): StatefulSetStatus => ((object as ControllerObject).status ?? {}) as StatefulSetStatus

/** The revision that the template of a StatefulSet stands for, as its controller says; undefined for anything else. */
export const revisionOf = (object: KubeObject): string | undefined =>
  object.kind === 'StatefulSet' ? statusOf(object).updateRevision : undefined

/**
 * Deletes those pods of revision `undone` that are not ready, once the controller stands for another one; it makes them anew. Throws where
 * that is refused: the template is as before all the same.
 */
export async function freeStuckPods(api: ClusterApi, ref: ObjectRef, path: string, undone: string): Promise<void> {
  const now = await leftRevision(api, path, undone)
  if (now === undefined) return
  const pods = `/api/v1/namespaces/${encodeURIComponent(ref.namespace ?? 'default')}/pods`
  const query = { labelSelector: `controller-revision-hash=${undone}` }
  const answer = await api.get<{ readonly items?: readonly PodObject[] }>(pods, { query })
  if (!answer.ok) throw stuck(ref, 'its pods cannot be read', answer.refusal)
  const isStuck = ({ metadata, status }: PodObject) =>
    metadata.deletionTimestamp === undefined &&
    metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === now.metadata.uid) === true &&
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') !== true
  for (const { metadata } of (answer.body.items ?? []).filter(isStuck)) {
    const preconditions = { uid: metadata.uid }
    const gone = await api.delete(`${pods}/${encodeURIComponent(metadata.name)}`, { preconditions, propagationPolicy: 'Background' })
    if (!gone.ok && gone.refusal.status !== 404 && gone.refusal.kind !== 'conflict')
      throw stuck(ref, `pod ${metadata.name} could not be deleted`, gone.refusal)
  }
}

/** The object once its controller works towards another revision; undefined where it does not in time, or there is none. */
async function leftRevision(api: ClusterApi, path: string, undone: string): Promise<KubeObject | undefined> {
  for (const end = performance.now() + SEEN_MS; performance.now() < end; await sleep(200)) {
    const answer = await api.get<KubeObject>(path)
    if (!answer.ok) return undefined
    const { observedGeneration = 0, updateRevision } = statusOf(answer.body)
    if (observedGeneration >= (answer.body.metadata.generation ?? 0)) return updateRevision === undone ? undefined : answer.body
  }
  return undefined
}

const stuck = (ref: ObjectRef, what: string, refusal: Parameters<typeof words>[0]): WriteRefused =>
  new WriteRefused(
    refuser(refusal),
    `the template of ${refText(ref)} is as before, but ${what} (${words(refusal)}): delete its pods that are not ready by hand, or it waits for them for ever`,
  )
