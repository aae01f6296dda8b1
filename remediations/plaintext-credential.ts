/** A credential in plain sight: what was readable must be replaced, which only its owner can do; a stray copy in an annotation can be removed. */

import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, Remedy } from '../src/model/index.ts'
import { LAST_APPLIED } from './secret.ts'

export interface CredentialEvidence {
  readonly where: 'env' | 'argument' | 'data' | 'annotation' | 'binaryData' | 'lastApplied'
  readonly name: string
  readonly format: string
  readonly length: number
}

export const moveToSecret = (): Remedy<CredentialEvidence> =>
  remedy<CredentialEvidence>({
    family: 'plaintext-credential',
    reads: [],
    propose(finding, { view }): Proposal {
      return finding.evidence.where === 'lastApplied' ? dropCopy(finding, view.source.kind === 'live') : { byHand: steps(finding) }
    },
  })

/** Live, the way back would have to keep the copy, and with it the Secret, in the journal: that is not done. */
function dropCopy({ subject }: Pick<Finding, 'subject'>, live: boolean): Proposal {
  if (live)
    return {
      byHand: `kubectl -n ${subject.namespace} annotate secret ${subject.name} ${LAST_APPLIED}- removes it; from then on write the Secret with kubectl apply --server-side, or it comes back`,
    }
  return {
    changes: [{ type: 'edit', target: subject, edits: [{ unset: ['metadata', 'annotations', LAST_APPLIED] }] }],
    risk: 'safe',
    summary: 'remove the copy of its content from the annotation',
  }
}

function steps({ subject, evidence: { where, name } }: Finding<CredentialEvidence>): string {
  const namespace = subject.namespace ?? 'default'
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  // WORDPRESS_DB_PASSWORD of wordpress says already whose it is.
  const secret = (plain.startsWith(subject.name) ? plain : `${subject.name}-${plain}`).slice(0, 63).replace(/-+$/, '')
  const use: Readonly<Record<CredentialEvidence['where'], string>> = {
    env: `refer to it with valueFrom.secretKeyRef {name: ${secret}, key: value}, or better mount it as a file`,
    argument: `give the program the path of a mounted file, or a variable with valueFrom.secretKeyRef {name: ${secret}, key: value} and $(VARIABLE) in its place`,
    data: 'mount the Secret beside the ConfigMap, or let the configuration name a file',
    annotation: 'take the annotation out',
    binaryData: 'keep the key store in a Secret and mount that',
    lastApplied: '',
  }
  return `make a new credential where it was issued and put it into a Secret (kubectl -n ${namespace} create secret generic ${secret} --from-file=value=FILE); ${use[where]}; then revoke the old one, because whoever could read ${subject.kind} ${subject.name} has it`
}
