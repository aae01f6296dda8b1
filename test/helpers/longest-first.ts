import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * What takes minutes, in the order in which it is begun: a file that mostly waits for API servers and kubelets and is begun last keeps one
 * core idle for as long as it takes. Seconds on two cores, beside three others.
 */
const SECONDS: Readonly<Record<string, number>> = {
  'node-encryption': 520,
  'node-matrix': 450,
  'node-apply-all': 400,
  'node-helper-pod-guard': 250,
  'node-flags': 200,
  'node-encryption-killed': 130,
  'encryption-rewrite': 120,
  'node-audit': 120,
  'node-kubelet-cli': 110,
  'node-helper-pod': 110,
  'encryption-kms': 100,
  'node-kubelet': 100,
  incremental: 100,
  'rbac-forty': 100,
  'network-rollback': 100,
  'rbac-rights-b': 90,
  'encryption-stages': 70,
}
const secondsOf = ({ moduleId }: TestSpecification): number => SECONDS[basename(moduleId).replace(/\.test\.tsx?$/, '')] ?? 0

/** The longest files first; a clean clone remembers no durations. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => secondsOf(b) - secondsOf(a))
  }
}
