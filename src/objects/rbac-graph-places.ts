/** What is gained at the places of the escalation graph that are no identity: sets of accounts, of pods, nodes. */
import { ADMIN, ANY_NODE, type Edge, PERHAPS_NODE } from './rbac-graph-edges.ts'
import { type Holder, type Holders, keyOfIdentity } from './rbac-graph-subjects.ts'
import type { GraphWorld, Running } from './rbac-graph-world.ts'

/** An edge by which somebody becomes somebody else: it takes no right of its own. */
const step = (to: string, can: string): Edge => ({ to, id: '', can, uses: [] })

/** Pods of one account lead to it by one edge. */
const once = (edges: readonly Edge[]): readonly Edge[] => [...new Set(edges)]

const ALL_ACCOUNTS = 'Group:system:serviceaccounts'

export class Places {
  readonly #holders: Holders
  readonly #world: GraphWorld
  /** Groups of service accounts that are bound to something. */
  readonly #groups: readonly string[]
  readonly #runningIn: ReadonlyMap<string, readonly Running[]>
  readonly #runningOn: ReadonlyMap<string, readonly Running[]>
  /** By namespace and account: whoever is in a pod, or on a node, comes to the same few again and again. */
  readonly #tokens = new Map<string, readonly Edge[]>()

  constructor(holders: Holders, world: GraphWorld) {
    this.#holders = holders
    this.#world = world
    this.#groups = [...holders.byKey.keys()].filter((key) => key.startsWith(ALL_ACCOUNTS))
    this.#runningIn = Map.groupBy(world.running, ({ namespace }) => namespace)
    this.#runningOn = Map.groupBy(world.running, ({ node = '' }) => node)
  }

  /** Where a place leads; nothing for identities and goals. */
  edgesOf(place: string): readonly Edge[] {
    const colon = place.indexOf(':')
    const [kind, rest] = colon < 0 ? [place, ''] : [place.slice(0, colon), place.slice(colon + 1)]
    const slash = rest.indexOf('/')
    const [scope, name] = slash < 0 ? [rest, undefined] : [rest.slice(0, slash), rest.slice(slash + 1)]
    switch (kind) {
      case 'users':
        return [...this.#holders.byKey.values()].filter((one) => one.kind === 'User').map((one) => step(one.key, `act as user ${one.name}`))
      case 'user':
        return this.#known({ kind: 'User', name: rest }, `act as user ${rest}`)
      case 'group':
        return this.#known({ kind: 'Group', name: rest }, `act as a member of ${rest}`)
      case 'operator':
        return this.#accounts(scope, name, () => true, 'act with the rights of')
      case 'impersonated':
        return this.#accounts(scope, name, () => true, 'act as')
      case 'accounts':
      case 'account':
        return this.#accounts(scope, name, (one) => this.#isThere(one), 'run as')
      case 'gone':
        return this.#accounts(scope, name, (one) => !this.#isThere(one), 'run as')
      case 'made':
        return [step(`accounts:${scope}`, ''), ...this.#node(scope, 'own a node by a privileged pod')]
      case 'changed':
        return once(this.#pods(scope, name, (pod) => !pod.mirror).flatMap((pod) => this.#inside(pod)))
      case 'entered':
        return once(this.#pods(scope, name, (pod) => !pod.waits).flatMap((pod) => this.#inside(pod)))
      case 'debugged':
        return once(
          this.#pods(scope, name, (pod) => !pod.mirror).flatMap((pod) => [
            ...this.#token(pod),
            ...this.#node(pod.namespace, 'own its node by a privileged container', pod.node),
          ]),
        )
      case 'moved':
        return once(this.#pods(scope, name, (pod) => !pod.mirror).flatMap((pod) => this.#token(pod)))
      case 'kubelet':
        return once(this.#pods(scope, undefined, (pod) => !pod.mirror && (!name || pod.node === name)).flatMap((pod) => this.#token(pod)))
      case 'node':
        return this.#onNode(rest)
      default:
        return []
    }
  }

  /** Only who is bound to something is worth going to. */
  #known(identity: Parameters<typeof keyOfIdentity>[0], can: string): readonly Edge[] {
    const key = keyOfIdentity(identity)
    return this.#holders.byKey.has(key) ? [step(key, can)] : []
  }

  #isThere({ namespace, name }: Pick<Holder, 'namespace' | 'name'>): boolean {
    return this.#world.accounts?.has(`${namespace}/${name}`) ?? true
  }

  #accounts(scope: string, name: string | undefined, counts: (one: Holder) => boolean, verb: string): readonly Edge[] {
    const { accountsIn, byKey } = this.#holders
    const named =
      scope !== '' && name !== undefined ? byKey.get(keyOfIdentity({ kind: 'ServiceAccount', namespace: scope, name })) : undefined
    const among =
      scope === ''
        ? [...accountsIn.values()].flat()
        : name === undefined
          ? (accountsIn.get(scope) ?? [])
          : named === undefined
            ? []
            : [named]
    const own = among.filter((one) => (name === undefined || one.name === name) && counts(one))
    const groups = scope === '' ? this.#groups : [ALL_ACCOUNTS, `${ALL_ACCOUNTS}:${scope}`].filter((key) => byKey.has(key))
    return [
      ...own.map((one) => step(one.key, `${verb} ${one.namespace}/${one.name}`)),
      ...groups.map((key) => step(key, `${verb} a service account${scope === '' ? '' : ` in ${scope}`}`)),
    ]
  }

  #token(pod: Running): readonly Edge[] {
    if (!pod.token) return []
    const key = `${pod.namespace}/${pod.account}`
    let edges = this.#tokens.get(key)
    if (edges === undefined) this.#tokens.set(key, (edges = this.#accounts(pod.namespace, pod.account, () => true, 'run as')))
    return edges
  }

