/** Which resources are namespaced: whether a RoleBinding would grant as much of a rule as a ClusterRoleBinding does, in its namespace. */
import type { PolicyRule } from '../model/index.ts'
import { derived } from './derived.ts'
import { BUILT_IN_RESOURCES } from './rbac-bootstrap.gen.ts'
import { isResourceRule } from './rbac-rules.ts'
import type { ServedView } from './rbac-served.ts'

export type Scope = 'namespaced' | 'cluster' | 'unknown'

/** Kubernetes' own that stand in no namespace (`kubectl api-resources --namespaced=false`), by group. */
const CLUSTER_SCOPED: Readonly<Record<string, string>> = {
  '': 'componentstatuses namespaces nodes persistentvolumes',
  'admissionregistration.k8s.io':
    'mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations',
  'apiextensions.k8s.io': 'customresourcedefinitions',
  'apiregistration.k8s.io': 'apiservices',
  'authentication.k8s.io': 'selfsubjectreviews tokenreviews',
  'authorization.k8s.io': 'selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews',
  'certificates.k8s.io': 'certificatesigningrequests clustertrustbundles',
  'flowcontrol.apiserver.k8s.io': 'flowschemas prioritylevelconfigurations',
  'internal.apiserver.k8s.io': 'storageversions',
  'networking.k8s.io': 'ingressclasses ipaddresses servicecidrs',
  'node.k8s.io': 'runtimeclasses',
  'rbac.authorization.k8s.io': 'clusterrolebindings clusterroles',
  'resource.k8s.io': 'deviceclasses devicetaintrules resourcepoolstatusrequests resourceslices',
  'scheduling.k8s.io': 'priorityclasses',
  'storage.k8s.io': 'csidrivers csinodes storageclasses volumeattachments volumeattributesclasses',
  'storagemigration.k8s.io': 'storageversionmigrations',
}

const CLUSTER_SCOPED_SET: ReadonlySet<string> = new Set(
  Object.entries(CLUSTER_SCOPED).flatMap(([group, resources]) => resources.split(' ').map((resource) => `${group}/${resource}`)),
)
/** Is it one of Kubernetes' own that stand in no namespace? */
export const isClusterScoped = (group: string, resource: string): boolean => CLUSTER_SCOPED_SET.has(`${group}/${resource}`)

/** Of APIs that nearly every cluster adds, and that files do not tell of. */
const ADDED: readonly (readonly [resource: string, Scope])[] = [
  ['metrics.k8s.io/nodes', 'cluster'],
  ['metrics.k8s.io/pods', 'namespaced'],
]

/** Discovery's own word where there is one; of Kubernetes' own kinds it is known without. Subresources are where their resource is. */
export function scopeOf(view: ServedView, group: string, resource: string): Scope {
  const [plural] = resource.split('/') as [string]
  if (group === '*' || plural.startsWith('*')) return 'cluster'
  return known(view).get(`${group}/${plural}`) ?? 'unknown'
}

const known = (view: ServedView): ReadonlyMap<string, Scope> => derived(view, build)
function build(view: ServedView): ReadonlyMap<string, Scope> {
  const scopes = new Map<string, Scope>(ADDED)
  for (const [group, resources] of Object.entries(BUILT_IN_RESOURCES)) {
    const cluster = new Set((CLUSTER_SCOPED[group] ?? '').split(' '))
    for (const resource of resources.split(' ')) scopes.set(`${group}/${resource}`, cluster.has(resource) ? 'cluster' : 'namespaced')
  }
  for (const { group, resources, clusterScoped } of view.fact('ServedResources')?.groups ?? []) {
    if (clusterScoped === undefined) continue
    for (const resource of resources) scopes.set(`${group}/${resource}`, clusterScoped.includes(resource) ? 'cluster' : 'namespaced')
  }
  return scopes
}

/** Of all that the rules touch: `cluster` as soon as one part has no namespace, a path among them. Rules that grant nothing are no matter of scope. */
export function scopeOfRules(view: ServedView, rules: readonly PolicyRule[]): Scope {
  const scopes = rules.flatMap((rule): readonly Scope[] => [
    ...((rule.nonResourceURLs?.length ?? 0) > 0 ? ['cluster' as const] : []),
    ...(isResourceRule(rule)
      ? (rule.apiGroups ?? []).flatMap((group) => rule.resources!.map((resource) => scopeOf(view, group, resource)))
      : []),
  ])
  return scopes.includes('cluster') ? 'cluster' : scopes.includes('unknown') ? 'unknown' : 'namespaced'
}
