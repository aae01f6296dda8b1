/**
 * Ends that no policy can tell apart, and what policies let through between all of them. Classes are only ever added, so that the same
 * ones serve one snapshot after another for as long as the policies stay: a pod that changes moves to another class.
 */
import { type Answers, Atoms, type RuleAtoms } from './network-atoms.ts'
import { Bits } from './network-bits.ts'
import type { NodeEnd, PodEnd } from './network-ends.ts'
import { isNone, type PortSet } from './network-ports.ts'
import { copied, numberAt, type Partition, product, put, type RuleSets, rowOf, Verdicts } from './network-rows.ts'
import type { CompiledPolicy, PolicyRule } from './network-rules.ts'
import { type Connection, type Direction, decided, type Facing, facings, overAll, programOf, type TierProgram } from './network-verdict.ts'

/** Pods that the same policies select in the same way. */
interface Program {
  readonly tiers: Readonly<Record<Direction, readonly TierProgram[]>>
  readonly members: number[]
  /** Connections into a pod with these named ports (`''` where names have no part), by the class of the source. */
  readonly into: Map<string, { readonly row: Partition; readonly sample: PodEnd }>
  out?: Partition
}
export interface Into {
  /** By number (see `connection`), the classes of the sources. */
  readonly row: Partition
  /** Sources to which some port is open whatever is not known. */
  readonly open: Bits
}
export interface EndClass {
  readonly index: number
  /** One of those that it was made for: all that policies see of it is the same for the others. */
  readonly sample: PodEnd
}
interface KnownClass extends EndClass {
  readonly program: Program
  readonly faces: readonly Facing[]
  readonly names: string
}

export class Classes {
  readonly verdicts = new Verdicts()
  readonly layers: number
  readonly #atoms: Atoms
  readonly #list: KnownClass[] = []
  readonly #byKey = new Map<string, KnownClass>()
  readonly #programs = new Map<string, Program>()
  readonly #rules = new Map<PolicyRule, { readonly of: RuleAtoms; readonly sets: readonly RuleSets[] }>()
  readonly #byAtom: (readonly RuleSets[])[][] = []
  /** Whether any rule asks for ports by name. */
  readonly #hasNames: boolean
  /** Classes by their named ports. */
  readonly #named = new Map<string, { readonly sample: PodEnd; readonly at: Bits }>()
  readonly #ports = new WeakMap<PolicyRule, Map<string, PortSet>>()
  readonly #into = new Map<number, Into>()

