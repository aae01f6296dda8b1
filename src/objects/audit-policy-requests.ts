/** Requests to ask an audit policy about (controls.md 6.02): what carries credentials, what changes something that matters, and by whom. */
import type { AuditRequest, AuditRule } from './audit-policy.ts'

export interface Actor {
  readonly is: string
  readonly user: string
  readonly groups: readonly string[]
  readonly failedLogin?: true
}
export const AUTHENTICATED = 'system:authenticated'
export const ACTORS: readonly Actor[] = [
  { is: 'a user', user: 'k8s-harden:probe', groups: [AUTHENTICATED] },
  { is: 'an administrator', user: 'kubernetes-admin', groups: ['system:masters', 'kubeadm:cluster-admins', AUTHENTICATED] },
  {
    is: 'a service account',
    user: 'system:serviceaccount:k8s-harden-probe:probe',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:k8s-harden-probe', AUTHENTICATED],
  },
  {
    is: 'a service account of kube-system',
    user: 'system:serviceaccount:kube-system:k8s-harden-probe',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', AUTHENTICATED],
  },
]
export const NODE: Actor = { is: 'a kubelet', user: 'system:node:k8s-harden-probe', groups: ['system:nodes', AUTHENTICATED] }
export const ANONYMOUS: Actor = { is: 'an anonymous client', user: 'system:anonymous', groups: ['system:unauthenticated'] }
/** With a token or a certificate that is not valid; no rule that names users or groups is for it. */
export const NOBODY: Actor = { is: 'somebody whose login fails', user: '', groups: [], failedLogin: true }

const READS = ['get', 'list', 'watch'] as const
export const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
const CONNECTS = ['get', 'create'] as const
/** Lists of all namespaces at once are of none. */
const ACROSS = new Set(['list', 'watch'])
export const PROBED = 'k8s-harden-probe'
export interface Places {
  readonly namespaces: readonly string[]
  readonly names: readonly string[]
}
export const ANYWHERE: Places = { namespaces: [PROBED, 'kube-system'], names: [PROBED] }

export interface About {
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly verbs: readonly string[]
  readonly namespaced: boolean
}
export const inNamespaces = (group: string, resource: string, verbs: readonly string[], subresource?: string): About => ({
  group,
  resource,
  verbs,
  namespaced: true,
  ...(subresource !== undefined && { subresource }),
})
const clusterWide = (group: string, resource: string, verbs: readonly string[], subresource?: string): About => ({
  ...inNamespaces(group, resource, verbs, subresource),
  namespaced: false,
})

export const CREDENTIALS: readonly About[] = [
  inNamespaces('', 'secrets', [...READS, ...WRITES]),
  inNamespaces('', 'configmaps', [...READS, ...WRITES]),
  inNamespaces('', 'serviceaccounts', ['create'], 'token'),
  clusterWide('authentication.k8s.io', 'tokenreviews', ['create']),
]
const RBAC = 'rbac.authorization.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'
const CSR = 'certificates.k8s.io'
export const CHANGES: readonly About[] = [
  ...['roles', 'rolebindings'].map((resource) => inNamespaces(RBAC, resource, WRITES)),
  ...['clusterroles', 'clusterrolebindings'].map((resource) => clusterWide(RBAC, resource, WRITES)),
  inNamespaces('', 'pods', WRITES),
  inNamespaces('', 'pods', ['update', 'patch'], 'ephemeralcontainers'),
  inNamespaces('', 'pods', ['create'], 'eviction'),
  ...['deployments', 'daemonsets', 'statefulsets'].map((resource) => inNamespaces('apps', resource, WRITES)),
  ...['jobs', 'cronjobs'].map((resource) => inNamespaces('batch', resource, WRITES)),
  inNamespaces('', 'serviceaccounts', WRITES),
  ...['exec', 'attach', 'portforward', 'proxy'].map((subresource) => inNamespaces('', 'pods', CONNECTS, subresource)),
  inNamespaces('', 'services', CONNECTS, 'proxy'),
  clusterWide('', 'nodes', CONNECTS, 'proxy'),
  ...['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'].map((resource) => clusterWide(ADMISSION, resource, WRITES)),
  ...['mutating', 'validating'].flatMap((one) =>
    ['policies', 'policybindings'].map((what) => clusterWide(ADMISSION, `${one}admission${what}`, WRITES)),
  ),
  clusterWide('apiextensions.k8s.io', 'customresourcedefinitions', WRITES),
  clusterWide('apiregistration.k8s.io', 'apiservices', WRITES),
  clusterWide(CSR, 'certificatesigningrequests', WRITES),
  clusterWide(CSR, 'certificatesigningrequests', ['update', 'patch'], 'approval'),
  clusterWide('', 'namespaces', WRITES),
  clusterWide('', 'nodes', WRITES),
  inNamespaces('networking.k8s.io', 'networkpolicies', WRITES),
]
/** What a client without a login may try, besides a path that nobody serves. Health, version and discovery may be left out. */
export const TRIED: readonly About[] = [
  inNamespaces('', 'secrets', ['get', 'list']),
  inNamespaces('', 'pods', ['list', 'create']),
  clusterWide('', 'namespaces', ['list']),
]
/** A group that no policy names: only a catch-all matches. */
export const UNHEARD_OF: About = inNamespaces('k8s-harden.test', 'probes', ['create'])

