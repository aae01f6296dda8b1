/** How a right that somebody does not hold yet is come by: the steps before it, and the rights of its own that these take. */
import type { Power } from './rbac-graph-subjects.ts'

export interface Step {
  /** Of the primitive. */
  readonly id: string
  /** Completes "can …". */
  readonly can: string
  /** Held or gained before; the one to take away first. */
  readonly uses: readonly Power[]
  /** Who does it, and what comes of it, where that is not the one whose way it is. */
  readonly by?: string
  readonly gains?: string
  readonly how?: string
}
export interface Way {
  /** In order. */
  readonly steps: readonly Step[]
  /** Rights that are held from the start; without the first one the way is shut. */
  readonly roots: readonly Power[]
}
/** One way for each right of its own that could be taken away first: the shortest. Grows while ways are looked for. */
export interface Gained {
  readonly ways: Way[]
}

/** The ways to use these rights together: each to come by the first, with the shortest ones to come by the others. */
export function waysTo(uses: readonly Power[]): readonly Way[] {
  if (uses.every(({ gained }) => gained === undefined)) return [{ steps: [], roots: uses }]
  const [first, ...others] = uses.map(({ gained }, at): readonly Way[] => gained?.ways ?? [{ steps: [], roots: [uses[at]!] }])
  const rest = others.map((ways) => ways.reduce((best, way) => (way.steps.length < best.steps.length ? way : best)))
  return (first ?? []).map(({ steps, roots }) => ({
    steps: [...new Set([...steps, ...rest.flatMap((way) => way.steps)])],
    roots: [...new Set([...roots, ...rest.flatMap((way) => way.roots)])],
  }))
}

/** Takes the ways by this step that are new, or shorter than those known; false where there were none. */
export function addWays({ ways }: Gained, step: Step): boolean {
  let more = false
  for (const { steps, roots } of waysTo(step.uses)) {
    const at = ways.findIndex((way) => way.roots[0] === roots[0])
    if (at >= 0 && ways[at]!.steps.length <= steps.length + 1) continue
    ways[at < 0 ? ways.length : at] = { steps: [...steps, step], roots }
    more = true
  }
  return more
}