  /** `layers`: how many addresses an end may have. */
  constructor(policies: readonly CompiledPolicy[], layers: number) {
    this.layers = layers
    this.#atoms = new Atoms(policies)
    for (const [rule, of] of this.#atoms.rules()) {
      const ports = rule.fixed === undefined ? [] : [{ ports: rule.fixed, at: undefined }]
      const sets = Array.from({ length: layers }, () => ({ yes: new Bits(), may: new Bits(), ports }))
      this.#rules.set(rule, { of, sets })
      for (const atom of of.atoms) (this.#byAtom[atom] ??= []).push(sets)
    }
    this.#hasNames = this.#rules.keys().some((rule) => rule.fixed === undefined)
  }

  get size(): number {
    return this.#list.length
  }
  at(index: number): EndClass {
    return this.#list[index]!
  }

  classOf(end: PodEnd, nodeNamed: (name: string) => NodeEnd | undefined): EndClass {
    const faces = facings(end, nodeNamed)
    const selecting = this.#atoms.selecting(end)
    const answers = faces.map((face) => this.#atoms.answers(face))
    const names = this.#hasNames ? `${end.hostNetwork} ${[...end.named].flat().join(' ')}` : ''
    const selected = selecting.map(({ at, sure }) => (sure ? at : `${at}?`)).join(' ')
    const seen = answers.map(({ yes, may }) => `${yes.join(' ')}/${may.join(' ')}`)
    const key = `${selected}|${new Set(seen).size === 1 ? seen[0] : seen.join('|')}|${names}`
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    let program = this.#programs.get(selected)
    if (program === undefined) {
      const tiers = { ingress: programOf(selecting, 'ingress'), egress: programOf(selecting, 'egress') }
      this.#programs.set(selected, (program = { tiers, members: [], into: new Map() }))
    }
    const made: KnownClass = { index: this.#list.length, sample: end, program, faces, names }
    this.#byKey.set(key, made)
    this.#list.push(made)
    program.members.push(made.index)
    this.#mark(made, answers)
    this.#extend(made)
    return made
  }

  /** Into the sets of every rule that speaks of it. */
  #mark({ index, sample, faces, names }: KnownClass, answers: readonly Answers[]): void {
    for (let layer = 0; layer < this.layers; layer++) {
      const { yes, may } = answers[Math.min(layer, faces.length - 1)]!
      for (const atom of yes) for (const sets of this.#byAtom[atom]!) sets[layer]!.yes.add(index)
      for (const atom of may) for (const sets of this.#byAtom[atom]!) if (!sets[layer]!.yes.has(index)) sets[layer]!.may.add(index)
    }
    let alike = this.#named.get(names)
    if (alike === undefined) this.#named.set(names, (alike = { sample, at: new Bits() }))
    alike.at.add(index)
  }
  #portsAt(rule: PolicyRule, names: string, sample: PodEnd): PortSet {
    let known = this.#ports.get(rule)
    if (known === undefined) this.#ports.set(rule, (known = new Map()))
    let set = known.get(names)
    if (set === undefined) known.set(names, (set = rule.ports(sample)))
    return set
  }

  /** Into everything that is known already. */
  #extend(made: KnownClass): void {
    const { index, program, faces, sample } = made
    for (const other of this.#programs.values()) {
      for (const { row, sample: destination } of other.into.values())
        add(row, this.verdicts.number(overAll(faces.map((face) => decided(other.tiers.ingress, face, destination)))), index)
      if (other.out !== undefined)
        add(other.out, this.verdicts.number(overAll(faces.map((face) => decided(other.tiers.egress, face, sample)))), index)
    }
    const out = this.#egress(program)
    for (const [at, { row, open }] of this.#into) {
      const number = this.verdicts.both(numberAt(this.#ingress(this.#list[at]!), index)!, numberAt(out, at)!)
      add(row, number, index)
      if (this.#isOpen(number)) open.add(index)
    }
  }

  #setsOf(rule: PolicyRule, layer: number, all: Bits, destination: PodEnd | undefined): RuleSets {
    const { of, sets } = this.#rules.get(rule)!
    const { yes, may, ports } = sets[layer]!
    const here =
      rule.fixed !== undefined
        ? ports
        : destination !== undefined
          ? [{ ports: rule.ports(destination), at: undefined }]
          : [...this.#named].map(([names, { sample, at }]) => ({ ports: this.#portsAt(rule, names, sample), at }))
    if (of.everything) return { yes: all, may: NOBODY, ports: here }
    return { yes, may: of.vague ? (all.without(yes) ?? NOBODY) : may, ports: here }
  }

  #row(tiers: readonly TierProgram[], destination: PodEnd | undefined): Partition {
    const all = Bits.below(this.#list.length)
    const layers = Array.from({ length: this.layers }, (_, layer) =>
      rowOf(this.verdicts, tiers, all, (rule) => this.#setsOf(rule, layer, all, destination)),
    )
    if (layers.length === 1) return layers[0]!
    const over = (a: number, b: number) =>
      a === b ? a : this.verdicts.number(overAll([this.verdicts.connection(a), this.verdicts.connection(b)]))
    return copied(layers.reduce((a, b) => product(a, b, over)))
  }
  #ingress({ program, sample, names }: KnownClass): Partition {
    let known = program.into.get(names)
    if (known === undefined) program.into.set(names, (known = { row: this.#row(program.tiers.ingress, sample), sample }))
    return known.row
  }
  #egress(program: Program): Partition {
    program.out ??= this.#row(program.tiers.egress, undefined)
    return program.out
  }

  /** Of a class, what its pods take in. The exceptions of network-reach.ts come on top. */
  into(to: EndClass): Into {
    let known = this.#into.get(to.index)
    if (known === undefined) {
      const both = (a: number, b: number) => this.verdicts.both(a, b)
      const row = copied(product(this.#ingress(this.#list[to.index]!), this.#sources(to.index), both))
      const open = new Bits(new Uint32Array((this.#list.length + 31) >>> 5))
      for (const [number, set] of row) if (this.#isOpen(number)) open.take(set)
      this.#into.set(to.index, (known = { row, open }))
    }
    return known
  }
  #isOpen(number: number): boolean {
    return !isNone(this.connection(number).ports)
  }

  /** What the sources' own policies let out to a class. Most have none, or the same: those are what the others leave over. */
  #sources(to: number): Partition {
    const programs = [...this.#programs.values()]
    const most = programs.reduce((a, b) => (b.members.length > a.members.length ? b : a))
    const made: Partition = new Map()
    for (const program of programs) {
      if (program === most) continue
      const number = numberAt(this.#egress(program), to)!
      let set = made.get(number)
      if (set === undefined) made.set(number, (set = new Bits(new Uint32Array((this.#list.length + 31) >>> 5))))
      for (const member of program.members) set.add(member)
    }
    const all = Bits.below(this.#list.length)
    const rest = made.values().reduce<Bits | undefined>((left, set) => left?.without(set), all)
    if (rest !== undefined) put(made, numberAt(this.#egress(most), to)!, rest)
    return made
  }

  connection(number: number): Connection {
    return this.verdicts.connection(number)
  }
}
const NOBODY = new Bits(new Uint32Array(0))

function add(row: Partition, number: number, index: number): void {
  const set = row.get(number)
  if (set !== undefined) set.add(index)
  else {
    const made = new Bits()
    made.add(index)
    row.set(number, made)
  }
}
