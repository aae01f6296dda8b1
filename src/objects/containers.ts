/** The containers of a pod spec, in the order Pod Security Admission visits them. */
import type { ContainerSpec, ContainerStatus, Path, PathElement, PodObject, PodSpec } from '../model/index.ts'
import { remembered } from './derived.ts'

export type ContainerType = 'init' | 'sidecar' | 'regular' | 'ephemeral'
export interface VisitedContainer {
  readonly container: ContainerSpec
  /** `sidecar`: an init container with `restartPolicy: Always`. */
  readonly type: ContainerType
  /** Relative to the pod spec: `['containers', {name: 'app'}]`; by index where the name is missing or not unique. */
  readonly at: Path
}

const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** Every container of a pod spec. What is no list or no object (files may hold anything) is passed over. */
export const eachContainer = (spec: PodSpec): readonly VisitedContainer[] =>
  spec !== null && typeof spec === 'object' ? containersOf(spec) : []

const containersOf = remembered((spec: PodSpec): readonly VisitedContainer[] => [...visit(spec)])

function* visit(spec: PodSpec): Iterable<VisitedContainer> {
  for (const list of LISTS) {
    const containers: unknown = spec[list]
    if (!Array.isArray(containers)) continue
    for (const [index, container] of (containers as ContainerSpec[]).entries()) {
      if (container === null || typeof container !== 'object') continue
      yield { container, type: typeOf(list, container), at: [list, elementOf(containers, container, index)] }
    }
  }
}

function typeOf(list: (typeof LISTS)[number], container: ContainerSpec): ContainerType {
  if (list === 'containers') return 'regular'
  if (list === 'ephemeralContainers') return 'ephemeral'
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init'
}

function elementOf(containers: readonly ContainerSpec[], container: ContainerSpec, index: number): PathElement {
  if (typeof container.name !== 'string' || container.name === '') return index
  return containers.findIndex((one) => one?.name === container.name) === index ? { name: container.name } : index
}

/** What the kubelet says of a container of a live pod. */
export function statusOf(pod: PodObject, container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {}
  const isIt = (status: ContainerStatus): boolean => status.name === container
  return containerStatuses.find(isIt) ?? initContainerStatuses.find(isIt) ?? ephemeralContainerStatuses.find(isIt)
}
