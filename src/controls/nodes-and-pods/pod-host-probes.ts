import { probeHostRemedy } from '../../../remediations/probe-host.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { handlerHosts } from '../../objects/pod-security-hosts.ts'
import { policyMinorIn } from '../../objects/pod-security-namespace.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

/** The baseline level refuses a host from this policy version on. */
const BASELINE_SINCE = 34

export default control({
  title: 'Probes and lifecycle hooks must ask the pod itself',
  severity: 'low',
  why: 'A host in a probe or hook makes the kubelet connect to that address from the network of the node: whoever writes the pod can reach through it what only the node should, and tell by the answer what is there.',
  references: [
    { standard: 'PSS', section: 'baseline/hostProbesAndHostLifecycle' },
    { standard: 'OWASP', section: '2025/K01' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'ServerVersion', 'Namespace'],
  *evaluate(view) {
    for (const one of evaluateSpecs(view)) {
      if (!('reason' in one)) yield one
      else if (policyMinorIn(view, one.subject.namespace) >= BASELINE_SINCE) yield { ...one, pss: 'baseline' }
      else yield { ...one, detail: `${one.detail}; the baseline level refuses it from 1.${BASELINE_SINCE} on` }
    }
  },
  remedy: probeHostRemedy(),
  verify: 'Watch the new pod become ready and stay so for a few periods of its probes.',
})

const evaluateSpecs = perPodSpec(function* (spec) {
  for (const { container, at } of eachContainer(spec)) {
    for (const { at: inside, action, host } of handlerHosts(container)) {
      const handler = inside.at(-2)!
      yield {
        container: container.name,
        at: [...at, ...inside, 'host'],
        reason: 'has the kubelet connect to a host it names',
        detail: `${handler} asks ${host}`,
        evidence: { handler, action, host },
      }
    }
  }
})
