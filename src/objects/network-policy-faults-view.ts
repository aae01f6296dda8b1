/** What the search for faults of NetworkPolicies looks at, and what it finds. */
import type { Edit, NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort, Path, ServiceObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { CNI_KINDS, networkPlugins } from './network-cni.ts'
import { type PodEnd, podEnds } from './network-ends.ts'
import { REACH_KINDS } from './network-reach.ts'
import { matchesPairs, matchesSelector } from './selectors.ts'

export const FAULT_KINDS = [...new Set([...REACH_KINDS, ...CNI_KINDS, 'Service', 'CustomResourceDefinition'] as const)]
export type FaultView = View<(typeof FAULT_KINDS)[number]>

export type FaultName =
  | 'dangling'
  | 'host network'
  | 'split'
  | 'service port'
  | 'named port'
  | 'endPort'
  | 'sctp'
  | 'cluster address'
  | 'cilium block'
  | 'egress by accident'

export interface PolicyFault {
  readonly is: FaultName
  readonly at: Path
  readonly reason: string
  readonly detail?: string
  /** It may be meant, or work after all. */
  readonly review?: true
  /** Absent: `words` says what a person must do. */
  readonly edits?: readonly Edit[]
  /** What to do, as one clause. */
  readonly words: string
  /** The edit lets through what was not let through before; else it takes away. */
  readonly widens?: boolean
}

/** A rule of either direction, with the pods that the policy selects. */
export interface RuleInPlace {
  readonly namespace: string
  readonly direction: 'ingress' | 'egress'
  readonly side: 'from' | 'to'
  readonly peers: readonly NetworkPolicyPeer[]
  readonly ports: readonly NetworkPolicyPort[]
  readonly at: Path
  readonly selected: readonly PodEnd[]
}

export function rulesIn({ spec = {}, metadata }: NetworkPolicyObject, selected: readonly PodEnd[]): readonly RuleInPlace[] {
  const of = (direction: 'ingress' | 'egress', side: 'from' | 'to'): RuleInPlace[] =>
    (
      (spec[direction] ?? []) as readonly ({ from?: NetworkPolicyPeer[]; to?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] } | null)[]
    ).map((rule, index) => ({
      namespace: metadata.namespace ?? 'default',
      direction,
      side,
      peers: rule?.[side] ?? [],
      ports: rule?.ports ?? [],
      at: ['spec', direction, index],
      selected,
    }))
  return [...of('ingress', 'from'), ...of('egress', 'to')]
}

/** Pods of a peer that names pods; none for a range of addresses. */
export const podsOf = (view: FaultView, peer: NetworkPolicyPeer, namespace: string): readonly PodEnd[] =>
  peer.ipBlock !== undefined
    ? []
    : podEnds(view).filter(
        (pod) =>
          !pod.hostNetwork &&
          (peer.namespaceSelector === undefined || peer.namespaceSelector === null
            ? pod.namespace.name === namespace
            : matchesSelector(peer.namespaceSelector, pod.namespace.labels)) &&
          matchesSelector(peer.podSelector ?? {}, pod.labels),
      )

export const selects = (service: ServiceObject, pod: PodEnd): boolean =>
  (service.metadata.namespace ?? 'default') === pod.namespace.name && matchesPairs(service.spec?.selector, pod.labels)

/** The port of the pods behind a port of a Service; several where a name means different ones. */
export function targetsOf(
  port: NonNullable<NonNullable<ServiceObject['spec']>['ports']>[number],
  pods: readonly PodEnd[],
): readonly number[] {
  const { targetPort = port.port, protocol = 'TCP' } = port
  if (typeof targetPort === 'number') return [targetPort]
  return [...new Set(pods.map((pod) => pod.named.get(`${protocol}/${targetPort}`)).filter((one) => one !== undefined))]
}

/** Cilium enforces here. */
export const isCilium = (view: FaultView): boolean => derived(view, ciliumRuns)
const ciliumRuns = (view: FaultView): boolean => networkPlugins(view).some((plugin) => plugin.name === 'Cilium' && plugin.enforces)
export const ciliumSetting = (view: FaultView, key: string): string =>
  view.find('ConfigMap', 'kube-system', 'cilium-config')?.data?.[key] ?? ''