  #inside(pod: Running): readonly Edge[] {
    const onNode = pod.onNode ? [step(`${ANY_NODE}${pod.node ?? ''}`, `own the node of pod ${pod.namespace}/${pod.name}`)] : []
    return [...this.#token(pod), ...onNode]
  }

  #pods(scope: string, name: string | undefined, counts: (pod: Running) => boolean): readonly Running[] {
    const list = scope === '' ? this.#world.running : (this.#runningIn.get(scope) ?? [])
    const wanted = list.filter((pod) => (name === undefined || pod.name === name) && counts(pod))
    // Many pods of one workload lead to the same places.
    return [
      ...new Map(
        wanted.map((pod) => [`${pod.namespace}/${pod.account}/${pod.token}/${pod.onNode}/${pod.waits}/${pod.node}`, pod]),
      ).values(),
    ]
  }

  /** By a pod or a container that has the node, where the namespace lets it in. */
  #node(scope: string, can: string, node = ''): readonly Edge[] {
    const { open } = this.#world
    const isOpen = scope === '' ? (open.size === 0 ? undefined : [...open.values()].includes(true)) : open.get(scope)
    if (isOpen === false) return []
    return [step(isOpen === true ? `${ANY_NODE}${node}` : PERHAPS_NODE, can)]
  }

  #onNode(node: string): readonly Edge[] {
    const { controlPlane, nodes } = this.#world
    const isControlPlane = node === '' ? controlPlane.size > 0 : controlPlane.has(node)
    const admin = isControlPlane ? [step(ADMIN, 'take the keys of the control plane from its node')] : []
    if (node !== '') return [...admin, ...once((this.#runningOn.get(node) ?? []).flatMap((pod) => this.#token(pod)))]
    return [
      ...admin,
      ...once(this.#world.running.flatMap((pod) => this.#token(pod))),
      ...[...nodes].map((name) => step(`${ANY_NODE}${name}`, '')),
    ]
  }
}
