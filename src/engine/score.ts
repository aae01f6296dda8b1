import type { ControlId, Outcome, Practice, RegisteredControl, Severity, Status } from '../model/index.ts'

export interface PracticeSummary extends Readonly<Record<Exclude<Status, never>, number>> {
  /** 0–100; weight of passes among passes and failures; 100 where nothing failed, and null where nothing could be judged. */ readonly score:
    | number
    | null
}

export const PRACTICES: readonly Practice[] = ['rbac', 'secrets', 'api-endpoint', 'nodes-and-pods', 'images', 'audit']
const WEIGHT: Readonly<Record<Severity, number>> = { critical: 10, high: 5, medium: 2, low: 1, info: 0 }

/** Counts and score per practice. Unknown, attested and review count in neither direction: the score speaks of what was seen. */
export function summarise(
  controls: readonly RegisteredControl[],
  outcomes: ReadonlyMap<ControlId, Outcome>,
): Readonly<Record<Practice, PracticeSummary>> {
  return Object.fromEntries(
    PRACTICES.map((practice) => {
      const counts: Record<Status, number> = { pass: 0, fail: 0, review: 0, unknown: 0, notApplicable: 0, attested: 0, error: 0 }
      let passed = 0
      let judged = 0
      for (const control of controls.filter((one) => one.practice === practice)) {
        const outcome = outcomes.get(control.id)
        if (outcome === undefined) continue
        counts[outcome.status]++
        if (outcome.status === 'pass') passed += WEIGHT[control.severity]
        if (outcome.status === 'pass' || outcome.status === 'fail') judged += WEIGHT[control.severity]
      }
      return [practice, { ...counts, score: judged === 0 ? null : Math.round((100 * passed) / judged) }]
    }),
  ) as unknown as Record<Practice, PracticeSummary>
}

const RANK: Readonly<Record<Severity, number>> = { critical: 0, high: 1, medium: 2, low: 3, info: 4 }
/** Negative where a is graver. */
export const bySeverity = (a: Severity, b: Severity): number => RANK[a] - RANK[b]
export const atLeast = (severity: Severity, threshold: Severity): boolean => RANK[severity] <= RANK[threshold]
