/** Which policies isolate which pods for ingress: a pod that none of them selects takes traffic from everywhere. */
import type { Json, LabelSelector, NetworkPolicyObject, SpecObject, View } from '../model/index.ts'
import { parseCalicoSelector } from './network-calico-selector.ts'
import { ciliumIsolation } from './network-cilium.ts'
import type { IsolationPolicy, NamespaceFacts } from './network-isolation-policy.ts'
import { isEmptySelector, matchesSelector, namespaceLabels } from './selectors.ts'

export const ISOLATION_KINDS = [
  'NetworkPolicy',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'CalicoNetworkPolicy',
  'CalicoGlobalNetworkPolicy',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
] as const

/** `policyTypes` as the API server fills it in: Ingress always, Egress where there are egress rules. */
export function policyTypes({ spec = {} }: NetworkPolicyObject): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes !== null && spec.policyTypes.length > 0) return spec.policyTypes
  return (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}

/** All policies that isolate for ingress. One that allows everything from everywhere isolates in name only and is left out. */
export function ingressIsolation(view: View<(typeof ISOLATION_KINDS)[number]>): readonly IsolationPolicy[] {
  return [
    ...view.all('NetworkPolicy').flatMap(plainIsolation),
    ...view.all('CiliumNetworkPolicy').flatMap(ciliumIsolation),
    ...view.all('CiliumClusterwideNetworkPolicy').flatMap(ciliumIsolation),
    ...view.all('CalicoNetworkPolicy').flatMap(calicoIsolation),
    ...view.all('CalicoGlobalNetworkPolicy').flatMap(calicoIsolation),
    ...view.all('AdminNetworkPolicy').flatMap(adminIsolation),
    ...view.all('BaselineAdminNetworkPolicy').flatMap(adminIsolation),
  ]
}

function plainIsolation(policy: NetworkPolicyObject): IsolationPolicy[] {
  const { spec = {}, metadata } = policy
  const allowsAll = (spec.ingress ?? []).some((rule) => (rule?.from ?? []).length === 0 && (rule?.ports ?? []).length === 0)
  if (!policyTypes(policy).includes('Ingress') || allowsAll) return []
  const selector = spec.podSelector ?? {}
  return [
    {
      name: `NetworkPolicy ${metadata.name}`,
      namespace: metadata.namespace ?? 'default',
      selectsAll: isEmptySelector(selector),
      selects: (labels) => matchesSelector(selector, labels),
    },
  ]
}

type Mapping = { readonly [key: string]: Json }
const isMapping = (value: unknown): value is Mapping => value !== null && typeof value === 'object' && !Array.isArray(value)
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])

function calicoIsolation({ metadata, kind, spec = {} }: SpecObject): IsolationPolicy[] {
  const types = list(spec['types'])
  const forIngress = types.length > 0 ? types.includes('Ingress') : spec['ingress'] !== undefined || spec['egress'] === undefined
  const allowsAll = list(spec['ingress']).some((rule) => isMapping(rule) && rule['action'] === 'Allow' && Object.keys(rule).length === 1)
  const special = spec['preDNAT'] === true || spec['doNotTrack'] === true || spec['serviceAccountSelector'] !== undefined
  const pods = parseCalicoSelector(String(spec['selector'] ?? ''))
  const namespaces = parseCalicoSelector(String(spec['namespaceSelector'] ?? ''))
  if (!forIngress || allowsAll || special || pods === undefined || namespaces === undefined) return []
  const everything = (text: Json | undefined) => text === undefined || /^\s*(all\(\)|global\(\))?\s*$/.test(String(text))
  return [
    {
      name: `Calico ${kind} ${metadata.name}`,
      namespace: metadata.namespace,
      selectsAll: everything(spec['selector']) && everything(spec['namespaceSelector']),
      selects: (labels, namespace) =>
        pods({ ...labels, 'projectcalico.org/namespace': namespace.name }) &&
        namespaces({ 'projectcalico.org/name': namespace.name, ...namespace.labels }),
    },
  ]
}

/** These isolate nothing by themselves: only a rule that denies all namespaces, on all ports, keeps pods out; it says nothing of the outside. */
function adminIsolation({ metadata, kind, spec = {} }: SpecObject): IsolationPolicy[] {
  const deniesAll = list(spec['ingress']).some(
    (rule) =>
      isMapping(rule) &&
      rule['action'] === 'Deny' &&
      rule['ports'] === undefined &&
      list(rule['from']).some(
        (peer) => isMapping(peer) && isMapping(peer['namespaces']) && isEmptySelector(peer['namespaces'] as LabelSelector),
      ),
  )
  const subject = spec['subject']
  if (!deniesAll || !isMapping(subject)) return []
  const pods = isMapping(subject['pods']) ? subject['pods'] : undefined
  const namespaces = (pods === undefined ? subject['namespaces'] : pods['namespaceSelector']) as LabelSelector | undefined
  const podSelector = pods === undefined ? {} : (pods['podSelector'] as LabelSelector | undefined)
  return [
    {
      name: `${kind} ${metadata.name}`,
      insideOnly: true,
      selectsAll: isEmptySelector(namespaces) && isEmptySelector(podSelector),
      selects: (labels, namespace) => matchesSelector(namespaces, namespace.labels) && matchesSelector(podSelector, labels),
    },
  ]
}

export const namespaceFacts = (view: View<'Namespace'>, name: string): NamespaceFacts => ({
  name,
  labels: namespaceLabels(name, view.find('Namespace', undefined, name)?.metadata.labels),
})
