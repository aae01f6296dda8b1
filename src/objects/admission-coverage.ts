/** Which namespaces something keeps from taking in what a family names: a Pod Security level, a policy engine, a policy of this tool. */
import type { LabelSelector, NamespaceObject, ObjectRef, SpecObject, View } from '../model/index.ts'
import type { AdmissionFamily } from './admission-families.ts'
import { exemptionLabel, isAsWritten, isNeverRefused, policyName } from './admission-policies.ts'
import { gatekeeper } from './gatekeeper.ts'
import { isSystemNamespace } from './ownership.ts'
import { driftedPods } from './pod-revision.ts'
import { checksAt, type JudgedPod, NEWEST_MINOR } from './pod-security.ts'
import { CLUSTER_DEFAULT_KINDS, type ClusterDefault, clusterDefault, defaultLevel } from './pod-security-default.ts'
import { ENGINE_READS, engines } from './pod-security-engines.ts'
import { ENFORCE, isLevel, versionLabel } from './pod-security-labels.ts'
import { namespaceFitness, policyMinor } from './pod-security-namespace.ts'
import { isEmptySelector, matchesSelector, namespaceLabels } from './selectors.ts'
import { minorOf } from './version.ts'
import { WORKLOAD_KINDS, workloads } from './workloads.ts'

export const COVERAGE_KINDS = [...WORKLOAD_KINDS, ...ENGINE_READS, ...CLUSTER_DEFAULT_KINDS] as const
export type CoverageView = View<'Namespace' | (typeof COVERAGE_KINDS)[number]>

export interface Coverage {
  /** Nothing refuses it there. */
  readonly open: readonly string[]
  /** Among them, those where a policy of this tool warns. */
  readonly warned: readonly string[]
  /** Left out by label, or by name in the binding, on the operator's word. */
  readonly exempt: readonly string[]
  /** This tool's policy is there, but says something else by now. */
  readonly altered: boolean
  /** What may cover it all the same, for a human to judge. */
  readonly doubts: readonly string[]
}

/** The namespaces that a policy is for: not the platform's own, and none that is going. */
export const guardedNamespaces = (view: CoverageView): readonly NamespaceObject[] =>
  view.all('Namespace').filter(({ metadata: { name }, status }) => status?.phase !== 'Terminating' && !isPlatform(view, name))
/** The whole cluster needs it, or it holds nothing but what a node needs to be a node: no policy must keep that out. */
export const isPlatform = (view: CoverageView, namespace: string): boolean =>
  isNeverRefused(namespace) || isSystemNamespace(namespace) || namespaceFitness(view).get(namespace)?.platform === true

export function coverage(view: CoverageView, family: AdmissionFamily): Coverage {
  const byDefault = clusterDefault(view)
  const others = engines(view)
  const constraints = gatekeeper(view)
  const policy = view.find('ValidatingAdmissionPolicy', undefined, policyName(family))
  const genuine = policy !== undefined && isAsWritten(family, policy)
  const bindings = genuine
    ? view.all('ValidatingAdmissionPolicyBinding').filter((one) => one.spec?.['policyName'] === policyName(family))
    : []
  const bound = (namespace: NamespaceObject, action: 'Deny' | 'Warn') =>
    bindings.some((binding) => reaches(binding, namespace) && actions(binding).includes(action))
  const open: string[] = []
  const warned: string[] = []
  const exempt: string[] = []
  const doubts = new Set(suspects(view, family))
  for (const namespace of guardedNamespaces(view)) {
    const { name, labels = {} } = namespace.metadata
    const level = family.pss && levelOf(namespace, byDefault)
    if (level !== undefined && holds(level, family)) continue
    const engine = others.levelIn(name)
    if (engine !== undefined && family.pss !== undefined && holds({ level: engine, minor: NEWEST_MINOR }, family)) continue
    if (bound(namespace, 'Deny') || constraints.refuses(name, family)) continue
    if (bindings.some((binding) => leavesOut(binding, name)) || (bindings.length > 0 && Object.hasOwn(labels, exemptionLabel(family)))) {
      exempt.push(name)
      continue
    }
    open.push(name)
    for (const doubt of constraints.doubts(name, family.knownAs)) doubts.add(doubt)
    if (bound(namespace, 'Warn')) warned.push(name)
    const isOpenToAll = byDefault.answers.get(name)?.is === 'admitted'
    if (family.pss !== undefined && 'unseen' in byDefault && labels[ENFORCE] === undefined && !isOpenToAll)
      doubts.add('a cluster-wide Pod Security default')
  }
  return { open, warned, exempt, altered: policy !== undefined && !genuine, doubts: [...doubts] }
}

