/** Cilium's policies, as far as they isolate pods for ingress. https://docs.cilium.io/en/stable/network/kubernetes/policy/ */
import type { Json, LabelSelector, SpecObject } from '../model/index.ts'
import type { IsolationPolicy } from './network-isolation-policy.ts'
import { isEmptySelector, matchesSelector } from './selectors.ts'

type Mapping = { readonly [key: string]: Json }
const isMapping = (value: unknown): value is Mapping => value !== null && typeof value === 'object' && !Array.isArray(value)
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])

/** Each of `spec` and `specs[]` that puts pods into default deny for ingress. Rules for nodes (`nodeSelector`) are none. */
export function ciliumIsolation(policy: SpecObject): IsolationPolicy[] {
  const specs = [policy.spec, ...(policy.specs ?? [])].filter(isMapping)
  return specs.flatMap((spec) => {
    const selector = spec['endpointSelector']
    if (!isMapping(selector) || !isolates(spec)) return []
    const plain = withoutSources(selector as LabelSelector)
    const namespace = policy.metadata.namespace
    return [
      {
        name: `${policy.kind} ${policy.metadata.name}`,
        namespace,
        selectsAll: isEmptySelector(plain),
        selects: (labels, inNamespace) => matchesSelector(plain, withNamespaceLabels(labels, inNamespace)),
      },
    ]
  })
}

function isolates(spec: Mapping): boolean {
  const enable = spec['enableDefaultDeny']
  if (isMapping(enable) && enable['ingress'] === false) return false
  const ingress = list(spec['ingress'])
  if (ingress.length + list(spec['ingressDeny']).length === 0) return false
  return !ingress.some(
    (rule) => isMapping(rule) && rule['toPorts'] === undefined && rule['icmps'] === undefined && list(rule['fromEntities']).includes('all'),
  )
}

/** `k8s:app` and `any:app` are the label `app`. */
function withoutSources(selector: LabelSelector): LabelSelector {
  const bare = (key: string) => key.replace(/^(k8s|any)[:.]/, '')
  return {
    matchLabels: Object.fromEntries(Object.entries(selector.matchLabels ?? {}).map(([key, value]) => [bare(key), value])),
    matchExpressions: (selector.matchExpressions ?? []).map((expression) => ({ ...expression, key: bare(expression.key) })),
  }
}

const withNamespaceLabels = (
  labels: Readonly<Record<string, string>>,
  namespace: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
) => ({
  ...labels,
  'io.kubernetes.pod.namespace': namespace.name,
  ...Object.fromEntries(Object.entries(namespace.labels).map(([key, value]) => [`io.cilium.k8s.namespace.labels.${key}`, value])),
})
