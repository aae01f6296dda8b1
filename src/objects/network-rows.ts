/** What policies decide between a pod and all classes of ends at once: sets of classes that stand the same, split rule by rule. */
import type { Bits } from './network-bits.ts'
import { intersection, type PortSet, PROTOCOLS } from './network-ports.ts'
import type { PolicyRule } from './network-rules.ts'
import { type Answer, PERHAPS, YES } from './network-selectors.ts'
import { afterRule, afterTier, type Connection, merged, START, type State, settled, type TierProgram } from './network-verdict.ts'

/** Equal values are the very same object, with a number of its own. */
class Interned<T> {
  readonly #byKey = new Map<string, number>()
  readonly values: T[] = []
  readonly #keyOf: (value: T) => string
  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf
  }
  number(value: T): number {
    const key = this.#keyOf(value)
    let known = this.#byKey.get(key)
    if (known === undefined) {
      this.#byKey.set(key, (known = this.values.length))
      this.values.push(value)
    }
    return known
  }
}
const keyOfPorts = (set: PortSet): string => PROTOCOLS.map((protocol) => set[protocol].join()).join(';')
/** One for all universes: there are few distinct sets of ports, and what is computed from two of them is kept. */
const sets = new Interned<PortSet>(keyOfPorts)
const numbers = new WeakMap<PortSet, number>()
const numberOf = (set: PortSet): number => {
  let known = numbers.get(set)
  if (known === undefined) numbers.set(set, (known = sets.number(set)))
  return known
}

/** Connections and states of one universe, by number. */
export class Verdicts {
  readonly #states = new Interned<State>(
    ({ open, allowed, denied, passed }) => `${numberOf(open)} ${numberOf(allowed)} ${numberOf(denied)} ${numberOf(passed)}`,
  )
  readonly #connections = new Interned<Connection>(({ ports, perhaps }) => `${numberOf(ports)} ${numberOf(perhaps)}`)
  readonly #steps = new Map<string, number>()
  readonly #both = new Map<number, number>()
  readonly start = this.#states.number(START)

  #step(key: string, make: () => State): number {
    let known = this.#steps.get(key)
    if (known === undefined) this.#steps.set(key, (known = this.#states.number(make())))
    return known
  }
  afterRule(state: number, action: PolicyRule['action'], ports: PortSet, match: Answer): number {
    return this.#step(`${state} ${action} ${numberOf(ports)} ${match}`, () => afterRule(this.#states.values[state]!, action, ports, match))
  }
  afterTier(state: number, tier: TierProgram): number {
    return this.#step(`${state} tier ${tier.isolates} ${tier.mayEnd}`, () => afterTier(this.#states.values[state]!, tier))
  }
  merged(a: number, b: number): number {
    return this.#step(`${a} and ${b}`, () => merged([this.#states.values[a]!, this.#states.values[b]!]))
  }
  settled(state: number): number {
    return this.number(settled(this.#states.values[state]!))
  }
  number(connection: Connection): number {
    return this.#connections.number(connection)
  }
  connection(number: number): Connection {
    return this.#connections.values[number]!
  }
  /** Let through by both. */
  both(a: number, b: number): number {
    if (a === b) return a
    const key = a < b ? a * 2 ** 26 + b : b * 2 ** 26 + a
    let known = this.#both.get(key)
    if (known === undefined) {
      const [one, other] = [this.connection(a), this.connection(b)]
      this.#both.set(
        key,
        (known = this.number({ ports: intersection(one.ports, other.ports), perhaps: intersection(one.perhaps, other.perhaps) })),
      )
    }
    return known
  }
}

/** Disjoint sets of classes by the number of what they have in common; together all classes. */
export type Partition = Map<number, Bits>
export const numberAt = (partition: Partition, index: number): number | undefined => {
  for (const [number, set] of partition) if (set.has(index)) return number
  return undefined
}
/** Sets are shared between partitions and never changed here. */
export function put(partition: Partition, number: number, set: Bits): void {
  const known = partition.get(number)
  partition.set(number, known === undefined ? set : known.or(set))
}
/** Sets of its own, to add to. */
export const copied = (partition: Partition): Partition => new Map(partition.entries().map(([number, set]) => [number, set.copy()]))
export function product(a: Partition, b: Partition, both: (a: number, b: number) => number): Partition {
  const made: Partition = new Map()
  for (const [one, set] of a)
    for (const [other, beside] of b) {
      const common = set.and(beside)
      if (common !== undefined) put(made, both(one, other), common)
    }
  return made
}

/** Which classes a rule speaks of. */
export interface RuleSets {
  readonly yes: Bits
  readonly may: Bits
  /** By what its ports are at the destination; one entry for all classes where that is the same everywhere. */
  readonly ports: readonly { readonly ports: PortSet; readonly at: Bits | undefined }[]
}

/** Connections by number. */
export function rowOf(verdicts: Verdicts, program: readonly TierProgram[], all: Bits, setsOf: (rule: PolicyRule) => RuleSets): Partition {
  let states: Partition = new Map([[verdicts.start, all]])
  for (const tier of program) {
    for (const { chains } of tier.turns) {
      const ends = chains.map((chain) => chain.reduce((now, { rule, sure }) => split(verdicts, now, rule, sure, setsOf(rule)), states))
      states = ends.reduce((a, b) => product(a, b, (one, other) => verdicts.merged(one, other)))
    }
    states = renamed(states, (state) => verdicts.afterTier(state, tier))
  }
  return copied(renamed(states, (state) => verdicts.settled(state)))
}

function renamed(partition: Partition, name: (number: number) => number): Partition {
  const made: Partition = new Map()
  for (const [number, set] of partition) put(made, name(number), set)
  return made
}

function split(verdicts: Verdicts, states: Partition, { action }: PolicyRule, sure: boolean, { yes, may, ports }: RuleSets): Partition {
  let now = states
  for (const { ports: opened, at } of ports) {
    const made: Partition = new Map()
    for (const [state, set] of now) {
      let rest: Bits | undefined = set
      for (const [answer, matching] of [
        [YES, yes],
        [PERHAPS, may],
      ] as const) {
        const next = rest === undefined ? state : verdicts.afterRule(state, action, opened, sure ? answer : PERHAPS)
        if (next === state) continue
        const here = at === undefined ? matching : matching.and(at)
        const moved = here === undefined ? undefined : rest!.and(here)
        if (moved === undefined) continue
        put(made, next, moved)
        rest = rest!.without(moved)
      }
      if (rest !== undefined) put(made, state, rest)
    }
    now = made
  }
  return now
}
