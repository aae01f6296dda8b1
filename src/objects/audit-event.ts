/**
 * One event of an audit log (audit.k8s.io v1, v1beta1 and v1alpha1), as the questions that the authorizer was asked for it.
 * Fields from k8s.io/apiserver pkg/apis/audit/v1 types.go; what each stage means from pkg/endpoints/filters/audit.go.
 */

interface UserInfo {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}
export interface AuditEvent {
  readonly auditID?: string
  readonly stage?: string
  readonly requestURI?: string
  readonly verb?: string
  readonly user?: UserInfo
  readonly impersonatedUser?: UserInfo | null
  readonly authenticationMetadata?: { readonly impersonationConstraint?: string }
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
    readonly apiGroup?: string
    readonly apiVersion?: string
  } | null
  readonly responseStatus?: { readonly code?: number } | null
  readonly stageTimestamp?: string
  /** v1alpha1. */
  readonly timestamp?: string
  readonly requestReceivedTimestamp?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** One question, with who asked. `name` and `namespace` are '' where there is none. */
export type Heard = {
  readonly user: string
  readonly groups: readonly string[]
  readonly was: 'allowed' | 'denied'
  readonly derived: boolean
} & (
  | {
      readonly verb: string
      readonly group: string
      readonly resource: string
      readonly subresource: string
      readonly namespace: string
      readonly name: string
      /** The name is not in the log. */
      readonly anyName: boolean
    }
  | { readonly verb: string; readonly path: string }
)
type AboutObject = Extract<Heard, { resource: string }>

/**
 * Empty where nothing was decided: no login (401), a verb that the resource does not have (405, with or without the right), a stage
 * before the answer. A 404, a 409 or a 5xx was let through by the authorizer: whoever gets one now must not get a 403 instead, so it
 * counts as allowed. The authorizer's own word (the annotation) beats the code, for admission answers 403 as well.
 */
export function heardIn(event: AuditEvent): readonly Heard[] {
  const { verb, user, impersonatedUser, annotations } = event
  const code = event.responseStatus?.code
  if (!verb || !user?.username || code === 401 || code === 405) return []
  const decision = annotations?.['authorization.k8s.io/decision']
  const was = decision === 'forbid' || (decision !== 'allow' && code === 403) ? 'denied' : 'allowed'
  const acting = impersonatedUser?.username ? impersonatedUser : user
  const who = { user: acting.username!, groups: acting.groups ?? [], was, derived: false } as const
  const asked = askedIn(event, verb)
  if (asked === undefined) return []
  const own: Heard = { ...who, ...asked }
  return [
    own,
    ...('resource' in own && was === 'allowed' ? [...creation(own, code), ...besides(own)] : []),
    ...(acting === user ? [] : impersonation(user, acting, event.authenticationMetadata?.impersonationConstraint, own)),
  ]
}

type Asked = { [K in 'path']: { verb: string; path: string } }['path'] | Omit<AboutObject, 'user' | 'groups' | 'was' | 'derived'>

/** Names come as the authorizer saw them, but for what is created: there the server fills in the name of the object afterwards. */
function askedIn({ objectRef, requestURI = '' }: AuditEvent, verb: string): Asked | undefined {
  const query = requestURI.indexOf('?')
  if (!objectRef?.resource) {
    const path = query < 0 ? requestURI : requestURI.slice(0, query)
    return path === '' ? undefined : { verb, path }
  }
  const { resource, subresource = '', namespace = '', name = '', apiGroup = '' } = objectRef
  const nameless = verb === 'deletecollection' || (verb === 'create' && subresource === '')
  const selects = (verb === 'list' || verb === 'watch') && name === '' && query >= 0
  return {
    verb,
    group: apiGroup,
    resource,
    subresource,
    namespace,
    name: nameless ? '' : selects ? selectedName(requestURI.slice(query + 1)) : name,
    anyName: false,
  }
}

/** `fieldSelector=metadata.name=X` of a query; '' where none selects one name. */
function selectedName(query: string): string {
  if (!query.includes('metadata.name')) return ''
  const selector = new URLSearchParams(query).get('fieldSelector') ?? ''
  return /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(selector)?.[1] ?? ''
}

// ── what the API server asks besides ───────────────────────────────────────────────────────────
const WRITES = new Set(['create', 'update', 'patch'])
const RBAC = 'rbac.authorization.k8s.io'
const CERTIFICATES = 'certificates.k8s.io'

