/** The same role where it is needed: RoleBindings in some namespaces instead of a ClusterRoleBinding. */
import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import type { SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { refText } from '../src/objects/ref.ts'
import { KEPT_READS } from './kept-rights.ts'
import { listOf, withoutSubjects } from './role-binding.ts'

export interface ExcessEvidence extends SubjectEvidence {
  /** Where the role is enough; empty where nobody can tell from here. */
  readonly namespaces: readonly string[]
  readonly because: readonly string[]
}

/** Key of a finding about accounts of which nothing shows where they work. */
export const UNPROVEN = 'unproven'

export const bindByNamespace: Remedy<ExcessEvidence> = remedy<ExcessEvidence>({
  family: 'namespaced-binding',
  reads: KEPT_READS,
  options: {
    namespaces: { describe: 'the namespaces in which to bind the role instead; empty: those that the evidence names', default: [] },
  },
  propose: byNamespace,
})

function byNamespace(finding: Finding<ExcessEvidence>, context: RemedyContext): Proposal {
  const chosen = listOf(context.options['namespaces'])
  const namespaces = chosen.length > 0 ? chosen : finding.evidence.namespaces
  if (namespaces.length === 0)
    return {
      needs: {
        option: 'namespaces',
        question: `In which namespaces, such as shop,pay, does it need what ${refText(finding.subject)} grants? One answer for all findings of this check; --audit-log FILE would show it of each.`,
      },
    }
  // What the evidence says of some is no reason to move the others with them.
  const alongside = context.alongside.filter((one) => one.control !== finding.control || chosen.length > 0)
  const proposal = withoutSubjects(finding, { ...context, alongside, options: { namespaces: [...namespaces] } }, 'may-break')
  if (!('changes' in proposal)) return proposal
  return {
    ...proposal,
    mayBreak: [
      ...(proposal.mayBreak ?? []).filter((clause) => !clause.includes('keeps only')),
      `whatever it lists or watches in the whole cluster, or in other namespaces than ${namespaces.join(', ')}, is refused`,
      ...finding.evidence.because,
    ],
  }
}
