import { podSecurityLabels } from '../../../remediations/namespace-label.ts'
import { control } from '../../model/define.ts'
import type { NamespaceObject } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { fewOf } from '../../objects/few-of.ts'
import { CLUSTER_DEFAULT_KINDS, type ClusterDefault, clusterDefault, isExempt } from '../../objects/pod-security-default.ts'
import { ENGINE_READS, engines, unreadEngines } from '../../objects/pod-security-engines.ts'
import { doubtsOf, isHeld, isOpen } from '../../objects/pod-security-held.ts'
import { ENFORCE, tellsOf, warnsOf } from '../../objects/pod-security-labels.ts'
import { couldClimb, ladderOf } from '../../objects/pod-security-ladder.ts'
import { type FitnessView, namespaceFitness } from '../../objects/pod-security-namespace.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Every namespace must enforce a Pod Security level',
  severity: 'high',
  why: 'Without an enforced level anyone who may create pods in a namespace may create one that owns its node. A label on the namespace makes the API server refuse such pods, whoever asks.',
  references: [
    { standard: 'CIS', section: '5.2.1' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K04' },
    { standard: 'OWASP', section: '2025/K04' },
    { standard: 'KS', section: 'C-0192' },
    { standard: 'PSS', section: 'baseline' },
  ],
  reads: ['Namespace'],
  consults: [...WORKLOAD_KINDS, ...ENGINE_READS, ...CLUSTER_DEFAULT_KINDS],
  *evaluate(view) {
    const byDefault = clusterDefault(view)
    const others = engines(view)
    const unread = unreadEngines(view)
    if (distribution(view).name === 'openshift')
      yield { attested: 'OpenShift admits pods by security context constraints, whatever the labels say' }
    else {
      if ('unseen' in byDefault) yield { note: `whether a cluster-wide default holds: ${byDefault.unseen}; to know: ${byDefault.answer}` }
      const probed = [...byDefault.answers.values()].filter(({ is }) => is === 'refused').map(({ namespace }) => namespace)
      if (probed.length > 0)
        yield { note: `${probed.join(', ')}: Pod Security refused a dry run of a privileged pod there, by the cluster's default` }
      const blind = new Set<string>()
      for (const namespace of view.all('Namespace')) {
        if (namespace.status?.phase === 'Terminating') continue
        const labelsCount = !('off' in byDefault) && !isExempt(namespace.metadata.name, byDefault)
        if (isHeld(namespace, byDefault, others)) {
          for (const constraint of others.blindIn(namespace.metadata.name)) blind.add(constraint)
          if (labelsCount && couldClimb(view, namespace)) yield rung(namespace, view)
          continue
        }
        const doubts = doubtsOf(namespace, byDefault, others, unread)
        const { workloads: running = 0, platform = false } = namespaceFitness(view).get(namespace.metadata.name) ?? {}
        const warned = warnsOf(namespace)
        yield {
          subject: refOf(namespace),
          at: ['metadata', 'labels', ENFORCE],
          reason: reasonFor(namespace, byDefault, warned),
          detail: [workloadsText(running), ...(isOpen(namespace, byDefault) ? [ADMITTED] : []), ...doubts].join('; '),
          ...(warned ? { key: 'warned' } : tellsOf(namespace, 'warn', 'baseline') && { key: 'warns' }),
          ...(platform && { origin: 'system' as const }),
          ...(doubts.length > 0 && { verdict: 'review' as const }),
          ...(running === 0 && { severity: 'medium' as const }),
          evidence: {
            enforce: namespace.metadata.labels?.[ENFORCE] ?? null,
            workloads: running,
            labelsCount,
            ...ladderOf(view, namespace),
          },
        }
      }
      if (blind.size > 0)
        yield { note: `${fewOf([...blind])} of Gatekeeper: no word on ephemeral containers (kubectl debug); ${DEBUGGERS}` }
    }
  },
  remedy: podSecurityLabels(),
  verify:
    'Ask the API server for a privileged pod with a dry run: kubectl -n NAMESPACE run probe --image=x --privileged --dry-run=server must answer "violates PodSecurity".',
})

const DEBUGGERS = 'see who may update pods/ephemeralcontainers'

const ADMITTED = 'the API server was asked by a dry run, and would take in a privileged pod'
const workloadsText = (running: number): string =>
  running === 0 ? 'no workloads run here yet' : `${running} ${running === 1 ? 'workload' : 'workloads'}`

/** A further rung of the ladder: nothing is wrong, a person judges whether what is to come will be as strict. */
const rung = (namespace: NamespaceObject, view: FitnessView) =>
  ({
    subject: refOf(namespace),
    at: ['metadata', 'labels', ENFORCE],
    key: 'rung',
    verdict: 'review',
    severity: 'low',
    reason: 'enforces only the baseline level, and everything in it passes restricted',
    detail: workloadsText(namespaceFitness(view).get(namespace.metadata.name)!.workloads),
    evidence: {
      enforce: 'baseline',
      workloads: namespaceFitness(view).get(namespace.metadata.name)!.workloads,
      labelsCount: true,
      ...ladderOf(view, namespace),
    },
  }) as const

function reasonFor(namespace: NamespaceObject, byDefault: ClusterDefault, warned: boolean): string {
  if ('off' in byDefault) return 'is held to no Pod Security level because the admission plugin is switched off'
  if (isExempt(namespace.metadata.name, byDefault)) return 'is exempt from Pod Security admission'
  if (namespace.metadata.labels?.[ENFORCE] === 'privileged') return 'enforces the privileged level, which allows everything'
  return warned ? 'only warns about Pod Security violations' : 'enforces no Pod Security level'
}
