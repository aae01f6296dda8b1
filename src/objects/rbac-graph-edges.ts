/**
 * What one holder's powers lead to, primitive by primitive (controls.md 7(a)). To cluster-admin: E01, E02, E03, E05 (groups), E21, E23,
 * E29 (aws-auth), E06 through whoever is acted as. To a node: E10/E11/E14 where the namespace lets privileged pods in, E12–E14 into such a pod, E16, E20, E27, E21 as a
 * kubelet. To other identities only: E05 (users, accounts), E06, E07–E14, E28, E32. With a node of
 * one's own also E17 and E18. Noted elsewhere and no edge here: E04 (rights already held), E15, E19 (a node that is not there yet holds
 * nothing), E22 (needs the key of the CA), E24–E26, E30, E31, E33–E37.
 */

import type { Grant } from './rbac-grants.ts'
import { nodesActedAs } from './rbac-graph-acting.ts'
import { type Edge, waysTo } from './rbac-graph-gains.ts'
import { makersOf } from './rbac-graph-makers.ts'
import { operatedBy } from './rbac-graph-operators.ts'
import { ontoNode } from './rbac-graph-own-node.ts'
import type { PartName } from './rbac-graph-parts.ts'
import { EVERY_NAMESPACE, type Gain, inText, type Power, type Powered, scopeOf, type Way } from './rbac-graph-subjects.ts'
import type { GraphWorld } from './rbac-graph-world.ts'

export const ADMIN = 'cluster-admin'
export const ANY_NODE = 'node:'
/** A node, if the namespace does not refuse privileged pods, which cannot be seen. */
export const PERHAPS_NODE = 'node?'

export type { Edge }
export const rootsOf = ({ roots, uses }: Edge): readonly Power[] => roots ?? uses

const NODE_USER = 'system:node:'

export class EdgeFinder {
  readonly #powers: Powered
  readonly #world: GraphWorld
  readonly #bound: readonly (Grant | Gain)[]
  readonly edges: Edge[] = []

  constructor(powers: Powered, world: GraphWorld, bound: readonly (Grant | Gain)[] = []) {
    this.#powers = powers
    this.#bound = bound
    this.#world = world
  }

