/** Takes the right to write labels of namespaces away; or freezes the labels of Pod Security for whoever keeps that right. */
import { remedy } from '../src/model/define.ts'
import type { Change, Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { FREEZE, FREEZE_KINDS, freezePolicy } from '../src/objects/label-freeze.ts'
import type { RbacEvidence } from '../src/objects/rbac-exposure.ts'
import { minorOf } from '../src/objects/version.ts'
import { narrowRights } from './role-rules.ts'

/** `freeze`: the namespaces whose labels are to be frozen. */
export type LabelEvidence = RbacEvidence | { readonly freeze: readonly string[] }

export const protectLabels: Remedy<LabelEvidence> = remedy<LabelEvidence>({
  family: 'label-freeze',
  reads: [...narrowRights.reads, ...FREEZE_KINDS, 'ServerVersion'],
  options: narrowRights.options ?? {},
  propose: (finding, context) =>
    'freeze' in finding.evidence ? frozen(context) : narrowRights.propose(finding as Finding<RbacEvidence>, context),
})

function frozen({ view }: RemedyContext): Proposal {
  const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  if (minor !== undefined && minor < 30)
    return { byHand: `v1.${minor} has no ValidatingAdmissionPolicy yet (v1.30 has): take the right itself away, or upgrade` }
  if (FREEZE_KINDS.some((kind) => view.all(kind).some(({ metadata }) => metadata.name === FREEZE)))
    return {
      byHand: `somebody has changed ${FREEZE} or its binding: compare them with what this tool writes, or delete both and plan again`,
    }
  return {
    changes: freezePolicy().map((object): Change => ({ type: 'create', object })),
    risk: 'may-break',
    summary: 'freeze the Pod Security labels of namespaces by a ValidatingAdmissionPolicy',
    mayBreak: ['whoever changes these labels without being allowed to update validatingadmissionpolicies is refused'],
  }
}
