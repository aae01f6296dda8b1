/** Policies that select nothing, or shut their pods in by accident. */
import type { NetworkPolicyObject } from '../model/index.ts'
import type { PodEnd } from './network-ends.ts'
import type { FaultView, PolicyFault } from './network-policy-faults-view.ts'
import { reach } from './network-reach.ts'
import { isEmptySelector, matchesPairs, matchesSelector } from './selectors.ts'

/** By live pods and by templates: of what is scaled to zero, suspended, or about to be rolled out, too. */
export function selectorFaults(view: FaultView, policy: NetworkPolicyObject, here: readonly PodEnd[]): PolicyFault[] {
  const selector = policy.spec?.podSelector ?? {}
  if (isEmptySelector(selector)) return []
  const matching = here.filter((pod) => matchesSelector(selector, pod.labels) || matchesSelector(selector, pod.workload.templateLabels))
  const at = ['spec', 'podSelector']
  if (matching.length === 0) {
    const doubt = dangles(view, policy, here)
    return [
      {
        is: 'dangling',
        at,
        reason: 'selects no pod, and no template of one',
        ...(doubt !== undefined && { review: true, detail: doubt }),
        words: `compare its podSelector with the labels of the pods it is meant for (kubectl -n ${policy.metadata.namespace ?? 'default'} get pods --show-labels); delete it only when you know that nothing will ever match`,
      },
    ]
  }
  if (!matching.every((pod) => pod.hostNetwork)) return []
  return [
    {
      is: 'host network',
      at,
      reason: 'selects only pods on the network of their node, which no policy is for',
      words: 'take the pods off the host network, or keep others out with the firewall of the nodes; this policy does nothing for them',
    },
  ]
}

/** Why pods may come that are not here now. */
function dangles(view: FaultView, { metadata, spec }: NetworkPolicyObject, here: readonly PodEnd[]): string | undefined {
  if (view.source.kind !== 'live') {
    if (here.length === 0) return 'no workload of its namespace is among the files'
    // What an operator makes of a custom resource is in no file, and its Service often is.
    const awaiting = view
      .all('Service')
      .filter((service) => (service.metadata.namespace ?? 'default') === (metadata.namespace ?? 'default'))
      .find(({ spec: { selector } = {} }) => selector && matchesSelector(spec?.podSelector ?? {}, selector) && !here.some(has(selector)))
    if (awaiting !== undefined) return `Service ${awaiting.metadata.name} waits for such pods too, which the files do not hold`
  }
  if ((metadata.ownerReferences ?? []).length > 0) return 'an operator made it, which may make the pods as well'
  const unread = view.unread('CustomResourceDefinition')
  if (unread !== undefined) return `pods may be made by kinds that are not read: ${unread.because}`
  const kinds = view.all('CustomResourceDefinition').filter(({ metadata: { name } }) => !NO_PODS.test(name))
  return kinds.length > 0 ? `pods may be made by other kinds (${kinds.length} custom resources are defined here)` : undefined
}
const has = (labels: Readonly<Record<string, string>>) => (pod: PodEnd) =>
  matchesPairs(labels, pod.labels) || matchesPairs(labels, pod.workload.templateLabels)
/** Groups whose kinds make no pods. */
const NO_PODS =
  /\.(crd\.projectcalico\.org|cilium\.io|gateway\.networking\.k8s\.io|policy\.networking\.k8s\.io|crd\.antrea\.io|snapshot\.storage\.k8s\.io|cert-manager\.io|acme\.cert-manager\.io|networking\.istio\.io|security\.istio\.io|metallb\.io|kyverno\.io|external-secrets\.io)$/

/**
 * `policyTypes` names Egress, but all the policy says is who may come in, and nothing else lets these pods out: their names do not
 * even resolve. A policy for every pod, or one that says so by its name, means to shut them in.
 */
export function accidentFaults(view: FaultView, { spec = {}, metadata }: NetworkPolicyObject, selected: readonly PodEnd[]): PolicyFault[] {
  const looks =
    spec.policyTypes?.includes('Egress') === true &&
    spec.egress === undefined &&
    spec.policyTypes.includes('Ingress') &&
    (spec.ingress ?? []).length > 0 &&
    !isEmptySelector(spec.podSelector ?? {}) &&
    !/deny|isolat|block|lock|quarantine|no-egress|restrict/i.test(metadata.name)
  if (!looks || selected.length === 0) return []
  const { policies } = reach(view)
  const lets = policies.some(
    (policy) => policy.egress?.rules.some(({ action }) => action === 'allow') === true && selected.some((pod) => policy.selects(pod)),
  )
  if (lets) return []
  return [
    {
      is: 'egress by accident',
      at: ['spec', 'policyTypes'],
      reason: 'denies all egress, although its rules are about ingress alone',
      review: true,
      words:
        'take Egress out of its policyTypes, or write what the pods must reach (DNS first) under egress; leave it where they are meant to reach nothing',
    },
  ]
}
