/** Which one removal stops most ways to cluster-admin and to nodes: tried out on the graph, not guessed. */
import { subjectText } from './rbac-bootstrap.ts'
import { type GraphView, goalOf, graphWithout, type RbacGraph, type Removal } from './rbac-graph.ts'
import { type Beginning, beginnings, isBuiltIn } from './rbac-graph-beginnings.ts'
import { ruleInBrief } from './rbac-rules.ts'
import { refOf, refText } from './ref.ts'

export interface Cut {
  /** `take ServiceAccount ci/deployer out of RoleBinding shop/ci`, `take the rule (create on pods) out of ClusterRole ci`. */
  readonly what: string
  /** Subjects that reach a goal now and would not any more. */
  readonly stops: number
  /** Subjects that reach one now. */
  readonly of: number
  /** The subject that was asked about would be among those. */
  readonly stopsSubject: boolean
}

/** So many are tried out, those first that most of the shortest ways go through. */
const TRIED = 12

/** The best removals, best first; `for_`: only such as stop this subject come first. Those that stop nobody are left out. */
export const bestCuts = (view: GraphView, graph: RbacGraph, for_?: string): readonly Cut[] => ranked([...triedCuts(view, graph, for_)])

/** One removal after the other, tried out when it is asked for: each takes as long as the graph itself. */
export function* triedCuts(view: GraphView, graph: RbacGraph, for_?: string): Generator<Cut, void> {
  const { all } = beginnings(view)
  const starts = new Set(all.filter(({ goal }) => goal !== 'perhaps-node').map(({ holder }) => holder.key))
  for (const { what, removal } of candidates(all, for_)) {
    const after = graphWithout(view, graph, removal)
    const isStopped = (key: string) => isReached(graph, key) && !isReached(after, key)
    yield { what, stops: [...starts].filter(isStopped).length, of: starts.size, stopsSubject: for_ !== undefined && isStopped(for_) }
  }
}

export const ranked = (cuts: readonly Cut[]): readonly Cut[] =>
  cuts
    .filter(({ stops, stopsSubject }) => stops > 0 || stopsSubject)
    .sort((a, b) => Number(b.stopsSubject) - Number(a.stopsSubject) || b.stops - a.stops || (a.what < b.what ? -1 : 1))

const isReached = (graph: RbacGraph, key: string): boolean => {
  const goal = goalOf(graph, key)
  return goal === 'cluster-admin' || goal === 'node'
}

interface Candidate {
  readonly what: string
  readonly removal: Removal
}

function candidates(all: readonly Beginning[], for_: string | undefined): readonly Candidate[] {
  const crossed = new Map<string, number>()
  // Of the subject that is asked about, every step counts; of the others, how many come by.
  for (const { path, holder } of all)
    for (const { through } of path)
      for (const { role, rule, binding } of through)
        for (const key of [`${role} ${rule}`, binding]) crossed.set(key, (crossed.get(key) ?? 0) + (holder.key === for_ ? 1e6 : 1))
  const found = new Map<string, Candidate & { readonly weight: number }>()
  for (const one of all) {
    const { grant, index, rule } = one
    const [role, binding] = [refText(refOf(grant.role!)), refText(refOf(grant.binding))]
    const who = subjectText(grant.subject, grant.namespace)
    const bySubject = `take ${who} out of ${binding}`
    found.set(bySubject, {
      what: bySubject,
      weight: crossed.get(binding) ?? 0,
      removal: { grants: (other) => other.binding === grant.binding && other.index === grant.index },
    })
    if (isBuiltIn(one)) continue
    const byRule = `take the rule (${ruleInBrief(rule)}) out of ${role}`
    found.set(byRule, {
      what: byRule,
      // Of two that stop as much, the rule costs its holders less.
      weight: (crossed.get(`${role} ${index}`) ?? 0) + 0.5,
      removal: { powers: (power) => power.grant.role === grant.role && power.index === index },
    })
  }
  return [...found.values()].sort((a, b) => b.weight - a.weight || (a.what < b.what ? -1 : 1)).slice(0, TRIED)
}
