/** Calico's policies as rules. https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy */
import type { SpecObject, View } from '../model/index.ts'
import { lasting, rememberedWith } from './derived.ts'
import { calicoLocal, calicoPeers, type NetworkSets, namespacesOf, podLabels } from './network-calico-peer.ts'
import { calicoPorts } from './network-calico-ports.ts'
import { parseCalicoSelector } from './network-calico-selector.ts'
import { calicoTier } from './network-calico-tier.ts'
import type { PodEnd } from './network-ends.ts'
import type { CompiledPolicy, PolicyRule } from './network-rules.ts'
import { refOf } from './ref.ts'
import { isMapping, list, type Mapping, mapping } from './spec-fields.ts'

const CALICO_KINDS = [
  'CalicoNetworkPolicy',
  'CalicoGlobalNetworkPolicy',
  'CalicoTier',
  'CalicoNetworkSet',
  'CalicoGlobalNetworkSet',
] as const

/** Staged policies are of kinds that are not read: they do nothing. */
export const calicoPolicies = lasting(CALICO_KINDS, (view: View<(typeof CALICO_KINDS)[number]>): readonly CompiledPolicy[] => {
  const networks = networkSets(view)
  const tiers = view.all('CalicoTier')
  const policies = [...view.all('CalicoNetworkPolicy'), ...view.all('CalicoGlobalNetworkPolicy')]
  // Policies of one tier and order stand in the order of their names.
  const together = Map.groupBy(policies, ({ spec = {} }) => `${spec['tier'] ?? 'default'} ${spec['order'] ?? ''}`)
  return [...together.values()].flatMap((group) =>
    group
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0))
      .flatMap((policy, index) => {
        const tier = calicoTier(tiers, String(policy.spec?.['tier'] ?? 'default'))
        return compiled(policy, index, networks, tier.number, tier.passes, tier.vague)
      }),
  )
})

const networkSets = lasting(
  ['CalicoNetworkSet', 'CalicoGlobalNetworkSet'],
  (view): NetworkSets => ({
    sets: [...view.all('CalicoNetworkSet'), ...view.all('CalicoGlobalNetworkSet')],
    unread: view.unread('CalicoNetworkSet') !== undefined || view.unread('CalicoGlobalNetworkSet') !== undefined,
  }),
)

/** Without an order a policy comes last; steps are wide enough apart for the rules of many policies between two orders. */
const LAST = 1e8
const [STEP, STEP_OF_POLICY] = [1e-6, 1e-3]

/** Its rules are asked one after another: a run of rules of one action is one compiled policy, the first also says whom it isolates. */
const compiled = rememberedWith(
  (
    policy: SpecObject,
    index: number,
    networks: NetworkSets,
    tier: number,
    passes: boolean,
    oddTier: string | undefined,
  ): readonly CompiledPolicy[] => {
    const spec = mapping(policy.spec)
    // These two are for interfaces of nodes.
    if (spec['preDNAT'] === true || spec['doNotTrack'] === true) return []
    const namespace = policy.kind === 'NetworkPolicy' ? (policy.metadata.namespace ?? 'default') : undefined
    const { selects, vague = oddTier } = subjectOf(spec, namespace)
    const order = Math.min(typeof spec['order'] === 'number' ? spec['order'] : LAST, LAST) + index * STEP_OF_POLICY
    const base: CompiledPolicy = {
      ref: refOf(policy),
      tier,
      order,
      selects,
      ...(namespace !== undefined && { namespace }),
      ...(vague !== undefined && { vague }),
    }
    const types = typesOf(spec)
    const part = (name: 'ingress' | 'egress', run: Run, isolates: boolean) => ({ [name]: { isolates, rules: run.rules } })
    return (['ingress', 'egress'] as const).flatMap((name): CompiledPolicy[] => {
      if (!types.includes(name)) return []
      const runs = runsOf(spec, name, namespace, networks)
      const first: CompiledPolicy = { ...base, ...part(name, { rules: [] }, !passes) }
      return [
        first,
        ...runs.map((run, at): CompiledPolicy => {
          const { local } = run
          return {
            ...base,
            order: order + at * STEP,
            ...(local && { selects: (pod) => selects(pod) && local(pod) }),
            ...part(name, run, false),
          }
        }),
      ]
    })
  },
)

