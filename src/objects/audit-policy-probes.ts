/** The requests an audit policy is asked about (controls.md 6.02), and what it gets wrong. */
import { type AuditDecision, type AuditLevel, type AuditPolicy, type AuditRequest, auditDecision, loggedLevel } from './audit-policy.ts'

/**
 * leaks: bodies with credentials are logged · blind: requests for credentials are not logged · dropped: changes and ways in are not logged
 * · anonymous: requests without a login are not logged · unmatched: no rule matches.
 */
export type FaultName = 'leaks' | 'blind' | 'dropped' | 'anonymous' | 'unmatched'
export interface AuditFault {
  readonly fault: FaultName
  /** Index of the rule that decides so; undefined where none matches. */
  readonly rule: number | undefined
  /** Configuration data only, no secrets or tokens. */
  readonly mild: boolean
  /** The requests, in words: `patch secrets in kube-system by a service account`. */
  readonly requests: readonly string[]
}

export interface Actor {
  readonly is: string
  readonly user: string
  readonly groups: readonly string[]
}
export const AUTHENTICATED = 'system:authenticated'
const ACTORS: readonly Actor[] = [
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
const NODE: Actor = { is: 'a kubelet', user: 'system:node:k8s-harden-probe', groups: ['system:nodes', AUTHENTICATED] }
const ANONYMOUS: Actor = { is: 'an anonymous client', user: 'system:anonymous', groups: ['system:unauthenticated'] }

const READS = ['get', 'list', 'watch'] as const
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
const CONNECTS = ['get', 'create'] as const
/** Lists of all namespaces at once are of none. */
const ACROSS = new Set(['list', 'watch'])
const PROBED = 'k8s-harden-probe'
interface Places {
  readonly namespaces: readonly string[]
  readonly names: readonly string[]
}
export const ANYWHERE: Places = { namespaces: [PROBED, 'kube-system'], names: [PROBED] }

interface About {
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly verbs: readonly string[]
  readonly namespaced: boolean
}
const inNamespaces = (group: string, resource: string, verbs: readonly string[], subresource?: string): About => ({
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
export const CHANGES: readonly About[] = [
  inNamespaces(RBAC, 'roles', WRITES),
  inNamespaces(RBAC, 'rolebindings', WRITES),
  clusterWide(RBAC, 'clusterroles', WRITES),
  clusterWide(RBAC, 'clusterrolebindings', WRITES),
  inNamespaces('', 'pods', WRITES),
  inNamespaces('', 'pods', ['update', 'patch'], 'ephemeralcontainers'),
  inNamespaces('', 'serviceaccounts', WRITES),
  ...['exec', 'attach', 'portforward', 'proxy'].map((subresource) => inNamespaces('', 'pods', CONNECTS, subresource)),
  inNamespaces('', 'services', CONNECTS, 'proxy'),
  clusterWide('', 'nodes', CONNECTS, 'proxy'),
  clusterWide(ADMISSION, 'mutatingwebhookconfigurations', WRITES),
  clusterWide(ADMISSION, 'validatingwebhookconfigurations', WRITES),
  clusterWide(ADMISSION, 'validatingadmissionpolicies', WRITES),
  clusterWide(ADMISSION, 'validatingadmissionpolicybindings', WRITES),
  clusterWide('apiextensions.k8s.io', 'customresourcedefinitions', WRITES),
  clusterWide('', 'namespaces', WRITES),
  clusterWide('', 'nodes', WRITES),
  inNamespaces('networking.k8s.io', 'networkpolicies', WRITES),
]
/** What an anonymous client may try, besides a path that nobody serves. Health, version and discovery may be left out. */
const TRIED: readonly About[] = [
  inNamespaces('', 'secrets', ['get', 'list']),
  inNamespaces('', 'pods', ['list', 'create']),
  clusterWide('', 'namespaces', ['list']),
]
/** A group that no policy names: only a catch-all matches. */
const UNHEARD_OF: About = inNamespaces('k8s-harden.test', 'probes', ['create'])

/** All faults, each with the rule it comes from: one entry a fault, rule and mildness. */
export function auditFaults(policy: AuditPolicy): readonly AuditFault[] {
  const found = new Map<
    string,
    { readonly fault: FaultName; readonly rule: number | undefined; readonly mild: boolean; readonly requests: Set<string> }
  >()
  const add = (fault: FaultName, decision: AuditDecision, words: string, mild = false): void => {
    const named = decision.rule === undefined ? 'unmatched' : fault
    const key = `${named} ${decision.rule} ${mild && named === 'leaks'}`
    const entry = found.get(key) ?? { fault: named, rule: decision.rule, mild: mild && named === 'leaks', requests: new Set() }
    entry.requests.add(words)
    found.set(key, entry)
  }
  for (const { request, words } of [...requestsFor(CREDENTIALS, ACTORS), ...requestsFor(CREDENTIALS.slice(0, 1), [NODE])]) {
    const decision = auditDecision(policy, request)
    const level = loggedLevel(decision, request)
    if (level === 'None') add('blind', decision, words)
    else if (holdsBody(level, request.verb)) add('leaks', decision, words, request.resource?.resource === 'configmaps')
  }
  const logged = (fault: FaultName, { request, words }: Asked): void => {
    const decision = auditDecision(policy, request)
    if (loggedLevel(decision, request) === 'None') add(fault, decision, words)
  }
  for (const asked of requestsFor(CHANGES, ACTORS)) logged('dropped', asked)
  for (const asked of requestsFor(TRIED, [ANONYMOUS])) logged('anonymous', asked)
  logged('anonymous', {
    request: { user: ANONYMOUS.user, groups: ANONYMOUS.groups, verb: 'get', path: `/${PROBED}` },
    words: `get an unknown path by ${ANONYMOUS.is}`,
  })
  for (const asked of requestsFor([UNHEARD_OF], ACTORS)) logged('dropped', asked)
  return [...found.values()].map((entry) => ({ ...entry, requests: [...entry.requests] }))
}

/** A request to read has no body of its own; an answer always may have one. */
const holdsBody = (level: AuditLevel, verb: string): boolean =>
  level === 'RequestResponse' || (level === 'Request' && ['create', 'update', 'patch'].includes(verb))

export interface Asked {
  readonly request: AuditRequest
  readonly words: string
}

/** `places`: the namespaces asked about, and the names of objects. */
export function* requestsFor(abouts: readonly About[], actors: readonly Actor[], places: Places = ANYWHERE): Iterable<Asked> {
  for (const { group, resource, subresource, verbs, namespaced } of abouts) {
    for (const verb of verbs)
      for (const namespace of namespaced ? [...places.namespaces, ...(ACROSS.has(verb) ? [''] : [])] : [''])
        for (const actor of actors)
          for (const name of places.names) {
            const named = !['list', 'watch', 'deletecollection'].includes(verb) && (verb !== 'create' || subresource !== undefined)
            const what = {
              group,
              resource,
              namespace: resource === 'namespaces' && named ? name : namespace,
              ...(subresource !== undefined && { subresource }),
              ...(named && { name }),
            }
            yield {
              request: { user: actor.user, groups: actor.groups, verb, resource: what },
              words: `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}${namespace === 'kube-system' ? ' in kube-system' : namespaced && namespace === '' ? ' of all namespaces' : ''} by ${actor.is}`,
            }
          }
  }
}
