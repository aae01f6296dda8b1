/** Which policies isolate which pods: a pod that none of them selects takes traffic from everywhere, or sends it anywhere. */
import { derived } from './derived.ts'
import type { IsolationPolicy } from './network-isolating.ts'
import { adminIsolation, ofAdminKind } from './network-isolation-admin.ts'
import { compiledPolicies, POLICY_KINDS, type PolicyView } from './network-policies.ts'
import { isEvery } from './network-ports.ts'
import type { CompiledPolicy, PeerMatch, PolicyRule } from './network-rules.ts'

export { policyTypes } from './network-policy-types.ts'

export const ISOLATION_KINDS = POLICY_KINDS
export type Direction = 'ingress' | 'egress'

/** All policies that isolate in this direction. One that lets everything through isolates in name only and is left out. */
export const isolation = (view: PolicyView, direction: Direction): readonly IsolationPolicy[] =>
  derived(view, direction === 'ingress' ? ingressOf : egressOf)
const ingressOf = (view: PolicyView) => isolationOf(view, 'ingress')
const egressOf = (view: PolicyView) => isolationOf(view, 'egress')

function isolationOf(view: PolicyView, direction: Direction): readonly IsolationPolicy[] {
  const compiled = compiledPolicies(view).filter(({ ref }) => !ofAdminKind(ref))
  // Rule after rule one policy may be compiled into several: what one of them lets through, it lets through. Each of `specs` stands alone.
  const isOpen = (policy: CompiledPolicy): boolean => policy[direction]?.rules.some(allowsAll) === true
  const open = new Set(compiled.filter(isOpen).map(textOf))
  return [
    ...compiled.filter((policy) => !open.has(textOf(policy))).flatMap((policy) => ofCompiled(policy, direction)),
    ...adminIsolation(view, direction),
  ]
}
const textOf = (policy: CompiledPolicy): string | CompiledPolicy => {
  const { apiVersion, kind, namespace, name } = policy.ref
  return kind.startsWith('Cilium') ? policy : [apiVersion, kind, namespace, name].join(' ')
}

function ofCompiled(policy: CompiledPolicy, direction: Direction): IsolationPolicy[] {
  const said = policy[direction]
  if (said === undefined) return []
  const denies = said.rules.filter((rule) => rule.action === 'deny' && rule.vague === undefined && opensEvery(rule))
  const all = said.isolates || denies.some((rule) => rule.peers.some(({ is }) => is === 'everything'))
  const inside = denies.some((rule) => rule.peers.some(isEveryPod))
  if (!all && !inside) return []
  const { ref, namespace, vague } = policy
  return [
    {
      name: nameOf(ref),
      ...(namespace !== undefined && { namespace }),
      selects: (pod) => policy.selects(pod),
      ...(!all && { insideOnly: true }),
      ...(vague !== undefined && { vague }),
    },
  ]
}
/** Whatever label it has, in whatever namespace. */
export const isEveryPod = (peer: PeerMatch): boolean =>
  peer.is === 'pods' && MATCHES_ALL.has(peer.namespaces.key) && MATCHES_ALL.has(peer.pods.key)
const MATCHES_ALL = new Set(['[[],[]]', '{}', '{"matchLabels":{}}', '{"matchExpressions":[]}', 'calico ', 'calico all()'])

const allowsAll = (rule: PolicyRule): boolean =>
  rule.action === 'allow' && rule.vague === undefined && opensEvery(rule) && rule.peers.some(({ is }) => is === 'everything')
/** At whatever destination: a port by its name is never every port. */
const opensEvery = (rule: PolicyRule): boolean => isEvery(rule.ports({ is: 'address', ip: '' }))

const nameOf = ({ apiVersion, kind, name }: CompiledPolicy['ref']): string => {
  const dialect = apiVersion.includes('calico') ? 'Calico ' : apiVersion.includes('antrea') ? 'Antrea ' : ''
  return `${dialect}${kind} ${name}`
}
