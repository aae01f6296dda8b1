/** AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy, as far as they isolate. https://network-policy-api.sigs.k8s.io */
import type { LabelSelector, ObjectRef, SpecObject } from '../model/index.ts'
import type { IsolationPolicy } from './network-isolating.ts'
import type { PolicyView } from './network-policies.ts'
import { isEmptySelector, matchesSelector } from './selectors.ts'
import { isMapping, list, type Mapping, mapping, mappings, texts } from './spec-fields.ts'

export const ofAdminKind = ({ apiVersion }: ObjectRef): boolean => apiVersion.startsWith('policy.networking.k8s.io/')

/** These isolate nothing by themselves: only a rule that denies all on all ports does, for the inside, or where it names every address, for both. */
export const adminIsolation = (view: PolicyView, direction: 'ingress' | 'egress'): IsolationPolicy[] =>
  [...view.all('AdminNetworkPolicy'), ...view.all('BaselineAdminNetworkPolicy'), ...view.all('ClusterNetworkPolicy')].flatMap((policy) =>
    isolationOf(policy, direction),
  )

function isolationOf({ metadata, kind, spec = {} }: SpecObject, direction: 'ingress' | 'egress'): IsolationPolicy[] {
  const side = direction === 'ingress' ? 'from' : 'to'
  const denies = mappings(spec[direction]).filter(
    (rule) => rule['action'] === 'Deny' && list(rule['ports']).length === 0 && list(rule['protocols']).length === 0,
  )
  const peers = denies.flatMap((rule) => mappings(rule[side]))
  const networks = new Set(peers.flatMap((peer) => texts(peer['networks'])))
  const everywhere = networks.has('0.0.0.0/0') && networks.has('::/0')
  const subject = spec['subject']
  if (!isMapping(subject) || !(peers.some(isAllPods) || everywhere)) return []
  const pods = isMapping(subject['pods']) ? subject['pods'] : undefined
  const namespaces = (pods === undefined ? subject['namespaces'] : pods['namespaceSelector']) as LabelSelector | undefined
  const podSelector = pods === undefined ? {} : (pods['podSelector'] as LabelSelector | undefined)
  return [
    {
      name: `${kind} ${metadata.name}`,
      ...(!everywhere && { insideOnly: true }),
      selects: (pod) => matchesSelector(namespaces, pod.namespace.labels) && matchesSelector(podSelector, pod.labels),
    },
  ]
}

function isAllPods(peer: Mapping): boolean {
  const pods = mapping(peer['pods'])
  const isAll = (selector: unknown) => isMapping(selector) && isEmptySelector(selector as LabelSelector)
  return isAll(peer['namespaces']) || (isAll(pods['namespaceSelector']) && isAll(pods['podSelector']))
}
