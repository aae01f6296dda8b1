/** ValidatingAdmissionPolicies of this tool: how one is written for a family, and whether one that is there still says that. */
import type { Json, KubeObject, SpecObject } from '../model/index.ts'
import { ADMISSION_FAMILIES, type AdmissionFamily } from './admission-families.ts'
import { remembered } from './derived.ts'
import { NEWEST_MINOR } from './pod-security.ts'
import { isEmptySelector } from './selectors.ts'
import { isMapping, list, type Mapping } from './spec-fields.ts'

/** What keeps a cluster alive must start whatever a policy says; nobody but administrators may write there. */
export const NEVER_REFUSED = ['kube-system', 'kube-public', 'kube-node-lease'] as const
export const isNeverRefused = (namespace: string): boolean => (NEVER_REFUSED as readonly string[]).includes(namespace)
/** The first version whose servers evaluate such policies without a feature gate (KEP-3488). */
export const POLICIES_SINCE = 30

export type GuardMode = 'Warn' | 'Deny'
export const policyName = (family: AdmissionFamily): string => `k8s-harden-${family.id}`
/** On a Namespace: its pods are not held to this family. The value does not matter. */
export const exemptionLabel = (family: AdmissionFamily): string => `k8s-harden/exempt-${family.id}`
export const actionsOf = (mode: GuardMode): readonly string[] => (mode === 'Deny' ? ['Deny', 'Audit'] : ['Warn', 'Audit'])

const API_VERSION = 'admissionregistration.k8s.io/v1'
const LABELS = { 'app.kubernetes.io/managed-by': 'k8s-harden' }

/** The pod template in any of the nine kinds that make pods; a pod is its own. Told by shape, since requests for subresources name other kinds. */
const templateIn = (object: 'object' | 'oldObject'): string =>
  `has(dyn(${object}).template) ? dyn(${object}).template : has(dyn(${object}).spec.jobTemplate) ? dyn(${object}).spec.jobTemplate.spec.template : has(dyn(${object}).spec.template) ? dyn(${object}).spec.template : dyn(${object})`

const rule = (apiGroup: string, resources: string[], operations = ['CREATE', 'UPDATE']) => ({
  apiGroups: [apiGroup],
  apiVersions: ['v1'],
  operations,
  resources,
  // Defaults are written out, here and below, so that what is stored is what was sent.
  scope: '*',
})
const PODS = [rule('', ['pods']), rule('', ['pods/ephemeralcontainers'], ['UPDATE'])]
const TEMPLATES = [
  rule('', ['podtemplates', 'replicationcontrollers']),
  rule('apps', ['daemonsets', 'deployments', 'replicasets', 'statefulsets']),
  rule('batch', ['cronjobs', 'jobs']),
]

/** The policy: it says no to nobody until it is bound. */
export function guardPolicy(family: AdmissionFamily, minor: number): KubeObject {
  const policy = {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: {
      name: policyName(family),
      labels: LABELS,
      annotations: {
        'k8s-harden/exempt': `Label a Namespace ${exemptionLabel(family)} to leave its pods out. Only who may update the Namespace object itself can do that, which the roles admin and edit do not allow.`,
      },
    },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: family.podsOnly === true ? PODS : [...PODS, ...TEMPLATES],
      },
      variables: [
        { name: 'template', expression: templateIn('object') },
        { name: 'spec', expression: 'variables.template.spec' },
        // What is there already may go on: labels, finalizers, status and scale of it must stay changeable.
        { name: 'unchanged', expression: `oldObject != null && (${templateIn('oldObject')}).spec == variables.spec` },
        { name: 'annotations', expression: 'variables.template.?metadata.?annotations.orValue({})' },
        {
          name: 'containers',
          expression:
            'variables.spec.containers + variables.spec.?initContainers.orValue([]) + variables.spec.?ephemeralContainers.orValue([])',
        },
        { name: 'offenders', expression: family.offenders(minor) },
      ],
      validations: [
        {
          expression: 'variables.unchanged || variables.offenders.size() == 0',
          message: family.demand,
          messageExpression: `variables.offenders.join(', ') + ' ${family.demand}'`,
        },
      ],
    },
  }
  return policy
}

export function guardBinding(family: AdmissionFamily, mode: GuardMode, except: readonly string[]): KubeObject {
  const binding = {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: policyName(family), labels: LABELS },
    spec: {
      policyName: policyName(family),
      validationActions: actionsOf(mode),
      matchResources: {
        matchPolicy: 'Equivalent',
        objectSelector: {},
        namespaceSelector: {
          matchExpressions: [
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [...NEVER_REFUSED, ...except] },
            { key: exemptionLabel(family), operator: 'DoesNotExist' },
          ],
        },
      },
    },
  }
  return binding
}

/** Does the policy refuse what this tool would write it to refuse? Judged by what the API server evaluates; one for another minor version counts. */
export const isAsWritten = (family: AdmissionFamily, policy: SpecObject): boolean =>
  policy.spec !== undefined &&
  policy.spec['failurePolicy'] !== 'Ignore' &&
  list(policy.spec['matchConditions']).length === 0 &&
  policy.spec['paramKind'] === undefined &&
  isWide(policy.spec['matchConstraints'], family) &&
  textsOf(family).has(essence(policy))

function isWide(constraints: Json | undefined, family: AdmissionFamily): boolean {
  if (!isMapping(constraints) || list(constraints['excludeResourceRules']).length > 0) return false
  const isOpen = (selector: Json | undefined) => selector === undefined || isEmptySelector(selector as object)
  if (!isOpen(constraints['namespaceSelector']) || !isOpen(constraints['objectSelector'])) return false
  const wanted = family.podsOnly === true ? PODS : [...PODS, ...TEMPLATES]
  const given = list(constraints['resourceRules']).filter(isMapping)
  return wanted.every((one) => given.some((other) => covers(other, one)))
}
function covers(given: Mapping, wanted: ReturnType<typeof rule>): boolean {
  if (list(given['resourceNames']).length > 0 || given['scope'] === 'Cluster') return false
  return (['apiGroups', 'apiVersions', 'operations', 'resources'] as const).every((field) =>
    wanted[field].every((value) => list(given[field]).includes(value)),
  )
}

const textsOf = remembered((family: AdmissionFamily): ReadonlySet<string> => {
  const minors = Array.from({ length: NEWEST_MINOR - POLICIES_SINCE + 1 }, (_, index) => POLICIES_SINCE + index)
  return new Set(minors.map((minor) => essence(guardPolicy(family, minor))))
})
const essence = (policy: SpecObject): string =>
  JSON.stringify([
    list(policy.spec?.['variables'])
      .filter(isMapping)
      .map(({ name, expression }) => [name, expression]),
    list(policy.spec?.['validations'])
      .filter(isMapping)
      .map(({ expression }) => expression),
  ])

export const familyOf = (id: string): AdmissionFamily | undefined => ADMISSION_FAMILIES.find((family) => family.id === id)