/** As libcalico-go fills it in: Ingress, unless there are egress rules alone. */
export function typesOf(spec: Mapping): readonly ('ingress' | 'egress')[] {
  const given = list(spec['types']).map((type) => String(type).toLowerCase())
  if (given.length > 0) return (['ingress', 'egress'] as const).filter((name) => given.includes(name))
  if (list(spec['egress']).length === 0) return ['ingress']
  return list(spec['ingress']).length === 0 ? ['egress'] : ['ingress', 'egress']
}

function subjectOf(spec: Mapping, namespace: string | undefined): { selects(pod: PodEnd): boolean; vague?: string } {
  const pods = parseCalicoSelector(String(spec['selector'] ?? ''))
  const namespaces = namespacesOf(namespace === undefined ? String(spec['namespaceSelector'] ?? '') : '')
  const account = String(spec['serviceAccountSelector'] ?? '').trim()
  const odd =
    pods === undefined || namespaces === undefined
      ? 'a selector that is not understood'
      : account === '' || account === 'all()'
        ? undefined
        : 'a selector of service accounts'
  const selects = (pod: PodEnd): boolean =>
    (namespace === undefined || pod.namespace.name === namespace) &&
    (pods?.(podLabels(pod)) ?? true) &&
    (namespaces?.matches(pod.namespace) ?? true)
  return { selects, ...(odd !== undefined && { vague: odd }) }
}

interface Run {
  readonly rules: PolicyRule[]
  /** Of the pods that the policy selects, those that these rules are for. */
  readonly local?: (pod: PodEnd) => boolean
}
const ACTIONS: Readonly<Record<string, PolicyRule['action']>> = { allow: 'allow', deny: 'deny', pass: 'pass', 'next-tier': 'pass' }

function runsOf(spec: Mapping, name: 'ingress' | 'egress', namespace: string | undefined, networks: NetworkSets): readonly Run[] {
  const runs: Run[] = []
  for (const [index, rule] of list(spec[name]).entries()) {
    const action = isMapping(rule) ? ACTIONS[String(rule['action']).toLowerCase()] : undefined
    if (!isMapping(rule) || action === undefined) continue
    const [own, other] = name === 'ingress' ? (['destination', 'source'] as const) : (['source', 'destination'] as const)
    const local = calicoLocal(mapping(rule[own]))
    const { peers, vague, perhaps } = calicoPeers(mapping(rule[other]), namespace, networks)
    const doubt = [vague, local.vague, narrowing(rule)].filter((word) => word !== undefined).join('; ')
    const common = { action, ports: calicoPorts(rule), at: ['spec', name, index] }
    const rules: PolicyRule[] = [
      { ...common, peers, ...(doubt !== '' && { vague: doubt }) },
      ...(perhaps === undefined ? [] : [{ ...common, peers: perhaps.peers, vague: perhaps.why }]),
    ]
    const before = runs.at(-1)
    if (before?.rules[0]?.action === action && before.local === undefined && local.selects === undefined) before.rules.push(...rules)
    else runs.push({ rules, ...(local.selects && { local: local.selects }) })
  }
  return runs
}

/** What else a rule asks for. */
function narrowing(rule: Mapping): string | undefined {
  const source = mapping(rule['source'])
  if (isMapping(rule['http'])) return 'rules about HTTP'
  if (list(source['ports']).length + list(source['notPorts']).length > 0) return 'ports of the source'
  return rule['ipVersion'] !== undefined && rule['ipVersion'] !== null ? 'one version of IP' : undefined
}
