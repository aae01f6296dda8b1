import type { Change, KubeObject, Step } from '../model/index.ts'
import { ENFORCE } from '../objects/pod-security-labels.ts'
import { type Campaign, campaignOf, isPolicyKind, phaseOf } from './network-campaign.ts'

/**
 * In which order steps are safe: what others stand on first, what allows before what denies, nodes before the pods that are to run
 * elsewhere, pods put right before their namespace enforces a level, rights taken away after whoever used them has others, files for
 * a human last. NetworkPolicies: ingress before egress, one namespace after another, and there what opens before what closes.
 */
export function orderSteps(steps: readonly Step[]): readonly Step[] {
  const waiting = steps.toSorted(byRank)
  const ordered: Step[] = []
  const done = new Set<string>()
  const known = new Set<string>(steps.map((step) => step.id))
  while (waiting.length > 0) {
    const next = waiting.findIndex((step) => step.after.every((id) => done.has(id) || !known.has(id)))
    // Two proposals that each want the other first: the general order decides.
    const [step] = waiting.splice(Math.max(next, 0), 1)
    done.add(step!.id)
    ordered.push({ ...step!, after: step!.after.filter((id) => done.has(id)) })
  }
  return ordered
}

function byRank(a: Step, b: Step): number {
  const [left, right] = [rankOf(a), rankOf(b)]
  return left - right || byCampaign(a, b) || turnOnHosts(a) - turnOnHosts(b) || compare(a.title, b.title)
}

function byCampaign(a: Step, b: Step): number {
  const [left, right] = [campaignOf(a), campaignOf(b)]
  if (left === undefined || right === undefined) return 0
  const [first, second] = [phaseOf(a), phaseOf(b)]
  return (
    Number(left.direction === 'egress') - Number(right.direction === 'egress') ||
    turnOf(left, first) - turnOf(right, second) ||
    compare(left.namespace ?? '', right.namespace ?? '') ||
    first - second
  )
}
/** Of the whole cluster: what opens comes before every namespace, the rest after them. */
const turnOf = ({ namespace }: Campaign, phase: number): number => (namespace !== undefined ? 1 : phase < 2 ? 0 : 2)
const turnOnHosts = ({ changes }: Step): number => Math.max(...changes.map((change) => (change.type === 'host' ? (change.turn ?? 0) : 0)))
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
/** By its last change: a step that replaces something counts as what it leaves behind. */
const rankOf = (step: Step): number => Math.max(...step.changes.map((change) => rank(change, step)))

const RANKS = [
  'namespace',
  'grant',
  'binding',
  'watchful label',
  'node',
  'workload',
  'other',
  'fewer rights',
  'admission',
  'network policy',
  'enforce',
  'removal',
  'host',
  'file',
  'command',
] as const
const rank = (change: Change, step: Step): number => RANKS.indexOf(classOf(change, step))

function classOf(change: Change, step: Step): (typeof RANKS)[number] {
  switch (change.type) {
    case 'create':
      return ofCreation(change.object)
    case 'delete':
      return isPolicyKind(change.target.kind) ? 'network policy' : 'removal'
    case 'file':
      return 'file'
    case 'command':
      return 'command'
    case 'host':
      return 'host'
    case 'edit':
      return ofEdit(change.target.kind, step)
  }
}

function ofCreation(object: KubeObject): (typeof RANKS)[number] {
  if (object.kind === 'Namespace') return 'namespace'
  if (isPolicyKind(object.kind)) return 'network policy'
  if (object.kind.endsWith('Binding') && object.apiVersion.startsWith('rbac.')) return 'binding'
  if (object.apiVersion.startsWith('admissionregistration.') || object.apiVersion.startsWith('kyverno.')) return 'admission'
  return 'grant'
}

const WORKLOADS = new Set([
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
  'PodTemplate',
])
const RIGHTS = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'])

function ofEdit(kind: string, step: Step): (typeof RANKS)[number] {
  // Before the pods that are made anew: those are to find the taint.
  if (kind === 'Node') return 'node'
  if (WORKLOADS.has(kind)) return 'workload'
  if (RIGHTS.has(kind)) return 'fewer rights'
  // Also what refuses nothing that the plan leaves: the pods that are there before it may still be refused.
  if (kind === 'Namespace') return step.risk === 'safe' && !enforces(step) ? 'watchful label' : 'enforce'
  if (isPolicyKind(kind)) return 'network policy'
  if (kind.endsWith('WebhookConfiguration') || kind.startsWith('ValidatingAdmissionPolicy')) return 'admission'
  return 'other'
}

const enforces = ({ changes }: Step): boolean =>
  changes.some(
    (change) =>
      change.type === 'edit' && change.edits.some((edit) => String(('set' in edit ? edit.set : edit.unset)[2]).startsWith(ENFORCE)),
  )
