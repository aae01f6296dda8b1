/** Takes nodes/proxy out of a role, and leaves in its place what a kubelet asks for where somebody only reads from it. */

import { remedy } from '../src/model/define.ts'
import type { Json, PolicyRule, Proposal, Remedy } from '../src/model/index.ts'
import type { RbacEvidence } from '../src/objects/rbac-exposure.ts'
import { hasNames } from '../src/objects/rbac-rules.ts'
import { minorOf } from '../src/objects/version.ts'
import { listOf } from './role-binding.ts'
import { narrowRights } from './role-rules.ts'

const ALWAYS = ['nodes/metrics', 'nodes/stats', 'nodes/log']
/** Kubelets ask for these before they ask for nodes/proxy from 1.33 on (KubeletFineGrainedAuthz). */
const FINE = ['nodes/pods', 'nodes/healthz', 'nodes/configz']
const FINE_SINCE = 33

const { names: _, ...OPTIONS } = narrowRights.options!

export const kubeletRights: Remedy<RbacEvidence> = remedy<RbacEvidence>({
  family: 'kubelet-rights',
  reads: [...narrowRights.reads, 'ServerVersion'],
  options: {
    ...OPTIONS,
    instead: {
      describe: `of a rule: what its subjects may read from kubelets instead, of ${[...ALWAYS, ...FINE].join(', ')} (the last three need kubelets of 1.33 or newer); it is of use to those who ask the kubelet itself, not through the API server; empty: nothing`,
      default: [],
    },
  },
  propose: (finding, context) => {
    const proposal = narrowRights.propose(finding, context)
    const wanted = listOf(context.options['instead'])
    const edit = 'changes' in proposal ? proposal.changes[0] : undefined
    if (wanted.length === 0 || !('mend' in finding.evidence) || edit?.type !== 'edit') return proposal
    const why = whyNot(wanted, context.view.fact('ServerVersion')?.minor ?? minorOf(context.view.source.kubernetes))
    if (why !== undefined) return { byHand: why }
    return withReading(proposal as Changes, finding.evidence.rule, wanted)
  },
})
type Changes = Extract<Proposal, { changes: readonly unknown[] }>

function whyNot(wanted: readonly string[], minor: number | undefined): string | undefined {
  const unknown = wanted.find((one) => !ALWAYS.includes(one) && !FINE.includes(one))
  if (unknown !== undefined) return `${unknown} is nothing that a kubelet asks for: choose of ${[...ALWAYS, ...FINE].join(', ')}`
  const fine = wanted.find((one) => FINE.includes(one))
  return fine !== undefined && minor !== undefined && minor < FINE_SINCE
    ? `kubelets older than 1.${FINE_SINCE} ask for nodes/proxy where ${fine} is meant: leave it out, or update them first`
    : undefined
}

function withReading(proposal: Changes, { resourceNames, ...rule }: PolicyRule, wanted: readonly string[]): Proposal {
  const names = hasNames({ ...rule, ...(resourceNames && { resourceNames }) }) ? { resourceNames: resourceNames! } : {}
  const reading: PolicyRule = { apiGroups: [''], resources: wanted, ...names, verbs: ['get'] }
  const changes = proposal.changes.map((change) =>
    change.type !== 'edit'
      ? change
      : {
          ...change,
          edits: change.edits.map((edit) =>
            'to' in edit && Array.isArray(edit.to) ? { ...edit, to: [...edit.to, reading as unknown as Json] } : edit,
          ),
        },
  )
  return { ...proposal, changes, summary: `${proposal.summary}, and let it get ${wanted.join(', ')} instead` }
}
