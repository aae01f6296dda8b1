/** Whose pod it was: pods that are gone, by the names that controllers give and by their labels. */
import type { FlowEnd, PodObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { canonicalIp } from './network-addresses.ts'
import { type EndView, type PodEnd, podEnds } from './network-ends.ts'
import type { Workload } from './workloads.ts'

/** Names are made of these (k8s.io/apimachinery util/rand: no vowels, no 0, 1, 3). */
const SAFE = '[bcdfghjklmnpqrstvwxz2456789]'
const RANDOM = `-${SAFE}{5}`
const REPLICA_SET = `-${SAFE}{1,10}`
/** What follows the controller's own name. */
const SUFFIXES: Readonly<Record<string, RegExp>> = {
  Pod: /^$/,
  Deployment: new RegExp(`^${REPLICA_SET}${RANDOM}$`),
  StatefulSet: /^-\d+$/,
  // An indexed Job has the index before the random part.
  Job: new RegExp(`^(-\\d+)?${RANDOM}$`),
  CronJob: new RegExp(`^-\\d+(-\\d+)?${RANDOM}$`),
  ReplicaSet: new RegExp(`^${RANDOM}$`),
  DaemonSet: new RegExp(`^${RANDOM}$`),
  ReplicationController: new RegExp(`^${RANDOM}$`),
}
/** An owner of a kind that is not ours (an Argo Rollout): as any of ours does. */
const ANY_SUFFIX = new RegExp(`^(${REPLICA_SET}${RANDOM}|-\\d+|(-\\d+){0,2}${RANDOM})$`)
/** A generated name is cut to 58 characters before the five random ones (apiserver storage/names). */
const LONGEST = 63
const CUT = 58

interface Index {
  readonly live: ReadonlyMap<string, PodEnd>
  /** By namespace; of each workload a few ends that stand for the others. */
  readonly workloads: ReadonlyMap<string, readonly { readonly workload: Workload; readonly ends: readonly PodEnd[] }[]>
}
const index = (view: EndView): Index => derived(view, indexOf)

function indexOf(view: EndView): Index {
  const ends = podEnds(view)
  const byWorkload = [...Map.groupBy(ends, (end) => end.workload)].map(([workload, all]) => ({ workload, ends: standIns(all) }))
  return {
    live: new Map(ends.flatMap((end) => (end.pod === undefined ? [] : [[`${end.namespace.name}/${end.pod.metadata.name}`, end]]))),
    workloads: Map.groupBy(byWorkload, ({ workload }) => workload.namespace),
  }
}

/**
 * Of pods of one workload with the same labels and ports those on two nodes: no policy tells more of them apart, but what comes from
 * a node itself is let through to the pods of that node.
 */
export function standIns(ends: readonly PodEnd[]): readonly PodEnd[] {
  const kept = new Map<Workload, Map<string, PodEnd[]>>()
  return ends.filter((end) => {
    const alike = kept.get(end.workload) ?? new Map<string, PodEnd[]>()
    kept.set(end.workload, alike)
    const key = JSON.stringify([Object.entries(end.labels).sort(), [...end.named], end.hostNetwork])
    const same = alike.get(key) ?? []
    alike.set(key, same)
    if (same.length > 1 || same.some((one) => one.node === end.node)) return false
    same.push(end)
    return true
  })
}

/** The pod that a record names, or pods that stand for its workload; empty where that is gone, or cannot be told. */
export function podsNamed(view: EndView, named: FlowEnd): readonly PodEnd[] {
  const { namespace = 'default', pod, workload, labels } = named
  const { live, workloads } = index(view)
  const itself = pod === undefined ? undefined : live.get(`${namespace}/${pod}`)
  if (itself !== undefined) return [itself]
  const here = workloads.get(namespace) ?? []
  const said = here.filter((one) => one.workload.ref.kind === workload?.kind && one.workload.ref.name === workload.name)
  if (said.length > 0) return said.flatMap(({ ends }) => ends)
  const byName =
    pod === undefined
      ? []
      : longest(here.filter((one) => made(one.workload, pod)).map((one) => ({ ...one, length: one.workload.ref.name.length })))
  if (byName.length === 1) return byName[0]!.ends
  const candidates = byName.length > 1 ? byName : here
  return longest(
    candidates.flatMap((one) => {
      const own = Object.entries(one.workload.templateLabels)
      return own.length > 0 && own.every(([key, value]) => labels?.[key] === value) ? [{ ...one, length: own.length }] : []
    }),
  ).flatMap(({ ends }) => ends)
}

function made({ ref: { kind, name } }: Workload, pod: string): boolean {
  const suffix = Object.hasOwn(SUFFIXES, kind) ? SUFFIXES[kind]! : ANY_SUFFIX
  if (pod.startsWith(name)) return suffix.test(pod.slice(name.length)) || (pod.length === LONGEST && pod.startsWith(`${name}-`))
  return pod.length === LONGEST && name.startsWith(pod.slice(0, CUT))
}

const longest = <T extends { readonly length: number }>(all: readonly T[]): readonly T[] => {
  const most = Math.max(...all.map(({ length }) => length))
  return all.filter(({ length }) => length === most)
}

export interface PodAddresses {
  /** The live pod that has the address. */
  readonly live: ReadonlyMap<string, PodEnd>
  /** Pods that are over or on their way out: they may have had it before. */
  readonly before: ReadonlyMap<string, readonly PodObject[]>
}
/** By address, without those of the host network: their addresses are the node's. */
export const podAddresses = (view: EndView): PodAddresses => derived(view, podAddressesOf)

function podAddressesOf(view: EndView & View<'Pod'>): PodAddresses {
  const live = new Map<string, PodEnd>()
  const running = new Set<PodObject>()
  for (const end of podEnds(view)) {
    if (end.pod !== undefined) running.add(end.pod)
    if (!end.hostNetwork) for (const ip of end.ips) live.set(canonicalIp(ip), end)
  }
  const over = view.all('Pod').filter((pod) => !running.has(pod) && pod.spec?.hostNetwork !== true && pod.status?.podIP !== undefined)
  return { live, before: Map.groupBy(over, (pod) => canonicalIp(pod.status!.podIP!)) }
}
