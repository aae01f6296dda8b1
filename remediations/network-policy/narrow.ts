/** Takes those out of a policy that nothing shows to need it, and names the ports where it names none. */
import { remedy } from '../../src/model/define.ts'
import type {
  Finding,
  Json,
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  Proposal,
  Remedy,
  View,
} from '../../src/model/index.ts'
import { END_KINDS, type PodEnd, podEnds } from '../../src/objects/network-ends.ts'
import { isOfFiles, NEED_READS, unreadNeeds } from '../../src/objects/network-needs.ts'
import { rulesOfNetworkPolicy } from '../../src/objects/network-policy-rules.ts'
import { isOpen, needsFor } from '../../src/objects/network-public-pods.ts'
import { areOpposite, type IngressRule, isWholeRange, type OpenRule } from '../../src/objects/network-too-open.ts'
import type { Need } from '../../src/objects/network-workload-needs.ts'
import { isEmptySelector, matchesSelector } from '../../src/objects/selectors.ts'

export const NARROW_READS = [...new Set([...NEED_READS, ...END_KINDS])] as const
type NarrowView = View<(typeof NARROW_READS)[number] | 'NetworkPolicy'>
export type TooOpenEvidence = { readonly rules: readonly OpenRule[] }

export const narrowPolicy: Remedy<TooOpenEvidence> = remedy<TooOpenEvidence>({
  family: 'network-policy',
  reads: [...NARROW_READS, 'NetworkPolicy'],
  options: {
    mode: {
      describe: 'Who may still reach the pods of a policy that lets everybody in',
      default: 'shown',
      choices: [
        { value: 'shown', label: 'pods of the same namespace, and those that objects of the cluster show to need it', risk: 'may-break' },
        { value: 'keep', label: 'everybody, as it is' },
      ],
    },
  },
  propose(finding, { view, options }): Proposal {
    const policy = view.find('NetworkPolicy', finding.subject.namespace, finding.subject.name)
    if (options['mode'] === 'keep') return { byHand: 'left as it is: accept it (--exceptions) if everybody is meant' }
    if (!finding.subject.apiVersion.startsWith('networking.k8s.io/') || policy === undefined)
      return { byHand: 'say in that rule who may connect: the namespaces, or the labels of pods, that the policy is for' }
    if (finding.evidence.rules.some((rule) => rule.with !== undefined))
      return {
        byHand:
          'its ranges make up every address with those of other policies: keep the ranges that are meant in one policy, and take the rest out',
      }
    const unread = unreadNeeds(view).find((one) => !isOfFiles(one))
    if (unread !== undefined) return { refused: `who needs the pods cannot be told: ${unread.because}; to know: ${unread.answer}` }
    const narrowed = narrow(policy, finding, view)
    if (narrowed === undefined)
      return {
        byHand:
          'nothing here shows what is meant: name the namespaces, and the ports that the pods listen on, in each rule for other namespaces',
      }
    return {
      changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['spec', 'ingress'], to: narrowed as unknown as Json }] }],
      risk: 'may-break',
      summary: `narrow NetworkPolicy ${policy.metadata.name} to those that are shown to need its pods`,
      mayBreak: [
        'whoever connects now and is shown by nothing here is cut: host names that are compiled in or built at run time, operators, traffic from outside that no Service or route names',
      ],
    }
  },
})

function narrow(policy: NetworkPolicyObject, { evidence }: Finding<TooOpenEvidence>, view: NarrowView): readonly IngressRule[] | undefined {
  const compiled = rulesOfNetworkPolicy(policy)
  const pods = podEnds(view).filter((pod) => !pod.hostNetwork && compiled.selects(pod))
  const needs = [...new Set(pods.flatMap((pod) => needsFor(view, pod)))]
  const open = new Map(evidence.rules.map((rule) => [rule.index, rule.is]))
  const rules: (readonly IngressRule[] | undefined)[] = (policy.spec?.ingress ?? []).map((rule, index) => {
    const is = open.get(index)
    if (is === undefined) return [rule]
    if (is === 'any label') {
      const from = (rule.from ?? []).map((peer) => pinned(peer, view))
      return from.some((peer) => peer === undefined) ? undefined : [{ ...rule, from: from as readonly NetworkPolicyPeer[] }]
    }
    if (is === 'every port') return withPorts(rule, pods, needs)
    return shown(rule, needs)
  })
  return rules.includes(undefined) ? undefined : distinct(rules.flatMap((list) => list ?? []))
}
const distinct = (rules: readonly IngressRule[]): readonly IngressRule[] => [
  ...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values(),
]

/** Its own namespace on the ports that it names, what else it names, and what is needed from elsewhere on the ports that are needed. */
function shown(rule: IngressRule | null, needs: readonly Need[]): readonly IngressRule[] {
  const ports = rule?.ports ?? []
  const some = ports.length > 0 ? { ports } : {}
  const kept = (rule?.from ?? []).filter(
    (peer, _, all) => !all.some((other) => areOpposite(peer, other)) && !(isEmptySelector(peer.namespaceSelector) || isWholeRange(peer)),
  )
  const inside = kept.filter((peer) => peer.namespaceSelector === undefined)
  const outside = ports.length === 0 ? [] : kept.filter((peer) => peer.namespaceSelector !== undefined)
  const own = inside.some((peer) => isEmptySelector(peer.podSelector)) ? [] : [{ podSelector: {} }]
  return [
    { from: [...own, ...inside, ...outside], ...some },
    // A need of everybody belongs to a policy of its pods alone; the pods of this one are not all public.
    ...needs.map(
      (need): IngressRule => (need.from === undefined || isOpen(need) ? { ports: need.ports } : { from: need.from, ports: need.ports }),
    ),
  ]
}

/** The namespaces that have such pods now, by name; undefined where none has. */
function pinned(peer: NetworkPolicyPeer, view: NarrowView): NetworkPolicyPeer | undefined {
  if (!isEmptySelector(peer.namespaceSelector)) return peer
  const names = new Set(
    podEnds(view)
      .filter((pod) => matchesSelector(peer.podSelector, pod.labels))
      .map(({ namespace }) => namespace.name),
  )
  return {
    ...peer,
    namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...names].sort() }] },
  }
}

/** What the pods say they listen on, and what their Services forward to. */
function withPorts(rule: IngressRule, pods: readonly PodEnd[], needs: readonly Need[]): readonly IngressRule[] | undefined {
  const declared = pods.flatMap(({ workload }) => (workload.spec.containers ?? []).flatMap((container) => container.ports ?? []))
  const all = [
    ...declared.map(({ protocol = 'TCP', containerPort }): NetworkPolicyPort => ({ protocol, port: containerPort })),
    ...needs.flatMap((need) => need.ports),
  ]
  const ports = [...new Map(all.map((port) => [`${port.protocol}/${port.port}`, port])).values()]
  if (ports.length === 0) return undefined
  const isNear = (peer: NetworkPolicyPeer) => peer.namespaceSelector === undefined
  const [near, far] = [(rule.from ?? []).filter(isNear), (rule.from ?? []).filter((peer) => !isNear(peer))]
  return [...(near.length > 0 ? [{ from: near }] : []), { from: far, ports }]
}