/**
 * What a patch or an update has made (201: server-side apply, pkg/endpoints/handlers/patch.go) was asked as `create`, too; the next
 * object will have another name. A WebSocket begins with GET, and from 1.35 on the server asks for `create` besides
 * (AuthorizePodWebsocketUpgradeCreatePermission).
 */
function creation(own: AboutObject, code: number | undefined): readonly Heard[] {
  const { verb, group, resource, subresource } = own
  if (verb === 'get' && group === '' && CONNECTS.has(`${resource}/${subresource}`)) return [{ ...own, verb: 'create', derived: true }]
  const made = code === 201 && (verb === 'patch' || verb === 'update') && subresource === ''
  return made ? [{ ...own, verb: 'create', name: '', anyName: true }] : []
}
const CONNECTS = new Set(['pods/exec', 'pods/attach', 'pods/portforward'])

/** Whether it was asked depends on what was written, which the log need not hold. */
function besides({ user, groups, was, verb, group, resource, subresource, namespace }: AboutObject): readonly Heard[] {
  const also = (extra: string, ofGroup: string, of: string, where = ''): Heard => ({
    ...{ user, groups, was, derived: true, subresource: '', name: '', anyName: true },
    ...{ verb: extra, group: ofGroup, resource: of, namespace: where },
  })
  if (!WRITES.has(verb)) return []
  if (group === RBAC && subresource === '') {
    if (resource === 'rolebindings') return [also('bind', RBAC, 'roles', namespace), also('bind', RBAC, 'clusterroles', namespace)]
    if (resource === 'clusterrolebindings') return [also('bind', RBAC, 'clusterroles')]
    if (resource === 'roles' || resource === 'clusterroles') return [also('escalate', RBAC, resource, namespace)]
  }
  if (group !== CERTIFICATES) return []
  if (resource === 'certificatesigningrequests' && subresource === 'approval') return [also('approve', CERTIFICATES, 'signers')]
  if (subresource === 'status') return [also('sign', CERTIFICATES, 'signers')]
  return resource === 'clustertrustbundles' ? [also('attest', CERTIFICATES, 'signers')] : []
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/
const AUTHENTICATION = 'authentication.k8s.io'

/**
 * What the one who impersonates was asked for (pkg/endpoints/filters/impersonation). Groups that the server adds by itself may
 * have been asked for or not. `constraint`: the mode of constrained impersonation (`impersonate:user-info`, 1.36), absent for plain `impersonate`.
 */
function impersonation(by: UserInfo, acting: UserInfo, constraint: string | undefined, own: Heard): readonly Heard[] {
  const verb = constraint || 'impersonate'
  const group = constraint ? AUTHENTICATION : ''
  const who = { user: by.username!, groups: by.groups ?? [], was: 'allowed', derived: false } as const
  const about = (ofGroup: string, resource: string, name: string, more: { namespace?: string; subresource?: string } = {}): Heard => ({
    ...{ ...who, verb, group: ofGroup, resource, name, namespace: '', subresource: '', anyName: false },
    ...more,
  })
  const [, namespace, account] = SERVICE_ACCOUNT.exec(acting.username!) ?? []
  const added = new Set([
    'system:authenticated',
    'system:unauthenticated',
    ...(namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]),
  ])
  const isNode = constraint?.endsWith('-node') === true
  const groups = (acting.groups ?? []).filter((one) => !(isNode && one === 'system:nodes'))
  return [
    isNode
      ? about(group, 'nodes', constraint === 'impersonate:associated-node' ? '*' : acting.username!.replace(/^system:node:/, ''))
      : account === undefined
        ? about(group, 'users', acting.username!)
        : about(group, 'serviceaccounts', account, { namespace: namespace! }),
    ...groups.map((one) => ({ ...about(group, 'groups', one), derived: added.has(one) })),
    ...(acting.uid ? [about(AUTHENTICATION, 'uids', acting.uid)] : []),
    ...Object.entries(acting.extra ?? {}).flatMap(([key, values]) =>
      values.map((value) => about(AUTHENTICATION, 'userextras', value, { subresource: key })),
    ),
    ...(constraint ? [{ ...own, ...who, verb: `impersonate-on:${constraint.slice('impersonate:'.length)}:${own.verb}` }] : []),
  ]
}
