/** Lets pods ask for names that other policies shut in for egress. */
import type { Proposal } from '../../src/model/index.ts'
import { clusterDns } from '../../src/objects/network-dns.ts'
import { dnsPath } from '../../src/objects/network-dns-path.ts'
import type { NeedView } from '../../src/objects/network-needs.ts'
import { selectionOf, unitedSelectors } from '../../src/objects/network-pod-selector.ts'
import type { ReachView } from '../../src/objects/network-reach.ts'
import { endsByNamespace } from '../../src/objects/network-service-targets.ts'
import { policyObject, type Rule } from './policy-rules.ts'

export const dnsRuleOf = (view: NeedView): Rule => {
  const { peers, ports, because } = clusterDns(view)
  return { ...(peers.length > 0 && { peers }), ports, because: [because] }
}

/** `path`: of which pods, as the control tells them. */
export function allowDns(view: NeedView & ReachView, namespace: string, path: 'silent' | 'shut'): Proposal {
  const ends = (endsByNamespace(view).get(namespace) ?? []).filter((end) => !end.hostNetwork)
  const lacking = ends.filter((end) => dnsPath(view, end) === path)
  const workloads = [...new Set(lacking.map(({ workload }) => workload))]
  const isAll = lacking.length === ends.length
  const selectors = isAll ? [{}] : unitedSelectors(workloads.map((workload) => selectionOf(view, workload).selector))
  const taken = new Set(view.all('NetworkPolicy').flatMap(({ metadata }) => (metadata.namespace === namespace ? [metadata.name] : [])))
  const rules = [dnsRuleOf(view)]
  return {
    changes: selectors.map((pods) => ({
      type: 'create',
      object: policyObject(namespace, 'egress', { name: 'allow-dns-too', pods, rules }, taken),
    })),
    risk: 'may-break',
    summary: `allow DNS to pods of namespace ${namespace} that policies shut in`,
    mayBreak: ['pods that were to reach nothing at all can then ask for names, and send out what they know by asking'],
  }
}
