import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../cluster.ts'

/** How a pod with one container ended. */
export interface Outcome {
  readonly exitCode: number
  /** Its log: what our program says of itself, then each step. */
  readonly said: string
}

interface PodStatus {
  readonly phase?: string
  readonly reason?: string
  readonly message?: string
  readonly containerStatuses?: { readonly state: { readonly waiting?: { message?: string }; readonly terminated?: { exitCode: number } } }[]
}

const pods = '/api/v1/namespaces/default/pods'

/** Makes a pod of the namespace default with one container; `spec` is added to the pod's. */
export async function makePod({ api }: Cluster, name: string, container: object, spec: object = {}): Promise<void> {
  const containers = [{ name: 'app', imagePullPolicy: 'Never', ...container }]
  const body = { terminationGracePeriodSeconds: 1, restartPolicy: 'Never', automountServiceAccountToken: false, ...spec, containers }
  await api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: body })
}

/** Makes such a pod and waits until it is over; one that does not come to run is an error with the reason. */
export async function runPod(cluster: Cluster, name: string, container: object, spec: object = {}): Promise<Outcome> {
  await makePod(cluster, name, container, spec)
  for (let end = Date.now() + 60_000; Date.now() < end; await sleep(100)) {
    const { status } = await cluster.api.get<{ status: PodStatus }>(`${pods}/${name}`)
    const state = status.containerStatuses?.[0]?.state
    if (state?.terminated) {
      const { text } = await cluster.api.request('GET', `${pods}/${name}/log`)
      return { exitCode: state.terminated.exitCode, said: text }
    }
    const refused = state?.waiting?.message ?? (status.phase === 'Failed' ? `${status.reason}: ${status.message}` : undefined)
    if (refused) throw new Error(`${name} does not run: ${refused}`)
  }
  throw new Error(`${name} was not over after a minute`)
}
