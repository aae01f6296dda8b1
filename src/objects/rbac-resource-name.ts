/** What an operator types for a resource, as kubectl takes it: `po`, `deploy`, `Deployment`, `deployments.apps`, `pods/exec`, `/metrics`, `*`. */
import { BUILT_IN_RESOURCES } from './rbac-bootstrap.gen.ts'
import type { Universe } from './rbac-rules.ts'
import { isClusterScoped } from './rbac-scopes.ts'

export interface NamedResource {
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespaced: boolean
  /** The server does not serve it, as far as is known. Rules for it may stand all the same. */
  readonly doubt?: string
}

/** `text` must not begin with `/`: those are paths. The core group comes first, then those of Kubernetes itself, as kubectl prefers them. */
export function resourceNamed(text: string, universe: Universe): NamedResource {
  const slash = text.indexOf('/')
  const [typed, subresource] = slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)]
  const dot = typed.indexOf('.')
  const [word, wanted] =
    dot < 0 ? [typed.toLowerCase(), undefined] : [typed.slice(0, dot).toLowerCase(), typed.slice(dot + 1).toLowerCase()]
  // `*` alone means everything, not everything in the core group.
  if (word === '*') return { group: wanted ?? '*', resource: '*', subresource, namespaced: true }
  const groups = groupsOf(wanted, universe)
  for (const group of groups) {
    const resource = within(universe.resourcesOf(group), word, group)
    if (resource === undefined) continue
    const full = subresource === '' ? resource : `${resource}/${subresource}`
    const isServed = subresource === '' || subresource === '*' || universe.resourcesOf(group).includes(full)
    const doubt = isServed ? {} : { doubt: `no ${full}${inGroup(group)} is known here` }
    // A request for a namespace carries its name as namespace.
    const namespaced = !isClusterScoped(group, resource) || (group === '' && resource === 'namespaces')
    return { group, resource, subresource, namespaced, ...doubt }
  }
  const group = wanted ?? ''
  return { group, resource: word, subresource, namespaced: true, doubt: `no resource ${word}${inGroup(group)} is known here` }
}
const inGroup = (group: string): string => (group === '' ? '' : ` in API group ${group}`)

function groupsOf(wanted: string | undefined, universe: Universe): readonly string[] {
  if (wanted === undefined) {
    const rank = (group: string): number => (group === '' ? 0 : Object.hasOwn(BUILT_IN_RESOURCES, group) ? 1 : 2)
    return universe.groups.toSorted((a, b) => rank(a) - rank(b))
  }
  // `deployments.v1.apps` names a version, too; rights know none.
  const bare = wanted.replace(/^v\d+((alpha|beta)\d+)?(\.|$)/, '')
  return universe.groups.includes(wanted) ? [wanted] : universe.groups.includes(bare) ? [bare] : []
}

/** The plural that is meant: typed as such, in short, or as a kind or singular. */
function within(served: readonly string[], word: string, group: string): string | undefined {
  const short = SHORT[word]
  const tried = [word, ...(short?.group === group ? [short.plural] : []), `${word}s`, `${word}es`, word.replace(/y$/, 'ies')]
  return tried.find((plural) => served.includes(plural))
}

/** kubectl api-resources; discovery says these per server, but they do not change. */
const SHORT: Readonly<Record<string, { readonly group: string; readonly plural: string }>> = Object.fromEntries(
  Object.entries({
    '': 'cm=configmaps cs=componentstatuses ep=endpoints ev=events limits=limitranges ns=namespaces no=nodes pvc=persistentvolumeclaims pv=persistentvolumes po=pods rc=replicationcontrollers quota=resourcequotas sa=serviceaccounts svc=services',
    'apiextensions.k8s.io': 'crd=customresourcedefinitions crds=customresourcedefinitions',
    apps: 'ds=daemonsets deploy=deployments rs=replicasets sts=statefulsets',
    autoscaling: 'hpa=horizontalpodautoscalers',
    batch: 'cj=cronjobs',
    'certificates.k8s.io': 'csr=certificatesigningrequests',
    'networking.k8s.io': 'ing=ingresses netpol=networkpolicies ip=ipaddresses',
    policy: 'pdb=poddisruptionbudgets',
    'scheduling.k8s.io': 'pc=priorityclasses',
    'storage.k8s.io': 'sc=storageclasses vac=volumeattributesclasses',
  }).flatMap(([group, pairs]) =>
    pairs.split(' ').map((pair) => {
      const [short, plural] = pair.split('=') as [string, string]
      return [short, { group, plural }] as const
    }),
  ),
)