export interface Asked {
  readonly request: AuditRequest
  readonly words: string
}

/** A path that nobody serves. */
export const asksForPath = ({ is, ...actor }: Actor): Asked => ({
  request: { ...actor, verb: 'get', path: `/${PROBED}` },
  words: `get an unknown path by ${is}`,
})

/** `places`: the namespaces asked about, and the names of objects. */
export function* requestsFor(abouts: readonly About[], actors: readonly Actor[], places: Places = ANYWHERE): Iterable<Asked> {
  for (const { group, resource, subresource, verbs, namespaced } of abouts)
    for (const verb of verbs)
      for (const namespace of namespaced ? [...places.namespaces, ...(ACROSS.has(verb) ? [''] : [])] : [''])
        for (const { is, ...actor } of actors)
          for (const name of places.names) {
            const named = !['list', 'watch', 'deletecollection'].includes(verb) && (verb !== 'create' || subresource !== undefined)
            const what = {
              group,
              resource,
              namespace: resource === 'namespaces' && named ? name : namespace,
              ...(subresource !== undefined && { subresource }),
              ...(named && { name }),
            }
            const where = !namespaced || namespace === PROBED ? '' : namespace === '' ? ' of all namespaces' : ` in ${namespace}`
            yield {
              request: { ...actor, verb, resource: what },
              words: `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}${named && name !== PROBED ? ` ${name}` : ''}${where} by ${is}`,
            }
          }
}

/** Who a rule is about; somebody, where it names nobody. A user and a group: whoever is both. */
export function actorsOf({ users = [], userGroups = [] }: AuditRule): readonly Actor[] {
  if (users.length > 0) return users.map((user) => actor(user, userGroups))
  if (userGroups.length === 0) return [ACTORS[0]!]
  return userGroups.map((group) => ({ ...actor(memberOf(group), [group]), is: group }))
}
const actor = (user: string, more: readonly string[]): Actor => ({
  is: user,
  user,
  groups: [...new Set([...more, ...groupsOf(user)])],
})
function memberOf(group: string): string {
  const namespace = /^system:serviceaccounts(?::(.+))?$/.exec(group)
  if (namespace !== null) return `system:serviceaccount:${namespace[1] ?? PROBED}:${PROBED}`
  if (group === 'system:nodes') return NODE.user
  return group === 'system:unauthenticated' ? ANONYMOUS.user : ACTORS[0]!.user
}
/** What the authenticators add to a name. */
function groupsOf(user: string): readonly string[] {
  const namespace = /^system:serviceaccount:([^:]+):/.exec(user)?.[1]
  if (namespace !== undefined) return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED]
  if (user.startsWith('system:node:')) return ['system:nodes', AUTHENTICATED]
  return [user === 'system:anonymous' ? 'system:unauthenticated' : AUTHENTICATED]
}
