/** How a right that somebody does not hold yet is come by: the steps before it, and the rights of its own that these take. */
import type { Gained, Power, Step, Way } from './rbac-graph-subjects.ts'

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

/**
 * Places in the graph: `cluster-admin`, `node:NAME` (`node:` any), identities (`ServiceAccount:NS/NAME`, …), and sets of what is gained:
 * `accounts:NS` every account there, `running:NS` what its pods run as, `pods:NS` its pods with their nodes, `made:NS` a pod of one's
 * own making; `NS` empty: all. `user:NAME`, `users:`, `group:NAME`, `account:NS/NAME`, `legacy:NS`, `gone:NS/NAME`.
 */
export interface Edge {
  readonly to: string
  readonly id: string
  /** Completes "can …". */
  readonly can: string
  /** The powers it takes, the one to take away first. */
  readonly uses: readonly Power[]
  /** What has to be done for those that are not held from the start. */
  readonly before?: readonly Step[]
  /** What all of it takes of the rights that are; absent: what it uses. */
  readonly roots?: readonly Power[]
}
