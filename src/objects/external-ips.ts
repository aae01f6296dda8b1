/** What keeps Services from taking external addresses: an admission plugin, a policy, kube-proxy itself. */
import type { SpecObject, Unread, View } from '../model/index.ts'
import { pluginLists } from './admission-plugins.ts'
import { othersUnseen } from './api-servers.ts'
import { deniesEverywhere, EXTERNAL_IPS_POLICY, isAsWritten } from './external-ips-policy.ts'
import { componentFlags, FLAG_LADDER, parsed } from './flags.ts'
import { list } from './spec-fields.ts'

const POLICY_KINDS = [
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'KyvernoClusterPolicy',
  'KyvernoValidatingPolicy',
  'GatekeeperConstraintTemplate',
] as const
export const GUARD_KINDS = [...FLAG_LADDER, ...POLICY_KINDS, 'GatekeeperConstraints', 'ApiServerMetrics'] as const
type GuardView = View<(typeof GUARD_KINDS)[number]>

export interface Guard {
  /** What refuses them, in words; absent where nothing is known to. */
  readonly by?: string
  /** What may refuse them, for a human to judge. */
  readonly doubts: readonly string[]
  /** What could not be read, and might. */
  readonly unread: readonly Unread[]
  /** Why the flags of the API server are not known. */
  readonly flags?: { readonly unknown: string; readonly answer: string }
  /** This tool's policy is there but is not bound, does not refuse, or says something else. */
  readonly idle: boolean
}
export const PLUGIN = 'DenyServiceExternalIPs'

export function externalIpsGuard(view: GuardView): Guard {
  const { instances, unknown } = componentFlags(view, 'kube-apiserver')
  const lists = instances.map(pluginLists)
  const isOn = lists.length > 0 && lists.every(({ enabled, disabled }) => enabled.includes(PLUGIN) && !disabled.includes(PLUGIN))
  const own = view.find('ValidatingAdmissionPolicy', undefined, EXTERNAL_IPS_POLICY)
  const refuses = own !== undefined && isAsWritten(own) && bindingsOf(view, EXTERNAL_IPS_POLICY).some(deniesEverywhere)
  const by = isOn
    ? `admission plugin ${PLUGIN}`
    : refuses
      ? `ValidatingAdmissionPolicy ${EXTERNAL_IPS_POLICY}`
      : (proxyGate(view) ?? constraint(view)?.by ?? counted(view))
  const hasTemplate = view.all('GatekeeperConstraintTemplate').length > 0
  const kinds = [...POLICY_KINDS, ...(hasTemplate ? (['GatekeeperConstraints'] as const) : [])]
  return {
    ...(by !== undefined && { by }),
    doubts: doubts(view),
    unread: kinds.map((kind) => view.unread(kind)).filter((one) => one !== undefined),
    ...(unknown !== undefined && { flags: unknown }),
    idle: own !== undefined && !refuses,
  }
}

const bindingsOf = (view: GuardView, policy: string): readonly SpecObject[] =>
  view.all('ValidatingAdmissionPolicyBinding').filter((binding) => binding.spec?.['policyName'] === policy)

/** kube-proxy told to leave such addresses alone; its ConfigMap is what kubeadm starts it with. */
function proxyGate(view: GuardView): string | undefined {
  const config = parsed(view.find('ConfigMap', 'kube-system', 'kube-proxy')?.data?.['config.conf'])
  const gates = config?.['featureGates'] as Readonly<Record<string, unknown>> | null | undefined
  return gates?.['AllowServiceExternalIPs'] === false ? 'kube-proxy, whose gate AllowServiceExternalIPs is off' : undefined
}

/** The constraint of Gatekeeper's library, where it allows no address and nothing narrows it. */
function constraint(view: GuardView): { readonly by?: string; readonly doubt?: string } | undefined {
  const found = view.fact('GatekeeperConstraints')?.constraints.filter(({ kind }) => /^k8sexternalips$/i.test(kind)) ?? []
  const excluded = view.fact('GatekeeperConstraints')?.excluded ?? []
  const sure = found.find(
    ({ enforcementAction, match, parameters, enforced, cut }) =>
      enforcementAction === 'deny' &&
      cut !== true &&
      enforced === true &&
      excluded.length === 0 &&
      Object.keys(match).every((key) => key === 'kinds') &&
      JSON.stringify(match['kinds'] ?? []).includes('"Service"') &&
      list(parameters['allowedIPs']).length === 0,
  )
  if (sure !== undefined) return { by: `Gatekeeper constraint ${sure.name}` }
  return found[0] === undefined ? undefined : { doubt: `Gatekeeper constraint ${found[0].name}` }
}

/** Evidence E3: the API server counts what it asked the plugin about. Not being counted proves nothing. */
const counted = (view: GuardView): string | undefined =>
  othersUnseen(view, 1) === undefined &&
  (view.fact('ApiServerMetrics')?.samples ?? []).some(
    ({ name, labels, value }) =>
      name === 'apiserver_admission_controller_admission_duration_seconds_count' && labels['name'] === PLUGIN && value > 0,
  )
    ? `admission plugin ${PLUGIN}, by the metrics of one API server`
    : undefined

function doubts(view: GuardView): readonly string[] {
  const speaks = (one: SpecObject): boolean => JSON.stringify(one.spec ?? {}).includes('externalIPs')
  const policies = view
    .all('ValidatingAdmissionPolicy')
    .filter(({ metadata: { name }, ...rest }) => name !== EXTERNAL_IPS_POLICY && speaks({ ...rest, metadata: { name } }))
    .filter(({ metadata }) => bindingsOf(view, metadata.name).some((one) => list(one.spec?.['validationActions']).includes('Deny')))
  const kyverno = [...view.all('KyvernoClusterPolicy'), ...view.all('KyvernoValidatingPolicy')].filter(
    (policy) => speaks(policy) && /"(enforce|deny)"/i.test(JSON.stringify(policy.spec)),
  )
  const gatekeeper = constraint(view)?.doubt
  return [
    ...policies.map(({ metadata }) => `ValidatingAdmissionPolicy ${metadata.name}`),
    ...kyverno.map(({ metadata }) => `Kyverno policy ${metadata.name}`),
    ...(gatekeeper === undefined ? [] : [gatekeeper]),
  ]
}
