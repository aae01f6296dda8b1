/** Takes no side by itself: what is published and what is powerful are both there for a reason. It says which of the two to take away, and how. */

import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'
import type { Hop } from '../src/objects/rbac-graph-path.ts'
import { refText } from '../src/objects/ref.ts'

export interface TakeoverEvidence {
  readonly serviceAccount: string
  /** How somebody from outside gets into the pod, or out of it. */
  readonly exposedBy: readonly string[]
  readonly goal: string
  readonly path: readonly Hop[]
  readonly sentence: string
  readonly pods: readonly string[]
}

export const guideTakeover: Remedy<TakeoverEvidence> = remedy<TakeoverEvidence>({
  family: 'exposed-takeover',
  reads: [],
  propose({ subject, evidence: { serviceAccount, exposedBy, path } }) {
    const { through = [] } = path[0] ?? {}
    const first = through[0]
    return {
      byHand: [
        first === undefined
          ? `give service account ${serviceAccount} less`
          : `mend rbac-admin-equivalent-role first: it takes rule ${first.rule + 1} of ${first.role}, bound by ${first.binding}, from whoever begins here`,
        `or let ${refText(subject)} run as a service account of its own that holds only what it asks for`,
        `or close what leads to it: ${exposedBy.join('; ')}`,
      ].join('; '),
    }
  },
})
