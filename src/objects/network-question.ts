/** One question: does this reach that, on this port? Of workloads it is asked of all their pods. */
import type { End } from './network-ends.ts'
import type { BackendView } from './network-flow-services.ts'
import { reachMatrix } from './network-matrix.ts'
import { type Single, samplesOf } from './network-matrix-cell.ts'
import { type EndName, type NamedEnds, namedEnds } from './network-named-ends.ts'
import { ALL_PORTS, hasPort, intersection, isNone, NO_PORTS, type PortSet, type Protocol, union } from './network-ports.ts'
import type { Reach, ReachView } from './network-reach.ts'
import { YES } from './network-selectors.ts'

export interface Asked {
  readonly protocol: Protocol
  readonly port: number
}
export interface Answer {
  /** `Deployment shop/web -> Service shop/cart`. */
  readonly text: string
  /** Null: it cannot be told, or not all of them do. Without a port: does any port go through? */
  readonly allowed: boolean | null
  /** Some do and some do not, and that is known. */
  readonly partly: boolean
  /** Only where no port was asked: what all of them may, and what some may, or perhaps. */
  readonly ports?: PortSet
  readonly perhaps?: PortSet
  /** Two ends that show why, and the port at the second one. */
  readonly pair?: readonly [End, End, Asked | undefined]
  /** Where there is no such pair. */
  readonly because?: string
  /** One of the two is a node, shares the network of one, or is an address that could be a node's. */
  readonly ofNodes: boolean
}
/** Throws NoEnd where a name names nobody. */
export type Asker = (from: EndName, to: EndName, asked?: Asked) => Answer

/** As many pairs of names are kept as one `kept` holds; the same question again costs nothing. */
const MOST_KEPT = 50_000

export function askerOf(view: ReachView & BackendView): Asker {
  const matrix = reachMatrix(view)
  const names = new Map<string, NamedEnds & { readonly kinds: readonly (readonly End[])[] }>()
  const pairs = new Map<string, Between>()
  const kindsOf = (ends: readonly End[]) =>
    [...Map.groupBy(ends, matrix.likeness).values()].map((same) => samplesOf(same.map((one): Single => [one])).map(([one]) => one))
  const named = (name: EndName) => {
    const key = JSON.stringify(name)
    let known = names.get(key)
    if (known === undefined) {
      if (names.size >= MOST_KEPT) names.clear()
      const found = namedEnds(view, name)
      names.set(key, (known = { ...found, kinds: kindsOf(found.ends) }))
    }
    return known
  }
  const between = (key: string, from: readonly (readonly End[])[], to: readonly (readonly End[])[]): Between => {
    let known = pairs.get(key)
    if (known === undefined) {
      if (pairs.size >= MOST_KEPT) pairs.clear()
      pairs.set(key, (known = betweenAll(matrix.known, from, to)))
    }
    return known
  }
  return (from, to, asked) => {
    const [source, destination] = [named(from), named(to)]
    const text = `${source.text} -> ${destination.text}`
    const ofNodes = isOfNodes(from, source) || isOfNodes(to, destination)
    const key = JSON.stringify([from, to])
    if (destination.behind === undefined || asked === undefined)
      return { text, ofNodes, ...answer(between(key, source.kinds, destination.kinds), asked) }
    const behind = destination.behind(asked.protocol, asked.port)
    if (behind.length === 0)
      return {
        text,
        ofNodes,
        allowed: false,
        partly: false,
        because: `nothing answers at ${asked.protocol} ${asked.port} of ${destination.text}`,
      }
    // Pods behind one Service may have the port under other numbers.
    const answers = [...Map.groupBy(behind, ({ port }) => port)].map(([port, same]) => {
      const ends = same.map(({ end }) => end)
      return answer(between(`${key} ${asked.protocol} ${port}`, source.kinds, kindsOf(ends)), { ...asked, port })
    })
    return { text, ofNodes, ...together(answers) }
  }
}

const isOfNodes = (name: EndName, { ends }: NamedEnds): boolean =>
  name === 'nodes' || (name !== 'outside' && ends.some((end) => end.is !== 'pod' || end.hostNetwork))

type Told = Omit<Answer, 'text' | 'ofNodes'>

interface Between {
  readonly ports: PortSet
  readonly perhaps: PortSet
  /** For sure, between some. */
  readonly some: PortSet
  readonly pairs: readonly { readonly from: End; readonly to: End; readonly ports: PortSet; readonly perhaps: PortSet }[]
}
function betweenAll(known: Reach, from: readonly (readonly End[])[], to: readonly (readonly End[])[]): Between {
  const isApart = (a: End, b: End) => known.isBeyondPolicies(a, b) === YES
  const pairs = from.flatMap((ones) =>
    to.flatMap((others) => {
      const all = ones.flatMap((one) => others.map((other) => [one, other] as const))
      const pair = all.find(([one, other]) => one !== other && !isApart(one, other)) ?? all[0]
      return pair === undefined ? [] : [{ from: pair[0], to: pair[1], ...known.connection(...pair) }]
    }),
  )
  // A pod and itself say nothing of a workload, unless there is nothing else.
  const told = pairs.some((pair) => !isApart(pair.from, pair.to)) ? pairs.filter((pair) => !isApart(pair.from, pair.to)) : pairs
  return {
    ports: told.map(({ ports }) => ports).reduce(intersection, told.length === 0 ? NO_PORTS : ALL_PORTS),
    perhaps: told.map(({ perhaps }) => perhaps).reduce(union, NO_PORTS),
    some: told.map(({ ports }) => ports).reduce(union, NO_PORTS),
    pairs: told,
  }
}

function answer({ ports, perhaps, some, pairs }: Between, asked: Asked | undefined): Told {
  if (pairs.length === 0) return { allowed: null, partly: false, because: 'one of them is nobody: no pod and no node is known there' }
  const has = (set: PortSet) => (asked === undefined ? !isNone(set) : hasPort(set, asked.protocol, asked.port))
  const allowed = has(ports) ? true : has(perhaps) ? null : false
  const isOdd = (pair: Between['pairs'][number]) => (allowed === true ? has(pair.ports) : !has(pair.ports))
  const shown = pairs.find(isOdd) ?? pairs[0]!
  return {
    allowed,
    partly: allowed === null && has(some),
    ...(asked === undefined && { ports, perhaps }),
    pair: [shown.from, shown.to, asked],
  }
}

function together(answers: readonly Told[]): Told {
  const [first] = answers
  if (answers.every(({ allowed }) => allowed === first!.allowed)) return first!
  const odd = answers.find(({ allowed }) => allowed !== true)!
  return { ...odd, allowed: null, partly: answers.some(({ allowed, partly }) => allowed === true || partly) }
}
