/** What wildcards stand for: the resources that the API server serves. */
import type { Facts, KubeObject, View } from '../model/index.ts'
import { rememberedWith } from './derived.ts'
import { BUILT_IN_RESOURCES } from './rbac-bootstrap.gen.ts'
import type { Universe } from './rbac-rules.ts'

export type ServedView = View<'ServedResources' | 'CustomResourceDefinition'>

/**
 * Discovery's own answer where there is one; else what Kubernetes itself serves and the custom resources whose definitions are
 * here. `complete` says which: without discovery, resources of aggregated API servers are missing.
 */
export const universeOf = (view: ServedView): Served => build(view.all('CustomResourceDefinition'), view.fact('ServedResources'))
export type Served = Universe & { readonly complete: boolean }

const build = rememberedWith((definitions: readonly KubeObject[], discovered: Facts['ServedResources'] | undefined): Served => {
  const byGroup = new Map<string, Set<string>>()
  const served = (group: string, ...resources: string[]) => {
    if (!byGroup.has(group)) byGroup.set(group, new Set())
    for (const resource of resources) byGroup.get(group)!.add(resource)
  }
  if (discovered !== undefined) for (const { group, resources } of discovered.groups) served(group, ...resources)
  else for (const [group, resources] of Object.entries(BUILT_IN_RESOURCES)) served(group, ...resources.split(' '))
  for (const { metadata } of definitions) {
    // The name of a definition is its plural and its group.
    const dot = metadata.name.indexOf('.')
    const [plural, group] = [metadata.name.slice(0, dot), metadata.name.slice(dot + 1)]
    if (dot > 0) served(group, plural, `${plural}/status`, `${plural}/scale`)
  }
  // The kubelet asks the API server for these; discovery knows nothing of them.
  served('', ...['configz', 'healthz', 'log', 'metrics', 'pods', 'stats'].map((name) => `nodes/${name}`))
  const groups = [...byGroup.keys()].sort()
  return {
    groups,
    resourcesOf: (group) => [...(byGroup.get(group) ?? [])].sort(),
    specialVerbsOf: (group, resource) => SPECIAL_VERBS[`${group}/${resource}`] ?? [],
    complete: discovered !== undefined,
  }
})

/** Verbs that no HTTP method becomes, by group/resource: what built-in components ask the authorizer. */
const SPECIAL_VERBS: Readonly<Record<string, readonly string[]>> = {
  'rbac.authorization.k8s.io/roles': ['bind', 'escalate'],
  'rbac.authorization.k8s.io/clusterroles': ['bind', 'escalate'],
  'certificates.k8s.io/signers': ['approve', 'attest', 'sign'],
  '/serviceaccounts': ['impersonate'],
  '/nodes': ['proxy'],
  '/services': ['proxy'],
  '/pods': ['proxy'],
}
