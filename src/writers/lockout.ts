/** Never lock out (safety law 7): what a step would take from the operator or from the cluster's own components, before and after it. */

import { canI, whoAmI } from '../apiserver/permissions.ts'
import type { PodObject, PolicyRule, Snapshot, Step } from '../model/index.ts'
import { distribution } from '../objects/distribution.ts'
import { isSystemNamespace } from '../objects/ownership.ts'
import { isKnownMinor } from '../objects/rbac-bootstrap.ts'
import { shippedPart } from '../objects/rbac-drift.ts'
import { type Grant, type Grants, grants, grantsOf, mayI, serviceAccountGroups, serviceAccountUser } from '../objects/rbac-grants.ts'
import { type AccessRequest, covers, type ResourceRequest } from '../objects/rbac-rules.ts'
import { groupOf, refOf } from '../objects/ref.ts'
import { minorOf } from '../objects/version.ts'
import { aggregated } from '../plan/aggregated.ts'
import { sameJson } from '../plan/canonical.ts'
import { applyPlan } from '../plan/in-memory.ts'
import type { Watchman } from '../plan/run.ts'
import { Addresses, type ClusterApi, words } from './cluster-api.ts'
import { refuseOnSystem } from './lockout-system.ts'

const RBAC = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const
const ACCESS = new Set<string>([...RBAC, 'ServiceAccount', 'Namespace'])
interface Identity {
  readonly user: string
  readonly groups: readonly string[]
  readonly words: string
}

export interface LockOutOptions {
  /** What is there now; asked anew for every step. */
  readonly snapshot: () => Snapshot
  /** Steps the run still needs rights for. */
  readonly steps: readonly Step[]
  /** For the API server's authorizer to have seen a change, before asking it; default 500 ms. */
  readonly settleMs?: number
}

export class LockOut implements Watchman {
  readonly #api: ClusterApi
  readonly #options: LockOutOptions
  readonly #addresses: Addresses
  #me: Promise<Identity | string> | undefined
  /** What the operator was allowed just before the step in hand. */
  #held: readonly AccessRequest[] = []
  #isTouched = false

  constructor(api: ClusterApi, options: LockOutOptions) {
    this.#api = api
    this.#options = options
    this.#addresses = new Addresses(api)
  }

