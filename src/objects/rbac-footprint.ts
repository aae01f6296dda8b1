/** In how many namespaces a service account works: what its workloads are told, and what an audit log shows. */
import type { View } from '../model/index.ts'
import { fewOf } from './few-of.ts'
import type { Grant } from './rbac-grants.ts'
import { type UsageView, usedOf } from './rbac-kept.ts'
import { workloadsOf } from './rbac-users.ts'
import { refText } from './ref.ts'
import { watchedNamespaces } from './workload-settings.ts'
import { WORKLOAD_KINDS, type WorkloadKind } from './workloads.ts'

export interface Footprint {
  readonly namespaces: readonly string[]
  /** Sentences; empty where nothing tells. */
  readonly because: readonly string[]
  /** Strong enough that a change may rest on it. */
  readonly proven: boolean
  /** Seen to work in the whole cluster, or in so many namespaces that it comes to the same. */
  readonly isWide: boolean
}
/** As many days as a log must have before what is not in it counts. */
const DAYS = 14
const MANY = 5

/** Of the rights that one ClusterRoleBinding gives one service account. */
export function footprintOf(view: UsageView & View<WorkloadKind>, grant: Grant): Footprint {
  const told = byWorkloads(view, grant)
  const seen = byLog(view, grant)
  const namespaces = [...new Set([...(told?.namespaces ?? []), ...(seen?.namespaces ?? [])])].sort()
  return {
    namespaces,
    because: [...(told?.because ?? []), ...(seen?.because ?? [])],
    proven: told !== undefined || seen?.proven === true,
    isWide: seen?.isWide === true,
  }
}

/** All workloads of the account keep to namespaces that they name. */
function byWorkloads(view: View<WorkloadKind>, { subject, namespace }: Grant): Omit<Footprint, 'isWide' | 'proven'> | undefined {
  if (WORKLOAD_KINDS.some((kind) => view.unread(kind) !== undefined && view.source.kind === 'live')) return undefined
  const told = workloadsOf(view, [subject], namespace).map((workload) => ({ workload, watched: watchedNamespaces(workload) }))
  if (told.length === 0 || told.some(({ watched }) => watched === undefined)) return undefined
  return {
    namespaces: told.flatMap(({ watched }) => watched!.map(({ value }) => value)),
    because: told.map(
      ({ workload, watched }) => `${refText(workload.ref)} is told ${fewOf(watched!.map(({ name, value }) => `${name}=${value}`))}`,
    ),
  }
}

function byLog(view: UsageView, grant: Grant): Footprint | undefined {
  const observed = view.fact('ObservedRequests')
  const used = usedOf(view, grant, grant.rules, () => false) ?? []
  if (observed === undefined || used.length === 0) return undefined
  const namespaces = [...new Set(used.map(({ question }) => ('path' in question ? '' : (question.namespace ?? ''))))]
  const days = Math.floor((Date.parse(observed.until) - Date.parse(observed.since)) / 86_400_000)
  const isWide = namespaces.includes('') || namespaces.length > MANY
  return {
    namespaces: isWide ? [] : namespaces,
    because: isWide ? [] : [`in ${days} ${days === 1 ? 'day' : 'days'} of audit log it worked in ${namespaces.sort().join(', ')} only`],
    proven: days >= DAYS && observed.doubts.length === 0 && !observed.blind.some((verb) => ['get', 'list', 'watch'].includes(verb)),
    isWide,
  }
}
