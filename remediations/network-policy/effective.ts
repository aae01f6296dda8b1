/** Makes a policy do what it says, where that is plain; else says what to look at. Never deletes one. */
import { remedy } from '../../src/model/define.ts'
import type { Edit, Proposal, Remedy } from '../../src/model/index.ts'
import type { FaultName } from '../../src/objects/network-policy-faults-view.ts'

export interface IneffectiveEvidence {
  readonly is: FaultName
  readonly edits: readonly Edit[]
  readonly words: string
  readonly widens: boolean
}

const CONSEQUENCES: Readonly<Partial<Record<FaultName, string>>> = {
  split: 'other pods of those namespaces, which the policy lets in now by mistake, are cut',
  'service port':
    'opens the port of the pods; whoever connects to the written port of a pod itself, where something listens on it undeclared, is cut',
}

export const mendPolicy: Remedy<IneffectiveEvidence> = remedy<IneffectiveEvidence>({
  family: 'network-policy',
  reads: [],
  options: {
    split: {
      describe: 'What becomes of a namespaceSelector and a podSelector that stand apart',
      default: 'join',
      choices: [
        { value: 'join', label: 'one peer: those pods in those namespaces', risk: 'may-break' },
        { value: 'keep', label: 'two peers, as they are' },
      ],
    },
  },
  propose({ subject, evidence: { is, edits, words, widens } }, { options }): Proposal {
    if (edits.length === 0) return { byHand: words }
    if (is === 'split' && options['split'] === 'keep')
      return { byHand: 'left as it is: accept it (--exceptions) if every pod of those namespaces is meant' }
    return {
      changes: [{ type: 'edit', target: subject, edits }],
      risk: widens ? 'safe' : 'may-break',
      summary: `NetworkPolicy ${subject.name}: ${words}`,
      mayBreak: [CONSEQUENCES[is] ?? 'breaks nothing, but opens what the policy meant to let through and did not'],
    }
  },
})