const actions = ({ spec }: SpecObject): readonly unknown[] => (Array.isArray(spec?.['validationActions']) ? spec['validationActions'] : [])

/** Does a binding hold for all that this tool's policy is about in a namespace? */
function reaches({ spec }: SpecObject, { metadata: { name, labels } }: NamespaceObject): boolean {
  const match = (spec?.['matchResources'] ?? {}) as { readonly [key: string]: object | undefined }
  const isNone = (value: object | undefined) => value === undefined || Object.keys(value).length === 0
  if (!isNone(match['excludeResourceRules']) || !isNone(match['resourceRules']) || spec?.['paramRef'] !== undefined) return false
  if (match['objectSelector'] !== undefined && !isEmptySelector(match['objectSelector'])) return false
  return match['namespaceSelector'] === undefined || matchesSelector(match['namespaceSelector'], namespaceLabels(name, labels))
}

/** By name: whoever wrote the binding meant it. */
function leavesOut({ spec }: SpecObject, namespace: string): boolean {
  const { namespaceSelector } = (spec?.['matchResources'] ?? {}) as { readonly namespaceSelector?: LabelSelector }
  return (namespaceSelector?.matchExpressions ?? []).some(
    ({ key, operator, values }) => key === 'kubernetes.io/metadata.name' && operator === 'NotIn' && values?.includes(namespace) === true,
  )
}

interface Held {
  readonly level: 'baseline' | 'restricted'
  readonly minor: number
}
const holds = ({ level, minor }: Held, { pss }: AdmissionFamily): boolean =>
  pss !== undefined &&
  (pss.level === 'baseline' || level === 'restricted') &&
  pss.checks.every((check) => checksAt(pss.level, minor).includes(check))

/** The level that Pod Security admission holds a namespace to. A value that is no level holds it to restricted: the plugin fails closed. */
function levelOf({ metadata: { name, labels = {} } }: NamespaceObject, byDefault: ClusterDefault): Held | undefined {
  if ('off' in byDefault || ('exempt' in byDefault && byDefault.exempt.includes(name))) return undefined
  const label = labels[ENFORCE]
  if (label === undefined) {
    const held = defaultLevel(name, byDefault)
    return held && { level: held.level, minor: minorOf(held.version) ?? NEWEST_MINOR }
  }
  const level = isLevel(label) ? label : 'restricted'
  return level === 'privileged' ? undefined : { level, minor: minorOf(labels[versionLabel('enforce')]) ?? NEWEST_MINOR }
}

/** Policies of others that go by the family's name: what they refuse, and where, is not read. */
function suspects(view: CoverageView, { knownAs }: AdmissionFamily): string[] {
  const named = (words: string, objects: readonly SpecObject[]) =>
    objects.filter((one) => knownAs.test(one.metadata.name.toLowerCase())).map((one) => `${words} ${one.metadata.name}`)
  return [
    ...named('Kyverno policy', [...view.all('KyvernoClusterPolicy'), ...view.all('KyvernoPolicy')]),
    ...named('Kyverno ValidatingPolicy', view.all('KyvernoValidatingPolicy')),
    ...(view.unread('GatekeeperConstraints') === undefined ? [] : named('Gatekeeper template', view.all('GatekeeperConstraintTemplate'))),
    ...named('ValidatingAdmissionPolicy', view.all('ValidatingAdmissionPolicy')),
  ]
}

/** What runs or would run, in the namespaces given, and would be refused when it is next created. */
export function refusedBy(view: CoverageView, family: AdmissionFamily, isIn: (namespace: string) => boolean): readonly ObjectRef[] {
  const minor = policyMinor(view) ?? NEWEST_MINOR
  const offends = (pod: JudgedPod): boolean => {
    try {
      return family.offends(pod, minor)
    } catch {
      // A pod that cannot be judged may be refused.
      return true
    }
  }
  return workloads(view)
    .filter((workload) => !workload.mirror && isIn(workload.namespace))
    .filter((workload) => {
      const drifted = driftedPods(workload).map(({ pod }) => ({ spec: pod.spec, annotations: pod.metadata.annotations ?? {} }))
      return [{ spec: workload.spec, annotations: workload.templateAnnotations }, ...drifted].some(offends)
    })
    .map((workload) => workload.ref)
}
