/** Calls to a real API server, and audit policies for them, drawn so that every part of a policy decides something. */
import fc from 'fast-check'
import type { AuditPolicy, AuditRequest } from '../../src/objects/audit-policy.ts'

export interface Actor {
  readonly user: string
  readonly groups: readonly string[]
  readonly failedLogin?: true
}
export const ANONYMOUS: Actor = { user: 'system:anonymous', groups: [] }
/** With a token that nobody issued. */
export const NOBODY: Actor = { user: '', groups: [], failedLogin: true }
export const ACTORS: readonly Actor[] = [
  { user: 'alice', groups: ['dev'] },
  { user: 'carol', groups: ['ops', 'dev'] },
  { user: 'system:serviceaccount:a:bot', groups: ['system:serviceaccounts', 'system:serviceaccounts:a'] },
  { user: 'system:node:n1', groups: ['system:nodes'] },
  { user: 'system:kube-proxy', groups: [] },
  ANONYMOUS,
  NOBODY,
]
/** Who it is for the API server, which adds to what the certificate says. */
const whoIs = ({ user, groups, failedLogin }: Actor): Pick<AuditRequest, 'user' | 'groups' | 'failedLogin'> =>
  failedLogin
    ? { user, groups, failedLogin }
    : { user, groups: user === ANONYMOUS.user ? ['system:unauthenticated'] : [...groups, 'system:authenticated'] }

export interface Call {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly request: AuditRequest
}

const RESOURCES: readonly (readonly [
  group: string,
  version: string,
  resource: string,
  subresources: readonly string[],
  namespaced: boolean,
])[] = [
  ['', 'v1', 'pods', ['exec', 'log', 'status', 'portforward', 'ephemeralcontainers'], true],
  ['', 'v1', 'secrets', [], true],
  ['', 'v1', 'configmaps', [], true],
  ['', 'v1', 'serviceaccounts', ['token'], true],
  ['', 'v1', 'endpoints', [], true],
  ['', 'v1', 'events', [], true],
  ['', 'v1', 'nodes', ['status', 'proxy'], false],
  ['', 'v1', 'services', ['status', 'proxy'], true],
  ['apps', 'v1', 'deployments', ['scale', 'status'], true],
  ['rbac.authorization.k8s.io', 'v1', 'clusterroles', [], false],
  ['rbac.authorization.k8s.io', 'v1', 'roles', [], true],
  ['authentication.k8s.io', 'v1', 'tokenreviews', [], false],
  ['discovery.k8s.io', 'v1', 'endpointslices', [], true],
  ['metrics.k8s.io', 'v1beta1', 'nodes', [], false],
  ['k8s-harden.test', 'v1', 'probes', ['scale'], true],
]
const VERBS = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
} as const
const PATHS = [
  '/',
  '/api',
  '/apis',
  '/apis/apps',
  '/healthz',
  '/healthz/etcd',
  '/livez',
  '/version',
  '/openapi/v3',
  '/metrics',
  '/unknown/path',
  '/unknown',
  '/debug/pprof/nothing',
]

const onResource = fc
  .record({
    actor: fc.constantFrom(...ACTORS),
    about: fc.constantFrom(...RESOURCES),
    verb: fc.constantFrom(...(Object.keys(VERBS) as (keyof typeof VERBS)[])),
    namespace: fc.constantFrom('a', 'kube-system'),
    name: fc.constantFrom('x', 'y'),
    sub: fc.nat(),
  })
  .map(
    ({ actor, about: [group, version, resource, subresources, namespaced], verb, namespace, name, sub }): { actor: Actor; call: Call } => {
      const named = !['list', 'watch', 'deletecollection'].includes(verb)
      const subresource = named ? subresources[sub % (subresources.length + 1)] : undefined
      const hasName = named && (verb !== 'create' || subresource !== undefined)
      const path = [
        group === '' ? '/api' : `/apis/${group}`,
        version,
        ...(namespaced ? ['namespaces', namespace] : []),
        resource,
        ...(hasName ? [name] : []),
        ...(subresource === undefined ? [] : [subresource]),
      ].join('/')
      const about = {
        group,
        resource,
        namespace: namespaced ? namespace : '',
        ...(subresource !== undefined && { subresource }),
        ...(hasName && { name }),
      }
      return {
        actor,
        call: {
          method: VERBS[verb],
          path,
          query: verb === 'watch' ? 'watch=1&timeoutSeconds=1' : '',
          request: { ...whoIs(actor), verb, resource: about },
        },
      }
    },
  )
