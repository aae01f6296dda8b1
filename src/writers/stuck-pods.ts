/** A StatefulSet that makes its pods in order waits for ever for one that cannot come up, also when its template is as before (kubernetes/kubernetes#67250). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ControllerObject, KubeObject, ObjectRef, PodObject } from '../model/index.ts'
import { refText } from '../objects/ref.ts'
import { WriteRefused } from '../plan/writer.ts'
import { type ClusterApi, refuser, words } from './cluster-api.ts'

/** The controller sees a change within a second or so; on a busy machine it may take much longer. */
const SEEN_MS = 60_000
/** A container that crashes without a readiness probe counts as ready for a moment each time; back-off makes it 10 s, then 20 s between two. */
const CRASHING_MS = 45_000

interface StatefulSetStatus {
  readonly observedGeneration?: number
  readonly updateRevision?: string
}
const statusOf = (object: KubeObject): StatefulSetStatus => ((object as ControllerObject).status ?? {}) as StatefulSetStatus

/** The revision that the template of a StatefulSet stands for, as its controller says; undefined for anything else. */
export const revisionOf = (object: KubeObject): string | undefined =>
  object.kind === 'StatefulSet' ? statusOf(object).updateRevision : undefined

/**
 * Deletes those pods of revision `undone` that are not ready, once the controller stands for another one; it makes them anew. A pod that
 * has restarted is watched on, since it may be ready for a moment only. Throws where that is refused, or where the controller does not
 * take notice: the template is as before all the same.
 */
export async function freeStuckPods(api: ClusterApi, ref: ObjectRef, path: string, undone: string): Promise<void> {
  const now = await leftRevision(api, ref, path, undone)
  if (now === undefined) return
  const pods = `/api/v1/namespaces/${encodeURIComponent(ref.namespace ?? 'default')}/pods`
  const query = { labelSelector: `controller-revision-hash=${undone}` }
  for (const end = performance.now() + CRASHING_MS; ; await sleep(500)) {
    const answer = await api.get<{ readonly items?: readonly PodObject[] }>(pods, { query })
    if (!answer.ok) throw stuck(ref, `its pods cannot be read (${words(answer.refusal)})`, refuser(answer.refusal))
    const left = (answer.body.items ?? []).filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined &&
        metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === now.metadata.uid) === true,
    )
    for (const { metadata } of left.filter((pod) => !isReady(pod))) {
      const preconditions = { uid: metadata.uid }
      const gone = await api.delete(`${pods}/${encodeURIComponent(metadata.name)}`, { preconditions, propagationPolicy: 'Background' })
      if (!gone.ok && gone.refusal.status !== 404 && gone.refusal.kind !== 'conflict')
        throw stuck(ref, `pod ${metadata.name} could not be deleted (${words(gone.refusal)})`, refuser(gone.refusal))
    }
    if (!left.some((pod) => isReady(pod) && hasRestarted(pod)) || performance.now() > end) return
  }
}

const isReady = ({ status }: PodObject): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
const hasRestarted = ({ status }: PodObject): boolean =>
  status?.containerStatuses?.some(({ restartCount = 0 }) => restartCount > 0) === true

/** The object once its controller works towards another revision; undefined where it works towards the same one, or there is none. */
async function leftRevision(api: ClusterApi, ref: ObjectRef, path: string, undone: string): Promise<KubeObject | undefined> {
  for (const end = performance.now() + SEEN_MS; performance.now() < end; await sleep(200)) {
    const answer = await api.get<KubeObject>(path)
    if (!answer.ok) return undefined
    const { observedGeneration = 0, updateRevision } = statusOf(answer.body)
    if (observedGeneration >= (answer.body.metadata.generation ?? 0)) return updateRevision === undone ? undefined : answer.body
  }
  throw stuck(ref, `its controller took no notice within ${SEEN_MS / 1000} s`, 'the StatefulSet controller')
}

const stuck = (ref: ObjectRef, what: string, by: string): WriteRefused =>
  new WriteRefused(
    by,
    `the template of ${refText(ref)} is as before, but ${what}: delete its pods that are not ready by hand, or it waits for them for ever`,
  )
