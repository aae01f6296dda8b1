import { setKubelet } from '../../../remediations/kubelet-config.ts'
import { readersOfPort } from '../../../remediations/kubelet-effects.ts'
import { control } from '../../model/define.ts'
import { KUBELET_LADDER, kubelets } from '../../objects/kubelet-config.ts'
import { kubeletFinding, kubeletSetting } from '../../objects/kubelet-settings.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'The read-only port of kubelets must be closed',
  severity: 'high',
  why: 'It shows the specification of every pod of the node, environment variables included, without asking who wants to know.',
  references: [
    { standard: 'CIS', section: '4.2.4' },
    { standard: 'KS', section: 'C-0175' },
  ],
  reads: [],
  consults: KUBELET_LADDER,
  *evaluate(view) {
    const { instances, unknown, notes } = kubelets(view)
    for (const instance of instances) {
      const { value } = kubeletSetting(instance, ['readOnlyPort'])
      if (value === undefined || Number(value) === 0) continue
      yield {
        ...kubeletFinding(instance, ['readOnlyPort']),
        reason: 'has the read-only port open',
        detail: `readOnlyPort: ${value}`,
        evidence: { grade: 'E1', source: instance.source, port: Number(value) },
      }
    }
    for (const note of notes) yield { note }
    if (unknown !== undefined) yield unknown
  },
  remedy: setKubelet(
    {
      set: { readOnlyPort: 0 },
      summary: 'close the read-only port',
      mayBreak: readersOfPort,
      provider: {
        gke: {
          argv: [
            'gcloud',
            'container',
            'node-pools',
            'update',
            '{node-pool}',
            '--cluster',
            '{cluster}',
            '--location',
            '{location}',
            '--no-enable-insecure-kubelet-readonly-port',
          ],
          undo: [
            'gcloud',
            'container',
            'node-pools',
            'update',
            '{node-pool}',
            '--cluster',
            '{cluster}',
            '--location',
            '{location}',
            '--enable-insecure-kubelet-readonly-port',
          ],
          risk: 'may-break',
          summary: 'close the read-only port',
          mayBreak: ['the nodes of the pool are made anew'],
          asks: { 'node-pool': 'Which node pool are these nodes of?' },
        },
      },
    },
    { reads: WORKLOAD_KINDS },
  ),
  verify: 'A connection to port 10255 of each node is refused.',
})
