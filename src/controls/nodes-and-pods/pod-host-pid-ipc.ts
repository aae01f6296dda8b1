import { setPodField } from '../../../remediations/pod-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const FIELDS = ['hostPID', 'hostIPC'] as const
type Evidence = { readonly field: (typeof FIELDS)[number] }

export default control({
  title: 'Pods must not share the PID or IPC namespace of their node',
  severity: 'high',
  why: 'A process in the PID namespace of the node sees every process there, with its environment and open files, and may signal those of its own user; in its IPC namespace it reads shared memory of the node.',
  references: [
    { standard: 'PSS', section: 'baseline/hostNamespaces' },
    { standard: 'CIS', section: '5.2.3' },
    { standard: 'CIS', section: '5.2.4' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0038' },
    { standard: 'KS', section: 'C-0275' },
    { standard: 'KS', section: 'C-0276' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec<Evidence>(function* (spec) {
    for (const field of FIELDS) {
      if (spec[field] === true)
        yield {
          at: [field],
          reason: field === 'hostPID' ? 'shares the PID namespace of its node' : 'shares the IPC namespace of its node',
          evidence: { field },
        }
    }
  }),
  remedy: setPodField<Evidence>({
    wish: ({ evidence }) => `set ${evidence.field}: false`,
    change: (_place, { evidence: { field } }) => ({
      edits: [{ set: [field], to: false }],
      summary: `set ${field}: false`,
      prediction: mayBreak(
        field === 'hostPID'
          ? 'it no longer sees the processes of the node, which monitoring and debugging agents look at'
          : 'it no longer shares memory with processes of the node',
      ),
    }),
  }),
})
