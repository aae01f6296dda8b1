/** What a check of the Pod Security Standards is. */
import type { PodSpec } from '../model/index.ts'

export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted'

/** What the standards look at: a pod spec and the annotations beside it. */
export interface JudgedPod {
  readonly spec: PodSpec
  readonly annotations: Readonly<Record<string, string>>
}

export interface PodSecurityCheck {
  /** As in the standards' own registry: `privileged`, `capabilities_baseline`, `runAsNonRoot`, … */
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** Ascending; the last one whose `since` (minor of v1) is not above the policy's version counts; none does before the first. */
  readonly versions: readonly {
    readonly since: number
    /** Baseline checks that this one makes superfluous at the restricted level. */
    readonly overrides?: readonly string[]
    /** What is forbidden about the pod, in words; undefined where nothing is. */
    readonly violation: (pod: JudgedPod) => string | undefined
  }[]
}
