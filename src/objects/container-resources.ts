/** What a container may take and is promised: its own resources, those of its pod, and what a LimitRange gives it. */
import type {
  ContainerSpec,
  LimitRangeObject,
  PodSpec,
  ResourceList,
  ResourceQuotaObject,
  ResourceRequirements,
  View,
} from '../model/index.ts'
import { derived } from './derived.ts'
import { quantityOf } from './quantity.ts'
import { minorOf } from './version.ts'

/** `memory`: no limit. `cpu`: no request (a CPU limit is no protection that everybody wants, and not asked for). */
export type Resource = 'memory' | 'cpu'

/** A value of zero is as good as none: the kubelet sets no limit for it. */
const isSet = (list: ResourceList | null | undefined, resource: Resource): boolean => (quantityOf(list?.[resource]) ?? 0) > 0

/**
 * Does nothing in the pod spec bound this resource of the container? A limit serves as the request where none is given
 * (core/v1 defaults), and what the pod as a whole has (KEP-2837) holds for each of its containers.
 */
export function lacks(spec: PodSpec, { resources }: ContainerSpec, resource: Resource): boolean {
  const bounds = ({ limits, requests }: ResourceRequirements): boolean =>
    isSet(limits, resource) || (resource === 'cpu' && isSet(requests, resource))
  return !bounds(resources ?? {}) && !bounds(spec.resources ?? {})
}

/** Servers before 1.34 drop the resources of a pod as a whole unless a feature gate is on; on a live cluster what is there counts. */
export function countsPodLevel(view: View<'ServerVersion'>): boolean {
  const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  return view.source.kind === 'live' || minor === undefined || minor >= 34
}

export interface NamespaceBounds {
  /** What a container that says nothing is given when its pod is made. */
  readonly defaults: Readonly<Partial<Record<Resource, string>>>
  readonly min: Readonly<Partial<Record<Resource, string>>>
  readonly max: Readonly<Partial<Record<Resource, string>>>
}
type BoundsView = View<'LimitRange' | 'ResourceQuota'>

/** By namespace: those with a LimitRange that gives containers or pods a default or an end, or a ResourceQuota for what pods take. */
export const namespaceBounds = (view: BoundsView): ReadonlyMap<string, NamespaceBounds> => derived(view, collect)

function collect(view: BoundsView): ReadonlyMap<string, NamespaceBounds> {
  const bounds = new Map<string, NamespaceBounds>()
  for (const { metadata, spec } of view.all('ResourceQuota'))
    if (!isScoped(spec) && Object.keys(spec?.hard ?? {}).some((key) => BOUNDS_PODS.test(key)))
      bounds.set(metadata.namespace ?? 'default', { defaults: {}, min: {}, max: {} })
  for (const range of view.all('LimitRange')) {
    const namespace = range.metadata.namespace ?? 'default'
    const before = bounds.get(namespace)
    const here = ofRange(range)
    if (here === undefined) continue
    bounds.set(namespace, {
      defaults: { ...before?.defaults, ...here.defaults },
      min: { ...before?.min, ...here.min },
      max: { ...before?.max, ...here.max },
    })
  }
  return bounds
}
/** It leaves every pod outside its scopes as unbounded as before. */
const isScoped = (spec: ResourceQuotaObject['spec']): boolean => (spec?.scopes ?? []).length > 0 || spec?.scopeSelector != null
const BOUNDS_PODS = /^((requests|limits)\.)?(cpu|memory)$|^(count\/)?pods$/

/** `max` stands in for a default that is not given, and the default for the default request (core/v1 defaults). */
function ofRange({ spec }: LimitRangeObject): NamespaceBounds | undefined {
  const items = (spec?.limits ?? []).filter(
    (item) =>
      (item.type === 'Container' || item.type === 'Pod') &&
      [item.default, item.defaultRequest, item.max].some((list) => isSet(list, 'memory') || isSet(list, 'cpu')),
  )
  if (items.length === 0) return undefined
  const of = (
    pick: (item: (typeof items)[number]) => (ResourceList | undefined)[],
    resource: Resource,
  ): Partial<Record<Resource, string>> => {
    const values = items.filter(({ type }) => type === 'Container').flatMap((item) => pick(item).map((list) => list?.[resource]))
    const value = values.find((one) => (quantityOf(one) ?? 0) > 0)
    return value === undefined ? {} : { [resource]: String(value) }
  }
  const both = (pick: (item: (typeof items)[number]) => (ResourceList | undefined)[]) => ({ ...of(pick, 'memory'), ...of(pick, 'cpu') })
  return {
    defaults: {
      ...of((item) => [item.default, item.max], 'memory'),
      ...of((item) => [item.defaultRequest, item.default, item.max, item.min], 'cpu'),
    },
    min: both((item) => [item.min]),
    max: both((item) => [item.max]),
  }
}
