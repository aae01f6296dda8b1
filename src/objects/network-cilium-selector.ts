/** Cilium's selectors of endpoints: labels of the pod, of its namespace and of its identity in one. */
import type { LabelSelector } from '../model/index.ts'
import type { PodEnd } from './network-ends.ts'
import { namespaceNamed, namespacesBy, podsBy } from './network-policy-rules.ts'
import type { PeerMatch } from './network-rules.ts'
import { matchesSelector } from './selectors.ts'

const NAMESPACE = 'io.kubernetes.pod.namespace'
const OF_NAMESPACE = 'io.cilium.k8s.namespace.labels.'
const ACCOUNT = 'io.cilium.k8s.policy.serviceaccount'

type Expression = NonNullable<LabelSelector['matchExpressions']>[number]
interface Parts {
  /** Over the labels of the namespace. */
  readonly namespaces: LabelSelector
  readonly pods: LabelSelector
  /** Over one label, `account`. */
  readonly accounts: LabelSelector
  /** Says of which namespaces itself: a namespaced policy then means others than its own. */
  readonly namesNamespaces: boolean
  /** What it asks for besides, which cannot be told from here. */
  readonly odd?: string
}

/** `k8s:app`, `any:app` and `app` are the label `app`; keys of other sources are no labels of Kubernetes. */
function partsOf(selector: LabelSelector): Parts {
  const pairs = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): Expression => ({ key, operator: 'In', values: [String(value)] }),
  )
  const by = { namespaces: [] as Expression[], pods: [] as Expression[], accounts: [] as Expression[] }
  let [namesNamespaces, odd] = [false, undefined as string | undefined]
  for (const expression of [...pairs, ...(selector.matchExpressions ?? [])]) {
    const [, source = 'any', key = ''] = /^(?:([a-z0-9-]+):)?(.*)$/s.exec(expression.key) ?? []
    const add = (to: keyof typeof by, name: string) => by[to].push({ ...expression, key: name })
    if (source !== 'k8s' && source !== 'any') odd = `${expression.key} is an identity of Cilium's own`
    else if (key === 'io.cilium.k8s.policy.cluster') odd = `${key} is about other clusters`
    else if (key === ACCOUNT) add('accounts', 'account')
    else if (key === NAMESPACE) add('namespaces', 'kubernetes.io/metadata.name')
    else if (key.startsWith(OF_NAMESPACE)) add('namespaces', key.slice(OF_NAMESPACE.length))
    else add('pods', key)
    namesNamespaces ||= key === NAMESPACE || key.startsWith(OF_NAMESPACE)
  }
  const of = (matchExpressions: Expression[]): LabelSelector => ({ matchExpressions })
  return { namespaces: of(by.namespaces), pods: of(by.pods), accounts: of(by.accounts), namesNamespaces, ...(odd !== undefined && { odd }) }
}

/** The endpoints of a policy; `namespace` is absent for a clusterwide one. */
export function ciliumSubject(selector: LabelSelector, namespace?: string): { selects(pod: PodEnd): boolean; vague?: string } {
  const { [`k8s:${NAMESPACE}`]: replaced, ...matchLabels } = selector.matchLabels ?? {}
  // In a namespaced policy Cilium puts its own namespace in that place, whatever was written.
  const parts = partsOf(namespace === undefined || replaced === undefined ? selector : { ...selector, matchLabels })
  return {
    selects: (pod) =>
      (namespace === undefined || pod.namespace.name === namespace) &&
      matchesSelector(parts.namespaces, pod.namespace.labels) &&
      matchesSelector(parts.pods, pod.labels) &&
      matchesSelector(parts.accounts, { account: accountOf(pod) }),
    ...(parts.odd !== undefined && { vague: parts.odd }),
  }
}
const accountOf = ({ pod, workload }: PodEnd): string => pod?.spec?.serviceAccountName ?? workload.serviceAccount

/** One of `fromEndpoints`; with what it asks for beyond labels. */
export function ciliumPeer(selector: LabelSelector, namespace?: string): { readonly peer: PeerMatch; readonly vague?: string } {
  const { namespaces, pods, accounts, namesNamespaces, odd } = partsOf(selector)
  const byAccount = (accounts.matchExpressions ?? []).length > 0 ? 'a selector by service account' : undefined
  const vague = odd ?? byAccount
  // Identities that are reserved are no pods of a namespace: no more can be said than that.
  if (odd?.startsWith('reserved:') === true) return { peer: { is: 'vague', why: odd } }
  return {
    peer: {
      is: 'pods',
      namespaces: namespace !== undefined && !namesNamespaces ? namespaceNamed(namespace) : namespacesBy(namespaces),
      pods: podsBy(pods),
    },
    ...(vague !== undefined && { vague }),
  }
}