  async before(step: Step): Promise<string | undefined> {
    const now = this.#options.snapshot()
    const onSystem = refuseOnSystem(step, now)
    if (onSystem !== undefined) return onSystem
    this.#held = []
    if (!changesAccess(step)) return undefined
    const unread = RBAC.map((kind) => now.unread(kind)).find((one) => one !== undefined)
    if (unread !== undefined) return `what it takes away cannot be foretold: ${unread.because}`
    const me = await (this.#me ??= this.#whoAmI())
    if (typeof me === 'string') return `it changes access rights, and who you are cannot be told: ${me}`
    const then = foretell(now, step)
    if (typeof then === 'string') return then
    const [before, after] = [grants(aggregated(now)), grants(aggregated(then))]
    const requests = (await this.#requests()).filter((request) => mayI(before, me.user, me.groups, request))
    const lost = requests.find((request) => !mayI(after, me.user, me.groups, request))
    if (lost !== undefined) return `you (${me.user}) would lose the right to ${ask(lost)}, which nothing else gives you`
    for (const component of components(now)) {
      const gone = firstLost(needs(now, ownGrants(before, component)), grantsOf(after, component.user, component.groups))
      if (gone !== undefined) return `${component.words} would lose the right to ${gone}, which nothing else gives it`
    }
    // A change that touches nothing of what the operator holds takes nothing away: a few questions, and no hundreds, look after it.
    this.#isTouched = !sameGrants(grantsOf(before, me.user, me.groups), grantsOf(after, me.user, me.groups))
    this.#held = await this.#allowed(this.#isTouched ? requests : requests.slice(0, FEW))
    return undefined
  }

  async after(_step: Step): Promise<string | undefined> {
    if (this.#held.length === 0) return undefined
    if (this.#isTouched) await new Promise((resolve) => setTimeout(resolve, this.#options.settleMs ?? 500))
    const left = await this.#allowed(this.#held)
    const lost = this.#held.find((request) => !left.includes(request))
    return lost === undefined ? undefined : `you have lost the right to ${ask(lost)}`
  }

  async #whoAmI(): Promise<Identity | string> {
    const me = await whoAmI(this.#api)
    return 'username' in me ? { user: me.username, groups: me.groups, words: me.username } : words(me)
  }

  /** The rights without which the operator could neither go on nor take anything back, for the whole cluster and where the plan writes. */
  async #requests(): Promise<readonly AccessRequest[]> {
    const needed = new Map<
      string,
      { readonly group: string; readonly resource: string; readonly verbs: readonly string[]; readonly namespaces: Set<string | undefined> }
    >()
    const need = (group: string, resource: string, verbs: readonly string[], namespace?: string) => {
      const key = `${group}/${resource}`
      const known = needed.get(key) ?? { group, resource, verbs, namespaces: new Set([undefined]) }
      if (known.namespaces.size < MOST_NAMESPACES) known.namespaces.add(namespace)
      needed.set(key, known)
    }
    for (const resource of ['clusterroles', 'roles']) need('rbac.authorization.k8s.io', resource, [...WRITES, 'list', 'bind', 'escalate'])
    for (const resource of ['clusterrolebindings', 'rolebindings']) need('rbac.authorization.k8s.io', resource, [...WRITES, 'list'])
    for (const resource of ['namespaces', 'nodes', 'pods', 'secrets']) need('', resource, ['list'])
    for (const change of this.#options.steps.filter((step) => step.carriedOut === 'live').flatMap((step) => step.changes)) {
      if (change.type !== 'edit' && change.type !== 'create' && change.type !== 'delete') continue
      const ref = change.type === 'create' ? refOf(change.object) : change.target
      const path = await this.#addresses.collection(ref).catch(() => undefined)
      if (path !== undefined) need(groupOf(ref.apiVersion), path.slice(path.lastIndexOf('/') + 1), WRITES, ref.namespace)
    }
    return [...needed.values()].flatMap(({ group, resource, verbs, namespaces }) =>
      [...namespaces].flatMap((namespace) =>
        verbs.map((verb): ResourceRequest => ({ verb, group, resource, ...(namespace !== undefined && { namespace }) })),
      ),
    )
  }

  /** As the API server itself decides: this counts authorizers other than RBAC too. */
  async #allowed(requests: readonly AccessRequest[]): Promise<readonly AccessRequest[]> {
    const answers = await Promise.all(
      requests.map(async (request) => {
        if ('path' in request) return undefined
        const { is, refusal } = await canI(this.#api, request)
        if (refusal === undefined) return is === 'allowed' ? request : undefined
        // No answer is no loss seen, unless it says that we may not even ask any more.
        return refusal.kind === 'forbidden' || refusal.kind === 'unauthorized' ? undefined : request
      }),
    )
    return answers.filter((request) => request !== undefined)
  }
}

/** The cluster after the step, or why that cannot be told: what it changes may be gone since it was scanned. */
function foretell(now: Snapshot, step: Step): Snapshot | string {
  try {
    return applyPlan(now, [step])
  } catch (error) {
    return `what it takes away cannot be foretold: ${(error as Error).message}; scan again`
  }
}

const changesAccess = (step: Step): boolean =>
  step.carriedOut === 'live' &&
  step.changes.some((change) =>
    'target' in change
      ? change.target.kind === 'ServiceAccount' || change.target.kind === 'Namespace'
        ? change.type === 'delete'
        : ACCESS.has(change.target.kind)
      : 'object' in change && change.object.kind === 'ClusterRole',
  )

/** Of the rights to write roles, which come first. */
const FEW = 4
const sameGrants = (before: readonly Grant[], after: readonly Grant[]): boolean =>
  before.length === after.length &&
  before.every(({ binding, role, namespace, rules }, index) => {
    const other = after[index]!
    return binding === other.binding && namespace === other.namespace && (role === other.role || sameJson(rules, other.rules))
  })

const WRITES = ['get', 'create', 'patch', 'update', 'delete'] as const
/** Whoever may write in this many namespaces of the plan may write in the others as well. */
const MOST_NAMESPACES = 20

/**
 * What everybody is given counts only for service accounts that have nothing of their own: others were given what they need by name,
 * and Kubernetes itself binds its named components.
 */
function ownGrants(known: Grants, { user, groups }: Identity): readonly Grant[] {
  const all = grantsOf(known, user, groups)
  const own = all.filter((grant) => grant.isDefault || grant.subject.kind !== 'Group' || !EVERYBODY.has(grant.subject.name))
  return user.startsWith('system:serviceaccount:') && own.every((grant) => EVERYBODY.has(grant.subject.name)) ? all : own
}
const EVERYBODY = new Set(['system:authenticated', 'system:serviceaccounts', 'system:unauthenticated'])

/** Who keeps the cluster running: named components, and the service accounts that pods of system namespaces run as. */
function components(snapshot: Snapshot): readonly Identity[] {
  const named = [
    'system:kube-controller-manager',
    'system:kube-scheduler',
    'system:kube-proxy',
    'system:apiserver',
    'system:volume-scheduler',
  ].map((user) => ({ user, groups: ['system:authenticated'], words: user }))
  const nodes = { user: 'system:node:any', groups: ['system:nodes', 'system:authenticated'], words: 'every node (system:nodes)' }
  const joining = {
    user: 'system:bootstrap:any',
    groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token', 'system:authenticated'],
    words: 'nodes that join (system:bootstrappers)',
  }
  const accounts = new Set<string>()
  for (const pod of snapshot.all('Pod'))
    if (isSystemNamespace(pod.metadata.namespace) && usesItsAccount(pod))
      accounts.add(`${pod.metadata.namespace}/${pod.spec.serviceAccountName ?? 'default'}`)
  // The controller manager's own controllers have no pods.
  for (const account of snapshot.all('ServiceAccount'))
    if (account.metadata.namespace === 'kube-system' && account.metadata.name.endsWith('-controller'))
      accounts.add(`kube-system/${account.metadata.name}`)
  const running = [...accounts].map((account): Identity => {
    const [namespace = '', name = ''] = account.split('/')
    return { user: serviceAccountUser(namespace, name), groups: serviceAccountGroups(namespace), words: `service account ${account}` }
  })
  return [...named, nodes, joining, ...running]
}

/** A static pod has no service account, and a pod without a token does not use the one it has. */
const usesItsAccount = (pod: PodObject): boolean =>
  pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined && pod.spec.automountServiceAccountToken !== false

/** What somebody added to a role of Kubernetes is nothing that its component needs: only a provider, who runs its own, may have had to. */
function needs(now: Snapshot, held: readonly Grant[]): readonly Scoped[] {
  const minor = minorOf(now.source.kubernetes)
  if (!isKnownMinor(minor) || distribution(now).managed) return held
  return held.map((grant) =>
    grant.isDefault && grant.role !== undefined
      ? { namespace: grant.namespace, rules: shippedPart(grant.role, grant.rules, minor) }
      : grant,
  )
}

interface Scoped {
  readonly namespace: string | undefined
  readonly rules: readonly PolicyRule[]
}

/** The first right that is covered no longer, in words. */
function firstLost(before: readonly Scoped[], after: readonly Scoped[]): string | undefined {
  for (const { namespace, rules } of before) {
    const still = after.filter((grant) => grant.namespace === undefined || grant.namespace === namespace).flatMap((grant) => grant.rules)
    const rule = rules.find((one) => !covers(still, one))
    if (rule !== undefined)
      return `${(rule.verbs ?? []).join('/')} ${[...(rule.resources ?? []), ...(rule.nonResourceURLs ?? [])].join(', ')}${namespace === undefined ? '' : ` in ${namespace}`}`
  }
  return undefined
}

const ask = (request: AccessRequest): string =>
  'path' in request
    ? `${request.verb} ${request.path}`
    : `${request.verb} ${request.resource}${request.name === undefined ? '' : ` "${request.name}"`}${request.namespace === undefined ? '' : ` in namespace ${request.namespace}`}`