  find(): readonly Edge[] {
    for (const power of this.#powers.everything) this.#admin(power)
    if (this.#powers.parts.size === 0) return this.edges
    this.#impersonation()
    this.#asNode()
    this.#secrets()
    this.#pods()
    for (const { to, can, power } of operatedBy(this.#powers, this.#world.operators)) this.#add(to, 'E32', can, power)
    this.#nodes()
    this.#certificates()
    this.#admission()
    return this.edges
  }

  /** What rights of several identities lead to, each used by the one that holds it. `node`: one of those has a node. */
  findJoint(node: Way | undefined): readonly Edge[] {
    for (const power of this.#powers.everything) this.#admin(power)
    this.#secrets()
    this.#pods()
    this.#certificates()
    this.#admission()
    if (node !== undefined) this.edges.push(...ontoNode(this.#powers, node))
    return this.edges
  }

  #admin(power: Power): void {
    if (power.gained === undefined) this.#add(ADMIN, 'E01', 'do everything', power)
    // The last step is the one that gives it.
    for (const { steps, roots } of power.gained?.ways ?? [])
      this.edges.push({ to: ADMIN, ...steps.at(-1)!, before: steps.slice(0, -1), roots })
  }

  #held(part: PartName): readonly Power[] {
    return this.#powers.parts.get(part) ?? []
  }

  #add(to: string, id: string, can: string, ...uses: readonly Power[]): void {
    for (const { steps, roots } of waysTo(uses)) this.edges.push({ to, id, can, uses, ...(steps.length > 0 && { before: steps, roots }) })
  }

  /** Each power of the first part with the first one of the second that is good in the same scope; '' where both are good everywhere. */
  *#together(
    one: readonly Power[],
    other: readonly Power[],
    fits: (other: Power, one: Power) => boolean = () => true,
  ): Iterable<readonly [scope: string, Power, Power]> {
    for (const a of one) {
      const done = new Set<string>()
      // Good everywhere first: then no single namespace needs to be told.
      for (const b of [...other].sort((x, y) => scopeOf(x).length - scopeOf(y).length)) {
        const [left, right] = [scopeOf(a), scopeOf(b)]
        if (left !== '' && right !== '' && left !== right) continue
        const scope = left === '' ? right : left
        if (done.has(scope) || done.has('') || !fits(b, a)) continue
        done.add(scope)
        yield [scope, a, b]
      }
    }
  }

  #impersonation(): void {
    const [users, accounts] = [this.#held('impersonateUser'), this.#held('impersonateServiceAccount')]
    for (const power of users) {
      if (power.names === undefined) this.#add('users:', 'E05', 'impersonate every user', power)
      for (const name of power.names ?? []) this.#add(`user:${name}`, 'E05', `impersonate user ${name}`, power)
    }
    for (const power of accounts) {
      const scope = scopeOf(power)
      if (power.names === undefined) this.#add(`impersonated:${scope}`, 'E05', `impersonate service accounts${inText(scope)}`, power)
      for (const name of power.names ?? [])
        this.#add(`impersonated:${scope}/${name}`, 'E05', `impersonate service account ${name}${inText(scope)}`, power)
    }
    // A request that impersonates groups has to impersonate a user as well.
    const somebody = users[0] ?? accounts[0]
    for (const power of somebody === undefined ? [] : this.#held('impersonateGroup')) {
      if (power.names === undefined || power.names.includes('system:masters'))
        this.#add(ADMIN, 'E05', 'impersonate group system:masters', power, somebody!)
      for (const name of power.names ?? []) this.#add(`group:${name}`, 'E05', `impersonate group ${name}`, power, somebody!)
    }
  }

  /** A node asks for the tokens of the pods on it, through the Node authorizer. */
  #asNode(): void {
    const groups = this.#held('impersonateGroup').find(({ names }) => names?.includes('system:nodes'))
    for (const power of groups === undefined ? [] : this.#held('impersonateUser'))
      for (const name of power.names ?? [])
        if (name.startsWith(NODE_USER))
          this.#add(`kubelet:/${name.slice(NODE_USER.length)}`, 'E05', `impersonate node ${name.slice(NODE_USER.length)}`, power, groups!)
    for (const { power, on, own } of this.#world.constrained ? nodesActedAs(this.#powers, this.#bound) : []) {
      const scope = scopeOf(on)
      const names = own ? this.#nodesOf(power) : (power.names ?? [''])
      for (const name of names)
        this.#add(
          `kubelet:${scope}/${name}`,
          'E06',
          `act as ${name === '' ? 'any node' : `node ${name}`} to ask for tokens${inText(scope)}`,
          power,
          on,
        )
    }
  }

  /** Where the pods of a service account run. */
  #nodesOf({ grant: { subject } }: Power): readonly string[] {
    const { running } = this.#world
    const own = running.filter((pod) => pod.token && pod.account === subject.name && pod.namespace === subject.namespace)
    return subject.kind === 'ServiceAccount' ? [...new Set(own.flatMap(({ node }) => node ?? []))] : []
  }

  #secrets(): void {
    const readers = this.#held('readSecret')
    for (const power of readers) this.#legacy(power)
    for (const [scope, made, read] of this.#together(this.#held('makeSecret'), readers)) {
      const { names } = read
      // A name is free to choose, where no Secret has it yet.
      const good =
        names === undefined
          ? [scope]
          : (scope === '' ? [...this.#world.open.keys()] : [scope]).filter((one) => names.some((name) => !this.#world.hasSecret(one, name)))
      for (const one of good)
        this.#add(`accounts:${one}`, 'E08', `have a token written into a Secret and read it${inText(one)}`, made, read)
    }
    for (const [scope, changed, read] of this.#together(this.#held('changeSecret'), readers))
      for (const namespace of scope === '' ? this.#world.legacy.keys() : [scope]) {
        const secrets = [...(this.#world.legacy.get(namespace)?.keys() ?? [])]
        const both = secrets.some((name) => [changed, read].every(({ names }) => names === undefined || names.includes(name)))
        if (both)
          this.#add(`accounts:${namespace}`, 'E08', `point a token Secret at another account and read it in ${namespace}`, changed, read)
      }
    for (const power of this.#held('makeToken')) {
      const scope = scopeOf(power)
      if (power.names === undefined) this.#add(`accounts:${scope}`, 'E09', `ask for tokens of service accounts${inText(scope)}`, power)
      for (const name of power.names ?? [])
        this.#add(`account:${scope}/${name}`, 'E09', `ask for tokens of service account ${name}${inText(scope)}`, power)
    }
  }

  #legacy(power: Power): void {
    const scope = scopeOf(power)
    for (const namespace of scope === '' ? this.#world.legacy.keys() : [scope])
      for (const [secret, account] of this.#world.legacy.get(namespace) ?? [])
        if (power.names === undefined || power.names.includes(secret))
          this.#add(`account:${namespace}/${account}`, 'E07', `read token Secret ${namespace}/${secret}`, power)
  }

  #pods(): void {
    const makers = makersOf(this.#powers, this.#world)
    for (const { power, id, can, scopes } of makers) for (const scope of scopes) this.#add(`made:${scope}`, id, can, power)
    const volumes = this.#held('makeVolume')
    for (const { power, scopes } of makers) {
      for (const scope of scopes) {
        const inside = scope === '' ? power : { ...power, namespace: scope }
        for (const [, , relax] of this.#together([inside], this.#held('changeNamespace'), (other) => this.#reachesLabels(other, scope)))
          this.#add(
            ANY_NODE,
            'E27',
            `take the Pod Security labels off ${scope === '' ? 'a namespace' : scope} and create a privileged pod`,
            relax,
            power,
          )
        const claim = this.#held('makeClaim').find((other) => [scopeOf(other), scope].includes('') || scopeOf(other) === scope)
        if (claim !== undefined && volumes.length > 0)
          this.#add(ANY_NODE, 'E20', 'mount a path of the node through a volume of its own making', volumes[0]!, power, claim)
      }
    }
    this.#intoPods('changePod', 'E12', 'replace the image of')
    this.#intoPods('exec', 'E13', 'run commands in')
    if (this.#world.execByGet) this.#intoPods('execByGet', 'E13', 'run commands in')
    this.#intoPods('debug', 'E14', 'add containers to')
    const uses = [
      ...makers,
      ...[...this.#held('makeToken'), ...this.#held('makeSecret')].map((power) => ({ power, scopes: [scopeOf(power)] })),
    ]
    for (const account of this.#held('makeServiceAccount')) {
      for (const { power, scopes } of uses)
        for (const scope of scopes)
          if (scopeOf(account) === '' || scope === '' || scope === scopeOf(account))
            this.#add(
              `gone:${scope === '' ? scopeOf(account) : scope}`,
              'E28',
              'create a deleted service account again that still has bindings',
              account,
              power,
            )
    }
  }

  /** A namespace's own labels are changed at cluster scope, by its name, or by a RoleBinding inside it. */
  #reachesLabels({ namespace, names }: Power, scope: string): boolean {
    if (namespace !== undefined)
      return namespace === EVERY_NAMESPACE || ((scope === '' || namespace === scope) && (names?.includes(namespace) ?? true))
    return names === undefined || scope === '' || names.includes(scope)
  }

  #intoPods(part: PartName, id: string, can: string): void {
    for (const power of this.#held(part)) {
      const scope = scopeOf(power)
      const kind = id === 'E14' ? 'debugged' : id === 'E12' ? 'changed' : 'entered'
      if (power.names === undefined) this.#add(`${kind}:${scope}`, id, `${can} pods${inText(scope)}`, power)
      for (const name of power.names ?? []) this.#add(`${kind}:${scope}/${name}`, id, `${can} pod ${name}${inText(scope)}`, power)
    }
  }

  #nodes(): void {
    for (const power of this.#held('nodesProxy')) {
      const can = 'run commands in every pod of a node through nodes/proxy'
      if (power.names === undefined) this.#add(ANY_NODE, 'E16', can, power)
      for (const name of power.names ?? []) if (this.#world.nodes.has(name)) this.#add(`${ANY_NODE}${name}`, 'E16', can, power)
    }
    for (const power of this.#world.awsAuth ? this.#held('changeConfigMap') : [])
      if (['', 'kube-system'].includes(scopeOf(power)) && (power.names?.includes('aws-auth') ?? true))
        this.#add(ADMIN, 'E29', 'map itself to system:masters in ConfigMap kube-system/aws-auth', power)
  }

  #certificates(): void {
    const [made, approved] = [this.#held('makeCsr')[0], this.#held('approveCsr')[0]]
    if (made === undefined || approved === undefined) return
    for (const power of this.#held('approveSigner')) {
      const covers = (signer: string) =>
        power.names === undefined || power.names.includes(signer) || power.names.includes('kubernetes.io/*')
      if (covers('kubernetes.io/kube-apiserver-client'))
        this.#add(ADMIN, 'E21', 'issue itself a client certificate of any name', power, approved, made)
      if (covers('kubernetes.io/kube-apiserver-client-kubelet'))
        this.#add(ANY_NODE, 'E21', 'issue itself the certificate of a kubelet', power, approved, made)
    }
  }

  #admission(): void {
    const { webhooks } = this.#world
    for (const power of this.#held('writeWebhook')) {
      const isThere =
        webhooks === undefined || (power.names === undefined ? webhooks.size > 0 : power.names.some((name) => webhooks.has(name)))
      if (isThere || (power.names === undefined && power.verbs.includes('create')))
        this.#add(ADMIN, 'E23', 'change every object that is written by a webhook', power)
    }
    // Which policies there are is not read: a rule that names some says nothing.
    const binding = this.#held('writeMutationBinding').find(({ names }) => names === undefined)
    for (const power of binding === undefined ? [] : this.#held('writeMutation'))
      if (power.names === undefined) this.#add(ADMIN, 'E23', 'change every object that is written by an admission policy', power, binding!)
  }
}
