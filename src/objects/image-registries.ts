/** Where images come from, and which registries an admission policy of this tool approves. */
import type { KubeObject, SpecObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { parseImage } from './image.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

export const REGISTRY_POLICY = 'k8s-harden-approved-registries'
export const REGISTRIES = 'k8s-harden/registries'
export const POLICY_KINDS = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'] as const

/** Every registry that a workload pulls from, sorted. */
export const seenRegistries = (view: View<WorkloadKind>): readonly string[] =>
  [...new Set(workloads(view).flatMap((workload) => registriesOf(workload)))].sort()

const registriesOf = remembered(({ spec }: Workload): readonly string[] =>
  eachContainer(spec)
    .map(({ container }) => parseImage(container.image ?? '')?.registry)
    .filter((one) => one !== undefined),
)

export interface Approval {
  readonly registries: readonly string[]
  readonly denies: boolean
}

/** The list that is bound to this cluster; undefined where there is none. */
export function approvedRegistries(view: View<(typeof POLICY_KINDS)[number]>): Approval | undefined {
  const policy = view.find('ValidatingAdmissionPolicy', undefined, REGISTRY_POLICY)
  const bindings = view.all('ValidatingAdmissionPolicyBinding').filter((binding) => binding.spec?.['policyName'] === REGISTRY_POLICY)
  const registries = policy === undefined ? [] : listOf(policy)
  if (registries.length === 0 || bindings.length === 0) return undefined
  return { registries, denies: bindings.some((binding) => JSON.stringify(binding.spec?.['validationActions'] ?? []).includes('"Deny"')) }
}

/** From the expression that the API server evaluates, not from an annotation beside it. */
function listOf(policy: SpecObject): string[] {
  const variables = policy.spec?.['variables']
  const variable = Array.isArray(variables)
    ? (variables as { readonly name?: string; readonly expression?: string }[]).find((one) => one?.name === 'registries')
    : undefined
  try {
    const value: unknown = JSON.parse(variable?.expression ?? '[]')
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
  } catch {
    return []
  }
}

/** A policy and its binding. CEL takes the whole host before the first slash, so `registry.example.evil.net` is not `registry.example`. */
export function registryPolicy(
  registries: readonly string[],
  mode: 'Audit' | 'Deny',
  exceptNamespaces: readonly string[],
): readonly [KubeObject, KubeObject] {
  const labels = { 'app.kubernetes.io/managed-by': 'k8s-harden' }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  const first = `image.split('/')[0]`
  const host = `(image.contains('/') && (${first}.contains('.') || ${first}.contains(':') || ${first} == 'localhost') ? ${first} : 'docker.io')`
  const images = (object: string) =>
    ['containers', 'initContainers', 'ephemeralContainers']
      .map((list) => `(has(${object}.spec.${list}) ? ${object}.spec.${list}.map(c, has(c.image) ? c.image : '') : [])`)
      .join(' + ')
  const rule = (resources: string[], operations: string[]) => ({ apiGroups: [''], apiVersions: ['v1'], operations, resources })
  const policy = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: REGISTRY_POLICY, labels },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule(['pods'], ['CREATE', 'UPDATE']), rule(['pods/ephemeralcontainers'], ['UPDATE'])] },
      variables: [
        { name: 'registries', expression: JSON.stringify(registries) },
        { name: 'images', expression: images('object') },
        // What a pod runs already may go on: labels and finalizers of running pods must stay changeable.
        { name: 'before', expression: `oldObject == null ? [] : ${images('oldObject')}` },
      ],
      validations: [
        {
          expression: `variables.images.all(image, image in variables.before || ${host} in variables.registries)`,
          messageExpression: `'images must come from ' + variables.registries.join(', ')`,
        },
      ],
    },
  }
  const binding = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: REGISTRY_POLICY, labels },
    spec: {
      policyName: REGISTRY_POLICY,
      validationActions: mode === 'Deny' ? ['Deny', 'Audit'] : ['Warn', 'Audit'],
      matchResources: {
        namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: exceptNamespaces }] },
      },
    },
  }
  return [policy, binding]
}
