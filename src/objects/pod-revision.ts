/** How a live pod differs from the template it came from: what was put in on the way (webhooks, injected sidecars), or an older template. */
import type { ContainerSpec, ControllerObject, KubeObject, PodObject, PodSpec, Volume } from '../model/index.ts'
import { remembered } from './derived.ts'
import { RESTRICTED_VOLUME_TYPES } from './pod-security-restricted.ts'
import { nearestController, templateOf, type Workload } from './workloads.ts'

export interface DriftedPod {
  readonly pod: PodObject
  /** `introduced`: not in the template it was made from. `older revision`: in a template that has been replaced since. */
  readonly since: 'introduced' | 'older revision'
}

/** Pods whose security settings are not those of the workload's template. Images, probes and resources do not count, ports where they are the node's. */
export const driftedPods: (workload: Workload) => readonly DriftedPod[] = remembered((workload) => {
  if (workload.object === undefined || workload.object.kind === 'Pod') return []
  return workload.pods.flatMap((pod): DriftedPod[] => {
    if (isAlike(pod.spec, workload.spec)) return []
    const source = nearestController(pod)
    const own = source === undefined ? undefined : templateOf(source)
    if (own !== undefined && source !== workload.object && isAlike(pod.spec, own.spec)) {
      // Jobs that a CronJob started before its template changed end by themselves.
      return workload.object!.kind === 'CronJob' ? [] : [{ pod, since: 'older revision' }]
    }
    return [{ pod, since: isOlderRevision(pod, workload.object!) ? 'older revision' : 'introduced' }]
  })
})

function isOlderRevision(pod: PodObject, owner: KubeObject): boolean {
  const labels = pod.metadata.labels ?? {}
  // Neither replaces its pods when its template changes.
  if (owner.kind === 'ReplicaSet' || owner.kind === 'ReplicationController') return hasOnlyContainersOf(pod.spec, templateOf(owner)?.spec)
  if (owner.kind === 'StatefulSet') {
    const update = (owner as ControllerObject).status?.['updateRevision']
    return update !== undefined && labels['controller-revision-hash'] !== undefined && labels['controller-revision-hash'] !== update
  }
  const generation = owner.metadata.annotations?.['deprecated.daemonset.template.generation']
  return (
    owner.kind === 'DaemonSet' &&
    generation !== undefined &&
    labels['pod-template-generation'] !== undefined &&
    labels['pod-template-generation'] !== generation
  )
}

function hasOnlyContainersOf(pod: PodSpec, template: PodSpec | undefined): boolean {
  const names = (spec: PodSpec | undefined) =>
    [...(spec?.containers ?? NONE), ...(spec?.initContainers ?? NONE), ...(spec?.ephemeralContainers ?? NONE)].map(
      (container) => container.name,
    )
  const known = new Set(names(template))
  return names(pod).every((name) => known.has(name))
}

function isAlike(pod: PodSpec, template: PodSpec): boolean {
  if (pod === template) return true
  return (
    pod.hostPID === template.hostPID &&
    pod.hostIPC === template.hostIPC &&
    pod.hostNetwork === template.hostNetwork &&
    (pod.hostUsers ?? true) === (template.hostUsers ?? true) &&
    same(pod.securityContext, template.securityContext) &&
    same(refusedVolumes(pod), refusedVolumes(template)) &&
    containersAlike(pod, template)
  )
}

const NONE: readonly never[] = []
/** Volumes that the restricted level refuses; what admission puts in (tokens, certificates) is of its types. */
const refusedVolumes = ({ volumes }: PodSpec): readonly unknown[] => (volumes?.some(isRefused) === true ? volumes.filter(isRefused) : NONE)
const isRefused = (volume: Volume): boolean => {
  for (const key in volume) if (key !== 'name' && volume[key] != null) return !RESTRICTED_VOLUME_TYPES.has(key)
  return false
}

function containersAlike(pod: PodSpec, template: PodSpec): boolean {
  return (
    listAlike(pod.containers, template.containers, pod.hostNetwork) &&
    listAlike(pod.initContainers, template.initContainers, pod.hostNetwork) &&
    (pod.ephemeralContainers ?? NONE).length === 0
  )
}

function listAlike(
  ofPod: readonly ContainerSpec[] = NONE,
  ofTemplate: readonly ContainerSpec[] = NONE,
  hostNetwork: boolean | undefined,
): boolean {
  return ofPod.every((container, index) => {
    const before = ofTemplate[index]?.name === container.name ? ofTemplate[index] : ofTemplate.find((one) => one.name === container.name)
    if (before === undefined || !same(before.securityContext, container.securityContext)) return false
    // On the network of the node the API server opens each port of a pod, not of its template.
    return hostNetwork === true || (container.ports ?? NONE).every(({ hostPort = 0 }) => hostPort === 0 || takes(before, hostPort))
  })
}

const takes = ({ ports }: ContainerSpec, hostPort: number): boolean => ports?.some((port) => port.hostPort === hostPort) === true

/** Deep equality; nothing, null and an empty mapping are alike, as they are to the API server. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b)
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  for (const key in left) if (!same(left[key], right[key])) return false
  for (const key in right) if (!(key in left) && !isEmpty(right[key])) return false
  return true
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object' || Array.isArray(value)) return false
  for (const _key in value) return false
  return true
}
