/** Which workloads run as which service account. */
import type { RbacSubject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { serviceAccountGroups, serviceAccountOf } from './rbac-grants.ts'
import { refText } from './ref.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

/** By `namespace/name` of the service account. */
export const workloadsByAccount = (view: View<WorkloadKind>): ReadonlyMap<string, readonly Workload[]> => derived(view, index)

function index(view: View<WorkloadKind>): ReadonlyMap<string, readonly Workload[]> {
  const byAccount = new Map<string, Workload[]>()
  for (const workload of workloads(view)) {
    const key = `${workload.namespace}/${workload.serviceAccount}`
    const others = byAccount.get(key)
    if (others === undefined) byAccount.set(key, [workload])
    else others.push(workload)
  }
  return byAccount
}

/** The workloads that run as one of these subjects; groups of service accounts are not followed. */
export function workloadsOf(
  view: View<WorkloadKind>,
  subjects: readonly RbacSubject[],
  bindingNamespace: string | undefined,
): readonly Workload[] {
  const byAccount = workloadsByAccount(view)
  return [
    ...new Set(
      subjects.flatMap((subject) => {
        const account = serviceAccountOf(subject, bindingNamespace)
        return account === undefined ? [] : (byAccount.get(`${account.namespace}/${account.name}`) ?? [])
      }),
    ),
  ]
}

/** Those of `workloadsOf`, and with a group of service accounts all that are in it: system:serviceaccounts, that of one namespace, system:authenticated. */
export function workloadsReached(
  view: View<WorkloadKind>,
  subject: RbacSubject,
  bindingNamespace: string | undefined,
): readonly Workload[] {
  if (subject.kind !== 'Group') return workloadsOf(view, [subject], bindingNamespace)
  return workloads(view).filter(({ namespace }) => serviceAccountGroups(namespace).includes(subject.name))
}

/** `Deployment shop/cart (3 pods)`. */
export const workloadText = ({ ref, pods }: Workload): string =>
  `${refText(ref)}${pods.length > 0 && ref.kind !== 'Pod' ? ` (${pods.length} pod${pods.length === 1 ? '' : 's'})` : ''}`
