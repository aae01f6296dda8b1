/** What helps whoever breaks into a workload to get further, and the control that mends each of it. */
import type { PodSpec, Unread, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { isSocket } from './host-paths.ts'
import { ingressControllerIn } from './ingress-controllers.ts'
import type { PodEnd } from './network-ends.ts'
import { openedBy } from './network-opened.ts'
import { REACH_KINDS, reach } from './network-reach.ts'
import { driftedPods } from './pod-revision.ts'
import { violations } from './pod-security.ts'
import { mountsToken } from './rbac-accounts.ts'
import { WORKLOAD_KINDS, type Workload } from './workloads.ts'

export const ISOLATION_READS = [...new Set([...WORKLOAD_KINDS, ...REACH_KINDS, 'ServiceAccount' as const])]
type IsolationView = View<(typeof ISOLATION_READS)[number]>

export interface Weakness {
  /** Id of the control that judges and mends it. */
  readonly control: string
  /** Completes "it …". */
  readonly words: string
  /** It leads to the node, at once. */
  readonly grave: boolean
}
export interface Isolation {
  readonly weaknesses: readonly Weakness[]
  /** What could not be read, and might be one more. */
  readonly unread: readonly Unread[]
}

const of = (control: string, words: string, grave = false): Weakness => ({ control, words, grave })
/** By the check of the Pod Security Standards. */
const CHECKS: Readonly<Record<string, Weakness>> = {
  privileged: of('pod-privileged', 'runs privileged', true),
  hostPathVolumes: of('pod-hostpath', 'mounts paths of its node', true),
  capabilities_baseline: of('pod-capabilities-added', 'adds capabilities', true),
  windowsHostProcess: of('pod-windows-hostprocess', 'runs as a process of its node', true),
  allowPrivilegeEscalation: of('pod-privilege-escalation', 'may gain privileges'),
  runAsNonRoot: of('pod-run-as-root', 'may run as root'),
  runAsUser: of('pod-run-as-root', 'may run as root'),
}

export function isolationOf(view: IsolationView, workload: Workload): Isolation {
  const specs = [
    { spec: workload.spec, annotations: workload.templateAnnotations },
    ...driftedPods(workload).map(({ pod }) => ({ spec: pod.spec, annotations: pod.metadata.annotations ?? {} })),
  ]
  const byControl = new Map(specs.flatMap((pod) => [...ofPod(pod)]).map((one) => [one.control, one]))
  const unread: Unread[] = []
  // A front door asks the API server where to lead to, and leads everywhere.
  if (ingressControllerIn(workload) === undefined) {
    const accounts = view.unread('ServiceAccount')
    const token = mountsToken(workload, view)
    if (token === 'unseen' && accounts !== undefined) unread.push(accounts)
    else if (token !== 'no') byControl.set('rbac-token-automount', of('rbac-token-automount', 'mounts the token of its service account'))
    const policies = REACH_KINDS.map((kind) => view.unread(kind)).filter((one) => one !== undefined && /Polic/.test(one.what))
    const ends = endsOf(view).get(workload) ?? []
    const isOpen = ends.some(
      (end) => end.hostNetwork || reach(view).isolating(end, 'egress').length === 0 || openedBy(view, end, 'egress').length > 0,
    )
    if (isOpen && policies.length > 0) unread.push(...policies.filter((one) => one !== undefined))
    else if (isOpen) byControl.set('net-default-deny-egress', of('net-default-deny-egress', 'may connect to everywhere'))
  }
  return { weaknesses: [...byControl.values()], unread }
}

function* ofPod(pod: { readonly spec: PodSpec; readonly annotations: Readonly<Record<string, string>> }): Iterable<Weakness> {
  for (const { check } of violations(pod, 'restricted')) if (CHECKS[check] !== undefined) yield CHECKS[check]
  const { hostNetwork, hostPID, hostIPC, volumes } = pod.spec
  if (hostNetwork === true) yield of('pod-host-network', 'shares the network of its node', true)
  if (hostPID === true || hostIPC === true) yield of('pod-host-pid-ipc', 'shares processes or memory of its node', true)
  if ((volumes ?? []).some((volume) => volume?.hostPath != null && isSocket(String(volume.hostPath.path ?? ''), volume.hostPath.type)))
    yield of('pod-runtime-socket', 'mounts a socket of its node', true)
}

const endsOf = (view: IsolationView): ReadonlyMap<Workload, readonly PodEnd[]> => derived(view, groupEnds)
const groupEnds = (view: IsolationView) => Map.groupBy(reach(view).ends, ({ workload }) => workload)