/** A Namespace is in itself, as far as the audit filter is concerned. */
const onNamespace = fc
  .record({
    actor: fc.constantFrom(...ACTORS),
    verb: fc.constantFrom('get', 'update', 'delete', 'list', 'create'),
    name: fc.constantFrom('a', 'kube-system'),
  })
  .map(({ actor, verb, name }): { actor: Actor; call: Call } => {
    const named = verb !== 'list' && verb !== 'create'
    const request = {
      ...whoIs(actor),
      verb,
      resource: { group: '', resource: 'namespaces', namespace: named ? name : '', ...(named && { name }) },
    }
    return {
      actor,
      call: { method: VERBS[verb as keyof typeof VERBS], path: `/api/v1/namespaces${named ? `/${name}` : ''}`, query: '', request },
    }
  })
const onPath = fc
  .record({ actor: fc.constantFrom(...ACTORS), path: fc.constantFrom(...PATHS), method: fc.constantFrom('GET', 'POST', 'HEAD') })
  .map(({ actor, path, method }): { actor: Actor; call: Call } => ({
    actor,
    call: { method, path, query: '', request: { ...whoIs(actor), verb: method.toLowerCase(), path } },
  }))
export const anyCall = fc.oneof(
  { weight: 8, arbitrary: onResource },
  { weight: 1, arbitrary: onNamespace },
  { weight: 2, arbitrary: onPath },
)

const few = <T>(...values: readonly T[]) =>
  fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 0, maxLength: 3 }), { nil: undefined, freq: 2 })
const oneOrTwo = <T>(...values: readonly T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
const anyResources = fc.record({
  group: fc.constantFrom('', '', '', 'apps', 'rbac.authorization.k8s.io', 'k8s-harden.test', '*'),
  resources: oneOrTwo(
    'pods',
    'pods/exec',
    'pods/*',
    'deployments/*',
    'probes',
    '*/status',
    '*/scale',
    'secrets',
    'configmaps',
    'deployments',
    'namespaces',
    'nodes',
    'serviceaccounts/*',
    'services/proxy',
    'roles',
    '*',
  ),
  resourceNames: fc.option(oneOrTwo('x', 'kube-system'), { nil: undefined, freq: 2 }),
})
/** Rules that match little, so that many of them get their turn. */
const anyRule = fc
  .record({
    level: fc.constantFrom('None' as const, 'Metadata' as const, 'Request' as const, 'RequestResponse' as const),
    users: few(...ACTORS.filter((actor) => actor !== NOBODY).map((actor) => actor.user)),
    userGroups: few('dev', 'ops', 'system:nodes', 'system:authenticated', 'system:unauthenticated', 'system:serviceaccounts:a'),
    verbs: few(...Object.keys(VERBS), 'post'),
    about: fc.oneof(
      {
        weight: 1,
        arbitrary: fc.record({ nonResourceURLs: oneOrTwo('/', '/healthz*', '/api*', '/apis/*', '/unknown', '/version', '/livez*', '*') }),
      },
      { weight: 1, arbitrary: fc.record({ namespaces: oneOrTwo('', 'a', 'kube-system'), verbs: oneOrTwo(...Object.keys(VERBS)) }) },
      {
        weight: 5,
        arbitrary: fc.record({
          namespaces: fc.option(oneOrTwo('', 'a', 'kube-system'), { nil: undefined, freq: 2 }),
          resources: fc.array(anyResources, { minLength: 1, maxLength: 2 }),
        }),
      },
    ),
    omitStages: fc.option(fc.constantFrom(['ResponseComplete'], ['ResponseComplete', 'ResponseStarted'], ['Panic']), {
      nil: undefined,
      freq: 4,
    }),
  })
  .map(({ about, ...rule }) => JSON.parse(JSON.stringify({ ...rule, ...about })) as AuditPolicy['rules'][number])
export const anyPolicy = fc.record({
  rules: fc.array(anyRule, { minLength: 25, maxLength: 30 }),
  omitStages: fc.constantFrom(
    ['RequestReceived'],
    ['RequestReceived'],
    [],
    ['ResponseStarted'],
    ['RequestReceived', 'ResponseStarted', 'Panic'],
  ),
}) satisfies fc.Arbitrary<AuditPolicy>
