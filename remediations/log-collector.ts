/** Logs that nobody collects: words, since where they are to go is not known from here. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'
import { refText } from '../src/objects/ref.ts'

export const collectLogs: Remedy = remedy({
  family: 'log-collector',
  reads: [],
  propose({ key, subject }) {
    if (key === 'coverage')
      return {
        byHand: `let ${refText(subject)} run on these nodes too: tolerations: [{operator: Exists}] takes every taint; a nodeSelector or an affinity may have to go`,
      }
    if (key === 'ready')
      return {
        byHand: `find out why its pods are not ready: kubectl -n ${subject.namespace} describe daemonset ${subject.name}, and their events`,
      }
    if (key === 'virtual')
      return { byHand: 'switch on the log router of the provider (on EKS Fargate: ConfigMap aws-observability/aws-logging)' }
    return {
      byHand:
        'install a collector on every node, control plane included (tolerations: [{operator: Exists}]), for instance Fluent Bit by its Helm chart fluent/fluent-bit, with an output to a store outside the cluster',
    }
  },
})
