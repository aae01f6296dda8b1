/** Who else may refuse pods: policy engines (controls.md 4.17). */
import type { Json, SpecObject, Unread, View } from '../model/index.ts'
import { ADMISSION_FAMILIES } from './admission-families.ts'
import { policyName } from './admission-policies.ts'
import { gatekeeper } from './gatekeeper.ts'
import { isMapping, list, type Mapping } from './spec-fields.ts'
import type { WorkloadKind } from './workloads.ts'

export const ENGINE_KINDS = [
  'KyvernoClusterPolicy',
  'KyvernoPolicy',
  'KyvernoValidatingPolicy',
  'GatekeeperConstraintTemplate',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
] as const
/** And whether who is behind them is there to answer. */
export const ENGINE_READS = [...ENGINE_KINDS, 'Service', 'GatekeeperConstraints', 'ServerVersion'] as const
type EngineView = View<(typeof ENGINE_READS)[number] | 'Namespace' | WorkloadKind>

export interface Engines {
  /** Does an engine hold this namespace to a Pod Security level? Its words. */
  readonly covering: (namespace: string) => string | undefined
  /** The strictest such level. */
  readonly levelIn: (namespace: string) => 'baseline' | 'restricted' | undefined
  /** Engines that refuse some pods there: whether that amounts to a level is for a human to judge. */
  readonly partialIn: (namespace: string) => readonly string[]
  /** Where Gatekeeper enforces some checks of the baseline level: what it is not seen to refuse, to complete "pods that …". */
  readonly lacksIn: (namespace: string) => readonly string[] | undefined
  /** Of those that hold a namespace to a level: what looks at no ephemeral container. */
  readonly blindIn: (namespace: string) => readonly string[]
}

/** What could not be read of all this. Constraints are nothing to ask for where no template makes a kind of them. */
export function unreadEngines(view: EngineView): readonly Unread[] {
  const isGatekeeper = view.all('GatekeeperConstraintTemplate').length > 0
  const reads = [...ENGINE_KINDS, ...(isGatekeeper ? (['GatekeeperConstraints'] as const) : [])]
  return reads.map((what) => view.unread(what)).filter((one) => one !== undefined)
}

export function engines(view: EngineView): Engines {
  const kyverno = [...view.all('KyvernoClusterPolicy'), ...view.all('KyvernoPolicy')].flatMap((policy) => kyvernoRules(policy))
  const levels = kyverno.filter((rule) => rule.level !== undefined)
  const some = kyverno.filter((rule) => rule.level === undefined).map((rule) => `Kyverno policy ${rule.policy}`)
  const everywhere = [...some, ...celPolicies(view), ...unreadTemplates(view), ...denyingPolicies(view), ...otherEngines(view)]
  const constraints = gatekeeper(view)
  return {
    covering: (namespace) => {
      const rule = levels.find((one) => one.covers(namespace))
      if (rule !== undefined) return `Kyverno policy ${rule.policy} enforces ${rule.level}`
      return constraints.isBaseline(namespace) ? 'Gatekeeper constraints enforce baseline' : undefined
    },
    levelIn: (namespace) => {
      const found = levels.filter((one) => one.covers(namespace)).map((one) => one.level)
      if (found.includes('restricted')) return 'restricted'
      return found.includes('baseline') || constraints.isBaseline(namespace) ? 'baseline' : undefined
    },
    partialIn: (namespace) => [...new Set([...everywhere, ...constraints.doubts(namespace)])],
    lacksIn: constraints.lacks,
    blindIn: (namespace) => (constraints.isBaseline(namespace) ? constraints.blind(namespace) : []),
  }
}

/** A template refuses nothing by itself; what the constraints of its kind say was not read. */
const unreadTemplates = (view: EngineView): string[] =>
  view.unread('GatekeeperConstraints') === undefined
    ? []
    : view
        .all('GatekeeperConstraintTemplate')
        .filter((template) => /^k8spsp/i.test(template.metadata.name))
        .map((template) => `Gatekeeper template ${template.metadata.name}`)

interface KyvernoRule {
  readonly policy: string
  readonly level: 'baseline' | 'restricted' | undefined
  readonly covers: (namespace: string) => boolean
}

