/** Everything that policies ask of ends, each question once, and found by the labels and addresses that could answer it. */
import { addressIndex } from './network-address-index.ts'
import type { PodEnd } from './network-ends.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import type { CompiledPolicy, Matcher, PeerMatch, PolicyRule } from './network-rules.ts'
import { type Answer, answerOf, both, labelText, NO, PERHAPS, YES } from './network-selectors.ts'
import { type Applying, applying, type Facing } from './network-verdict.ts'

type Labels = Readonly<Record<string, string>>
type Of<Is extends PeerMatch['is']> = Extract<PeerMatch, { is: Is }>

/** Numbers of the questions that an end answers with yes, and with perhaps. */
export interface Answers {
  readonly yes: readonly number[]
  readonly may: readonly number[]
}
/** Of one rule; `everything` and `vague` hold for every end. */
export interface RuleAtoms {
  readonly atoms: readonly number[]
  readonly everything: boolean
  readonly vague: boolean
}

/** What can be found by one label that it needs, and the rest, which must be asked about everyone. */
class ByNeed<T> {
  readonly #byLabel = new Map<string, T[]>()
  readonly #rest: T[] = []
  add(needs: readonly [string, string] | undefined, item: T): void {
    if (needs === undefined) this.#rest.push(item)
    else {
      const key = `${needs[0]}\0${needs[1]}`
      const list = this.#byLabel.get(key)
      if (list === undefined) this.#byLabel.set(key, [item])
      else list.push(item)
    }
  }
  each(labels: Labels, visit: (item: T) => void): void {
    for (const item of this.#rest) visit(item)
    if (this.#byLabel.size > 0)
      for (const key of Object.keys(labels)) for (const item of this.#byLabel.get(`${key}\0${labelText(labels[key])}`) ?? []) visit(item)
  }
}

export class Atoms {
  readonly #byKey = new Map<string, number>()
  readonly #rules = new Map<PolicyRule, RuleAtoms>()
  readonly #pods = new Map<
    string,
    { readonly namespaces: Matcher<NamespaceFacts>; readonly list: { number: number; pods: Matcher<Labels> }[] }
  >()
  readonly #nodes: { readonly number: number; readonly peer: Of<'nodes'> }[] = []
  readonly #addresses: { readonly number: number; readonly peer: Of<'addresses'> }[] = []
  readonly #holding: (ip: string) => readonly number[]
  readonly #selecting = new Map<string, ByNeed<number>>()
  readonly #ofNamespace = new WeakMap<NamespaceFacts, ByNeed<{ number: number; pods: Matcher<Labels>; most: Answer }>>()
  readonly policies: readonly CompiledPolicy[]

  constructor(policies: readonly CompiledPolicy[]) {
    this.policies = policies
    for (const [at, policy] of policies.entries()) {
      const scope = policy.namespace ?? ''
      let index = this.#selecting.get(scope)
      if (index === undefined) this.#selecting.set(scope, (index = new ByNeed()))
      index.add(policy.needs, at)
      for (const rule of [...(policy.ingress?.rules ?? []), ...(policy.egress?.rules ?? [])])
        this.#rules.set(rule, {
          atoms: [...new Set(rule.peers.map((peer) => this.#numberOf(peer)).filter((number) => number !== undefined))],
          everything: rule.peers.some(({ is }) => is === 'everything'),
          vague: rule.peers.some(({ is }) => is === 'vague'),
        })
    }
    this.#holding = addressIndex(this.#addresses.map(({ peer }) => peer))
  }

  get count(): number {
    return this.#byKey.size
  }
  rules(): IterableIterator<[PolicyRule, RuleAtoms]> {
    return this.#rules.entries()
  }

  #numberOf(peer: PeerMatch): number | undefined {
    if (peer.is === 'everything' || peer.is === 'vague') return undefined
    const key = keyOf(peer)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const number = this.#byKey.size
    this.#byKey.set(key, number)
    if (peer.is === 'nodes') this.#nodes.push({ number, peer })
    else if (peer.is === 'addresses') this.#addresses.push({ number, peer })
    else if (peer.is === 'pods') {
      let group = this.#pods.get(peer.namespaces.key)
      if (group === undefined) this.#pods.set(peer.namespaces.key, (group = { namespaces: peer.namespaces, list: [] }))
      group.list.push({ number, pods: peer.pods })
    }
    return number
  }

  /** The policies that select a pod or may do so, in the order of `policies`. */
  selecting(pod: PodEnd): readonly (Applying & { readonly at: number })[] {
    if (pod.hostNetwork) return []
    const found: (Applying & { at: number })[] = []
    const visit = (at: number) => {
      const one = applying(this.policies[at]!, pod)
      if (one !== undefined) found.push({ ...one, at })
    }
    this.#selecting.get('')?.each(pod.labels, visit)
    if (pod.namespace.name !== '') this.#selecting.get(pod.namespace.name)?.each(pod.labels, visit)
    return found.sort((a, b) => a.at - b.at)
  }

  answers(facing: Facing): Answers {
    const { end, ip, node } = facing
    const [yes, may]: [number[], number[]] = [[], []]
    const note = (number: number, answer: Answer) => {
      if (answer === YES) yes.push(number)
      else if (answer === PERHAPS) may.push(number)
    }
    if (end.is === 'address') note(this.#byKey.get('world') ?? -1, this.#byKey.has('world') ? YES : NO)
    const isPod = end.is === 'pod' && !end.hostNetwork
    if (isPod)
      this.#candidates(end.namespace).each(end.labels, ({ number, pods, most }) => note(number, both(most, answerOf(pods, end.labels))))
    else if (end.is !== 'address')
      for (const { number, peer } of this.#nodes) note(number, node === undefined ? PERHAPS : answerOf(peer.nodes, node.labels))
    const held = ip === undefined ? this.#addresses.keys() : this.#holding(ip)
    for (const at of held) {
      const { number, peer } = this.#addresses[at]!
      if (isPod ? peer.pods === 'no' : end.is !== 'address' && peer.nodes === 'no') continue
      note(number, ip === undefined || (isPod ? peer.pods : end.is === 'address' ? undefined : peer.nodes) === 'perhaps' ? PERHAPS : YES)
    }
    return { yes: yes.sort(ascending), may: may.sort(ascending) }
  }

  #candidates(namespace: NamespaceFacts): ByNeed<{ number: number; pods: Matcher<Labels>; most: Answer }> {
    let known = this.#ofNamespace.get(namespace)
    if (known === undefined) {
      this.#ofNamespace.set(namespace, (known = new ByNeed()))
      for (const { namespaces, list } of this.#pods.values()) {
        const most = answerOf(namespaces, namespace)
        if (most !== NO) for (const { number, pods } of list) known.add(pods.needs, { number, pods, most })
      }
    }
    return known
  }
}
const ascending = (a: number, b: number): number => a - b

function keyOf(peer: PeerMatch): string {
  if (peer.is === 'pods') return `pods ${peer.namespaces.key}\0${peer.pods.key}`
  if (peer.is === 'nodes') return `nodes ${peer.nodes.key}`
  return peer.is === 'addresses' ? `addresses ${peer.cidr} ${peer.except.join()} ${peer.pods} ${peer.nodes}` : peer.is
}
