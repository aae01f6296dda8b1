/** What is exposed and weak is mended by the controls that judge each weakness: this one names them, in one order. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'

export type ExposedEvidence = {
  /** `Ingress shop/web`, in words. */
  readonly exposedBy: readonly string[]
  readonly weaknesses: readonly { readonly control: string; readonly words: string }[]
}

export const mendIsolation = (): Remedy<ExposedEvidence> =>
  remedy<ExposedEvidence>({
    family: 'exposed-isolation',
    guides: true,
    reads: [],
    propose: ({ evidence: { exposedBy, weaknesses } }) => ({
      byHand: `mend ${weaknesses.map(({ control, words }) => `${control} (it ${words})`).join(', ')} for this workload: k8s-harden apply ${weaknesses.map(({ control }) => `--control ${control}`).join(' ')}; or close what leads to it: ${exposedBy.join('; ')}`,
    }),
  })