function kyvernoRules({ metadata, spec = {} }: SpecObject): KyvernoRule[] {
  return list(spec['rules'])
    .filter(isMapping)
    .flatMap((rule) => {
      const validate = rule['validate']
      if (
        !isMapping(validate) ||
        String(validate['failureAction'] ?? spec['validationFailureAction'] ?? 'Audit').toLowerCase() !== 'enforce'
      )
        return []
      if (!JSON.stringify(rule['match'] ?? {}).includes('"Pod"')) return []
      const podSecurity = validate['podSecurity']
      const level =
        isMapping(podSecurity) &&
        (podSecurity['level'] === 'baseline' || podSecurity['level'] === 'restricted') &&
        podSecurity['exclude'] === undefined
          ? podSecurity['level']
          : undefined
      const namespace = metadata.namespace
      const covers = (name: string) => (namespace === undefined ? isUnconditional(rule) : namespace === name && isUnconditional(rule))
      const plain = level !== undefined && isUnconditional(rule) && list(spec['validationFailureActionOverrides']).length === 0
      return [{ policy: metadata.name, level: plain ? level : undefined, covers }]
    })
}

/** Matches all pods: no names, namespaces, selectors, subjects, exclusions or preconditions narrow it. */
function isUnconditional(rule: Mapping): boolean {
  if (rule['exclude'] !== undefined || rule['preconditions'] !== undefined) return false
  const match = rule['match']
  if (!isMapping(match) || list(match['all']).length > 1) return false
  const filters = [...list(match['any']), ...list(match['all']), ...(match['resources'] === undefined ? [] : [match as Json])].filter(
    isMapping,
  )
  return filters.some((filter) => {
    const resources = filter['resources']
    return (
      Object.keys(filter).every((key) => key === 'resources') &&
      isMapping(resources) &&
      Object.keys(resources).every((key) => key === 'kinds') &&
      list(resources['kinds']).includes('Pod')
    )
  })
}

/** Kyverno's newer policies are CEL: that one denies can be told, what it denies cannot. */
const celPolicies = (view: EngineView): string[] =>
  view
    .all('KyvernoValidatingPolicy')
    .filter((policy) => list(policy.spec?.['validationActions']).includes('Deny') && SETTINGS.test(JSON.stringify(policy.spec ?? {})))
    .map((policy) => `Kyverno ValidatingPolicy ${policy.metadata.name}`)

const SETTINGS = /privileged|hostNetwork|hostPID|hostIPC|hostPath|securityContext|capabilities|runAsNonRoot/
function denyingPolicies(view: EngineView): string[] {
  const denying = new Set(
    view
      .all('ValidatingAdmissionPolicyBinding')
      .filter((binding) => list(binding.spec?.['validationActions']).includes('Deny'))
      .map((binding) => String(binding.spec?.['policyName'])),
  )
  const others = view
    .all('ValidatingAdmissionPolicy')
    .filter(({ metadata: { name }, spec = {} }) => denying.has(name) && !OWN.has(name) && SETTINGS.test(JSON.stringify(spec)))
    .map((policy) => `ValidatingAdmissionPolicy ${policy.metadata.name}`)
  return BASELINE.every((name) => denying.has(name))
    ? [...others, 'the policies of this tool, which together are the baseline level']
    : others
}
/** One alone is no level: what it refuses is known exactly (objects/admission-families.ts). */
const OWN = new Set(ADMISSION_FAMILIES.map(policyName))
const BASELINE = ADMISSION_FAMILIES.filter(({ pss }) => pss?.level === 'baseline').map(policyName)

const OTHERS = /kubewarden|jspolicy|neuvector|stackrox|twistlock|polaris|datree|kubescape/i
function otherEngines(view: EngineView): string[] {
  return view
    .all('ValidatingWebhookConfiguration')
    .filter(
      (configuration) =>
        OTHERS.test(configuration.metadata.name) &&
        (configuration.webhooks ?? []).some(
          (webhook) =>
            webhook.failurePolicy !== 'Ignore' &&
            (webhook.rules ?? []).some((rule) => (rule.resources ?? []).some((resource) => resource === 'pods' || resource === '*')),
        ),
    )
    .map((configuration) => `webhook ${configuration.metadata.name}`)
}
