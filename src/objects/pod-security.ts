/**
 * The Pod Security Standards as the PodSecurity admission plugin judges them, for every policy version (k8s.io/pod-security-admission,
 * read in v0.37.2). `latest` on a server is its own minor version.
 */
import { baselineChecks } from './pod-security-baseline.ts'
import type { JudgedPod, PodSecurityCheck, PodSecurityLevel } from './pod-security-check.ts'
import { restrictedChecks } from './pod-security-restricted.ts'

export type { JudgedPod, PodSecurityLevel } from './pod-security-check.ts'
/** From lax to strict. */
export const POD_SECURITY_LEVELS: readonly PodSecurityLevel[] = ['privileged', 'baseline', 'restricted']

export interface Violation {
  readonly check: string
  readonly level: 'baseline' | 'restricted'
  readonly detail: string
}

/** Newest minor version whose checks are known here. A newer server is judged by these. */
export const NEWEST_MINOR = 37

const byVersion = new Map<
  string,
  readonly { readonly check: PodSecurityCheck; readonly violation: (pod: JudgedPod) => string | undefined }[]
>()

function checksFor(level: 'baseline' | 'restricted', minor: number) {
  const key = `${level}${minor}`
  let checks = byVersion.get(key)
  if (checks === undefined) {
    const all = level === 'baseline' ? baselineChecks : [...baselineChecks, ...restrictedChecks]
    const current = all.flatMap((check) => {
      const version = check.versions.findLast((one) => one.since <= minor)
      return version === undefined ? [] : [{ check, version }]
    })
    const overridden = new Set(current.flatMap(({ version }) => version.overrides ?? []))
    byVersion.set(
      key,
      (checks = current
        .filter(({ check }) => !overridden.has(check.id))
        .map(({ check, version }) => ({ check, violation: version.violation }))),
    )
  }
  return checks
}

/** What the level forbids about a pod. `minor` of the policy version v1.minor; the newest known by default. */
export function violations(pod: JudgedPod, level: PodSecurityLevel, minor: number = NEWEST_MINOR): readonly Violation[] {
  if (level === 'privileged') return []
  const found: Violation[] = []
  for (const { check, violation } of checksFor(level, Math.min(minor, NEWEST_MINOR))) {
    const detail = violation(pod)
    if (detail !== undefined) found.push({ check: check.id, level: check.level, detail })
  }
  return found
}

/** Ids of the checks that a level makes in the policy version v1.minor. */
export const checksAt = (level: 'baseline' | 'restricted', minor: number): readonly string[] =>
  checksFor(level, Math.min(minor, NEWEST_MINOR)).map(({ check }) => check.id)

/** The strictest level that admits the pod. */
export function strictestLevel(pod: JudgedPod, minor: number = NEWEST_MINOR): PodSecurityLevel {
  if (violations(pod, 'baseline', minor).length > 0) return 'privileged'
  return violations(pod, 'restricted', minor).length > 0 ? 'baseline' : 'restricted'
}

export const isStricter = (a: PodSecurityLevel, b: PodSecurityLevel): boolean =>
  POD_SECURITY_LEVELS.indexOf(a) > POD_SECURITY_LEVELS.indexOf(b)
