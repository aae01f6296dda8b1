import { Discovery } from '../../apiserver/discovery.ts'
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
  const groups = new Map<string, Set<string>>()
  for (const { group, plural, subresources } of found.resources) {
    const names = groups.get(group) ?? new Set()
    groups.set(group, names)
    for (const name of [plural, ...subresources.map((subresource) => `${plural}/${subresource}`)]) names.add(name)
  }
  return { value: { groups: [...groups].map(([group, names]) => ({ group, resources: [...names].sort() })) } }
}
