import { Discovery, isKept } from '../../apiserver/discovery.ts'
import { type Fact, refusedPath } from './fact.ts'

/** Discovery: what a wildcard stands for on this server. Incomplete is no answer: leaving a resource out would take a right away. */
export const servedResources: Fact<'ServedResources'> = async ({ discovery }) => {
  const found = await discovery()
  if (!(found instanceof Discovery)) return refusedPath('/apis', found)
  if (found.silent.size > 0) {
    const groups = [...found.silent].sort().join(', ')
    return {
      unread: { why: 'partial', because: `the servers of these API groups do not answer: ${groups}`, answer: 'kubectl get apiservices' },
    }
  }
  const groups = new Map<string, Record<'names' | 'clusterScoped' | 'kept', Set<string>>>()
  for (const { group, plural, subresources, namespaced, verbs } of found.resources) {
    if (!groups.has(group)) groups.set(group, { names: new Set(), clusterScoped: new Set(), kept: new Set() })
    const { names, clusterScoped, kept } = groups.get(group)!
    for (const name of [plural, ...subresources.map((subresource) => `${plural}/${subresource}`)]) names.add(name)
    if (!namespaced) clusterScoped.add(plural)
    if (isKept(verbs)) kept.add(plural)
  }
  return {
    value: {
      groups: [...groups].map(([group, { names, clusterScoped, kept }]) => ({
        group,
        resources: [...names].sort(),
        clusterScoped: [...clusterScoped].sort(),
        kept: [...kept].sort(),
      })),
    },
  }
}
