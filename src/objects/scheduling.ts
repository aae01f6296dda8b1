/** Which nodes a pod may run on, as the scheduler and the DaemonSet controller decide: selector, required affinity, taints. */
import type { Json, NodeObject, PodSpec } from '../model/index.ts'

/** Why the pods of a DaemonSet do not run on a node; undefined where they do. */
export const whyNotOn = (node: NodeObject, spec: PodSpec): string | undefined =>
  whyNotThere(node, spec, (taint) => isTolerated(taint, spec) || isToleratedByController(taint, spec))

/** Why the scheduler puts no pod with this spec on a node, as far as the node object shows; undefined where it may. */
export const whyNotScheduled = (node: NodeObject, spec: PodSpec): string | undefined =>
  node.spec?.unschedulable === true ? 'cordoned' : whyNotThere(node, spec, (taint) => isTolerated(taint, spec))

function whyNotThere(node: NodeObject, spec: PodSpec, tolerates: (taint: Taint) => boolean): string | undefined {
  const labels = node.metadata.labels ?? {}
  const missing = Object.entries(spec.nodeSelector ?? {}).find(([key, value]) => labels[key] !== value)
  if (missing !== undefined) return `nodeSelector ${missing[0]}=${missing[1]}`
  const terms = nodeTerms(spec)
  if (terms !== undefined && !terms.some((term) => termMatches(term, node))) return 'node affinity'
  const taint = (node.spec?.taints ?? []).find((one) => one.effect !== 'PreferNoSchedule' && !tolerates(one))
  return taint === undefined
    ? undefined
    : `taint ${taint.key}${taint.value === undefined || taint.value === '' ? '' : `=${taint.value}`}:${taint.effect}`
}

/** Added to every DaemonSet pod by its controller. */
const TOLERATED_BY_ALL = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/unschedulable',
])
const isToleratedByController = (taint: Taint, spec: PodSpec): boolean =>
  TOLERATED_BY_ALL.has(taint.key) || (spec.hostNetwork === true && taint.key === 'node.kubernetes.io/network-unavailable')

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}
export type Toleration = NonNullable<PodSpec['tolerations']>[number]

export const tolerates = ({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean =>
  (effect === '' || effect === taint.effect) &&
  (operator === 'Exists' ? key === '' || key === taint.key : key === taint.key && value === (taint.value ?? ''))

const isTolerated = (taint: Taint, spec: PodSpec): boolean => (spec.tolerations ?? []).some((one) => tolerates(one, taint))

// ── node affinity ──────────────────────────────────────────────────────────────────────────────
interface Expression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}
interface Term {
  readonly matchExpressions?: readonly Expression[]
  readonly matchFields?: readonly Expression[]
}

/** Required node affinity; undefined where there is none. */
export function nodeTerms(spec: PodSpec): readonly Term[] | undefined {
  const { affinity } = spec as PodSpec & {
    readonly affinity?: {
      readonly nodeAffinity?: { readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly Term[] } }
    }
  }
  const terms: Json | readonly Term[] | undefined =
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return Array.isArray(terms) ? (terms as readonly Term[]) : undefined
}

/** A term without any expression matches nothing. */
function termMatches({ matchExpressions = [], matchFields = [] }: Term, { metadata }: NodeObject): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  return (
    matchExpressions.every((one) => expressionMatches(one, metadata.labels?.[one.key])) &&
    matchFields.every((one) => one.key === 'metadata.name' && expressionMatches(one, metadata.name))
  )
}

function expressionMatches({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
    default:
      return false
  }
}
