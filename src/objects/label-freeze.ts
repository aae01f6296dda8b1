/** A ValidatingAdmissionPolicy of this tool that freezes the Pod Security labels of namespaces for whoever could not switch it off. */
import type { KubeObject, View } from '../model/index.ts'
import { isEmptySelector } from './selectors.ts'

export const FREEZE_KINDS = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'] as const
export const FREEZE = 'k8s-harden-pod-security-labels'

const API_VERSION = 'admissionregistration.k8s.io/v1'
const LABELS = { 'app.kubernetes.io/managed-by': 'k8s-harden' }
/** Every label of either side is the same on the other (a blank is no value of a label); who may write such policies could take this one away as well. */
const SAME = (one: string, other: string) =>
  `variables.${one}.all(key, !key.startsWith('pod-security.kubernetes.io/') || variables.${other}[?key].orValue(' ') == variables.${one}[key])`
const EXPRESSION = [
  `(${SAME('now', 'before')} && ${SAME('before', 'now')})`,
  "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies').check('update').allowed()",
].join(' || ')
const VARIABLES = [
  { name: 'now', expression: 'object.metadata.?labels.orValue({})' },
  { name: 'before', expression: 'oldObject.metadata.?labels.orValue({})' },
]
const RESOURCES = ['namespaces', 'namespaces/status', 'namespaces/finalize']

/** The policy and its binding, with the server's defaults written out. */
export const freezePolicy = (): readonly KubeObject[] => {
  const policy = {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: FREEZE, labels: LABELS },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: RESOURCES, scope: '*' }],
      },
      variables: VARIABLES,
      validations: [
        { expression: EXPRESSION, message: 'Pod Security labels are changed by who may update validatingadmissionpolicies only' },
      ],
    },
  }
  const binding = {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: FREEZE, labels: LABELS },
    spec: { policyName: FREEZE, validationActions: ['Deny', 'Audit'] },
  }
  return [policy, binding]
}

/** Is it there as written, and bound for every namespace so that it denies? One of somebody else's making is not recognised. */
export function isFrozen(view: View<(typeof FREEZE_KINDS)[number]>): boolean {
  const spec = view.find('ValidatingAdmissionPolicy', undefined, FREEZE)?.spec as PolicySpec | undefined
  const match = spec?.matchConstraints
  const genuine =
    spec !== undefined &&
    spec.failurePolicy !== 'Ignore' &&
    (spec.matchConditions ?? []).length === 0 &&
    JSON.stringify(spec.variables?.map(({ name, expression }) => ({ name, expression }))) === JSON.stringify(VARIABLES) &&
    spec.validations?.some(({ expression }) => expression === EXPRESSION) === true &&
    [match?.namespaceSelector, match?.objectSelector].every((selector) => selector === undefined || isEmptySelector(selector)) &&
    (match?.excludeResourceRules ?? []).length === 0 &&
    match?.resourceRules?.some(
      ({ operations, resources, resourceNames = [] }) =>
        operations?.includes('UPDATE') && resourceNames.length === 0 && RESOURCES.every((one) => resources?.includes(one)),
    ) === true
  return (
    genuine &&
    view.all('ValidatingAdmissionPolicyBinding').some(({ spec: bound }) => {
      const { policyName, validationActions, matchResources = {} } = (bound ?? {}) as BindingSpec
      const { matchPolicy: _, ...limits } = matchResources
      return (
        policyName === FREEZE &&
        validationActions?.includes('Deny') === true &&
        Object.values(limits).every((limit) => limit === null || Object.keys(limit as object).length === 0)
      )
    })
  )
}

interface PolicySpec {
  readonly failurePolicy?: string
  readonly matchConditions?: readonly unknown[]
  readonly variables?: readonly { readonly name?: string; readonly expression?: string }[]
  readonly validations?: readonly { readonly expression?: string }[]
  readonly matchConstraints?: {
    readonly namespaceSelector?: object
    readonly objectSelector?: object
    readonly excludeResourceRules?: readonly unknown[]
    readonly resourceRules?: readonly {
      readonly operations?: readonly string[]
      readonly resources?: readonly string[]
      readonly resourceNames?: readonly string[]
    }[]
  }
}
interface BindingSpec {
  readonly policyName?: string
  readonly validationActions?: readonly string[]
  readonly matchResources?: { readonly matchPolicy?: string; readonly [limit: string]: unknown }
}
