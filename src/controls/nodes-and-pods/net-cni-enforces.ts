import { enforcePolicies } from '../../../remediations/network-plugin.ts'
import { control } from '../../model/define.ts'
import { CNI_KINDS, networkPlugins, nodesWithoutAgent } from '../../objects/network-cni.ts'
import { WHOLE_CLUSTER } from '../../objects/ref.ts'

export default control({
  title: 'The network plugin must enforce NetworkPolicy',
  severity: 'high',
  why: 'The API server accepts NetworkPolicies whatever plugin runs. Under one that does not enforce them every policy is a promise that nobody keeps.',
  references: [
    { standard: 'CIS', section: '5.3.1' },
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K07' },
    { standard: 'OWASP', section: '2025/K05' },
    { standard: 'KS', section: 'C-0205' },
    { standard: 'KS', section: 'C-0230' },
    { standard: 'KS', section: 'C-0240' },
  ],
  reads: ['DaemonSet'],
  consults: [...CNI_KINDS.filter((kind) => kind !== 'DaemonSet'), 'NetworkPolicy'],
  *evaluate(view) {
    const plugins = networkPlugins(view)
    const enforcing = plugins.filter((plugin) => plugin.enforces)
    const sure = enforcing.filter(({ doubt }) => doubt === undefined)
    if (sure.length > 0) {
      yield {
        note: `evidence: ${[...new Set(sure.map((plugin) => plugin.name))].join(', ')} recognised by name; only two pods that try to reach each other prove it: k8s-harden try-enforcement`,
      }
      const { without, unready } = nodesWithoutAgent(view, sure)
      if (without > 0)
        yield {
          unknown: `whether policies are enforced on ${without} of ${view.all('Node').length} nodes, for which the agent of ${sure[0]!.name} is not meant`,
          answer:
            'kubectl get daemonsets -A -o wide compares how many agents there are with the nodes; look at taints and at nodes that run Windows',
        }
      if (unready > 0)
        yield {
          unknown: `whether policies are enforced on ${unready} ${unready === 1 ? 'node' : 'nodes'} whose agent of ${sure[0]!.name} is not ready`,
          answer: 'kubectl get daemonsets -A, then the logs of the agents that are not ready',
        }
      return
    }
    if (enforcing.length > 0) {
      yield {
        unknown: `${enforcing[0]!.name} was recognised, but ${enforcing[0]!.doubt}`,
        answer: 'k8s-harden try-enforcement lets two pods try it',
      }
      return
    }
    const unread = CNI_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined && one.what !== 'ServerVersion')
    if (plugins.length === 0 || unread !== undefined) {
      const what =
        plugins.length === 0
          ? 'no network plugin that is known was recognised among the DaemonSets'
          : `${plugins[0]!.name}: ${plugins[0]!.why}, but not everything could be read (${unread!.because})`
      yield {
        unknown: what,
        answer: unread?.answer ?? 'k8s-harden try-enforcement lets two pods try it; kubectl -n kube-system get daemonsets',
      }
      return
    }
    const policies = view.all('NetworkPolicy').length
    for (const plugin of plugins) {
      yield {
        subject: plugin.subject ?? WHOLE_CLUSTER,
        origin: 'workload',
        key: plugin.name,
        reason: policies > 0 ? 'does not enforce the NetworkPolicies that exist' : 'does not enforce NetworkPolicy',
        detail: `${plugin.name} (${plugin.why})${policies === 0 ? '' : `; ${policies} ${policies === 1 ? 'policy' : 'policies'}`}`,
        severity: policies > 0 ? 'critical' : 'high',
        evidence: { plugin: plugin.name, why: plugin.why, policies },
      }
    }
  },
  remedy: enforcePolicies,
  verify:
    'k8s-harden try-enforcement connects two throw-away pods in a namespace of their own before, with and after a policy that denies all ingress.',
})
