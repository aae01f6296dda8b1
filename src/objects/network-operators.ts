/** Operators, and what they operate: they call it, whatever its port. */
import type { View } from '../model/index.ts'
import { derived } from './derived.ts'
import { ANYWHERE, type Edge } from './network-edges.ts'
import { endsByNamespace, type TargetView } from './network-service-targets.ts'
import { grants, RBAC_KINDS } from './rbac-grants.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

/** Where roles are not read, an operator by its rights is not found; nothing else depends on them here. */
export const OPERATOR_KINDS = [...WORKLOAD_KINDS, ...RBAC_KINDS] as const
type OperatorView = View<(typeof OPERATOR_KINDS)[number]>

export const operatorEdges = (view: OperatorView): readonly Edge[] => derived(view, findEdges)
const findEdges = (view: OperatorView): readonly Edge[] => [...byLabel(view), ...byRights(view)]
/** What some operator here is known to call. */
export const operands = (view: OperatorView): ReadonlySet<Workload> => derived(view, findOperands)
const findOperands = (view: OperatorView): ReadonlySet<Workload> =>
  new Set(operatorEdges(view).flatMap(({ to }) => (to.is === 'workloads' ? to.workloads : [])))

const edgeOf = (operator: Workload, operand: Workload, because: string): Edge => ({
  from: operator.spec.hostNetwork === true ? ANYWHERE : { is: 'workloads', workloads: [operator], exact: true },
  to: { is: 'workloads', workloads: [operand] },
  name: operand.ref.name,
  because: `${operator.ref.kind} ${operator.namespace}/${operator.ref.name} manages it, ${because}`,
})

/** Pods whose label says which operator manages them, where a workload of that name runs elsewhere. */
function byLabel(view: OperatorView): readonly Edge[] {
  const all = workloads(view)
  const byName = Map.groupBy(
    all.flatMap((one) => [...new Set([one.ref.name, one.templateLabels[NAME] ?? one.ref.name])].map((name) => ({ name, one }))),
    ({ name }) => name,
  )
  return all.flatMap((operand): readonly Edge[] => {
    const manager = operand.templateLabels['app.kubernetes.io/managed-by']
    const found = manager === undefined ? [] : (byName.get(manager) ?? []).map(({ one }) => one).filter((one) => one !== operand)
    return found.map((operator) => edgeOf(operator, operand, 'as its label app.kubernetes.io/managed-by says'))
  })
}
const NAME = 'app.kubernetes.io/name'

/** Whose owner is of a kind of its own, by whoever may write the status of that kind: that is what its operator does. */
function byRights(view: OperatorView): readonly Edge[] {
  const owned = workloads(view).filter(isOfCustomKind)
  if (owned.length === 0) return []
  const byAccount = Map.groupBy(workloads(view), ({ namespace, serviceAccount }) => `system:serviceaccount:${namespace}:${serviceAccount}`)
  const writers = derived(view, statusWriters)
  return owned.flatMap((operand) => {
    const { kind } = operand.ref
    const users = writers.get(groupOf(operand)) ?? []
    const mine = users.filter(
      ({ resource, namespace }) => isPluralOf(resource, kind) && (namespace ?? operand.namespace) === operand.namespace,
    )
    const operators = new Set(mine.flatMap(({ user }) => byAccount.get(user) ?? []))
    return [...operators]
      .filter((one) => one !== operand && groupOf(one) !== groupOf(operand))
      .map((operator) => edgeOf(operator, operand, `as it may write the status of kind ${kind}, which owns it`))
  })
}

/** By group of the API: users that may write the status of one of its resources, each by name. `*` everywhere says nothing of what somebody does. */
function statusWriters(view: OperatorView): ReadonlyMap<string, readonly StatusWriter[]> {
  const list = [...grants(view).byUser].flatMap(([user, given]) =>
    given.flatMap(({ rules, namespace }) =>
      rules
        .filter(({ verbs }) => ['update', 'patch', '*'].some((verb) => verbs?.includes(verb)))
        .flatMap(({ apiGroups = [], resources = [] }) =>
          apiGroups
            .filter((group) => group.includes('.'))
            .flatMap((group) =>
              resources
                .filter((resource) => resource === '*' || resource.endsWith('/status'))
                .map((resource) => ({
                  group,
                  user,
                  resource: resource.replace('/status', ''),
                  ...(namespace !== undefined && { namespace }),
                })),
            ),
        ),
    ),
  )
  return Map.groupBy(list, ({ group }) => group)
}
interface StatusWriter {
  readonly user: string
  readonly resource: string
  readonly namespace?: string
}
/** `clusters` of Cluster, `proxies` of Proxy, `redises` of Redis. */
const isPluralOf = (resource: string, kind: string): boolean => {
  const word = kind.toLowerCase()
  return ['*', word, `${word}s`, `${word}es`, word.replace(/y$/, 'ies')].includes(resource)
}
const groupOf = ({ ref }: Workload): string => ref.apiVersion.split('/')[0]!

const isOfCustomKind = ({ ref }: Workload): boolean => ref.apiVersion.includes('.') && !/(^|\.)k8s\.io\//.test(ref.apiVersion)

/** Workloads of a namespace whose owner is of a kind that only some operator knows. */
export const ownedByCustomKinds = (view: TargetView, namespace: string): readonly Workload[] => [
  ...new Set((endsByNamespace(view).get(namespace) ?? []).map(({ workload }) => workload).filter(isOfCustomKind)),
]
