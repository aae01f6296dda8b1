import { authorizers, useRbac } from '../../../remediations/authorizer-mode.ts'
import type { MetricSample, Observation, Remark } from '../../model/index.ts'
import { control } from '../../model/define.ts'
import { distribution, providerAnswer } from '../../objects/distribution.ts'
import { type ComponentInstance, componentFlags, CONTROL_PLANE, FLAG_LADDER, flagFinding, listFlag, serverMinor } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'

interface Evidence { readonly modes: readonly string[] }

export default control({
  title: 'The API server must authorize with RBAC, and never with AlwaysAllow or ABAC',
  severity: 'critical',
  why: 'Without --authorization-mode the API server allows everything to everybody who gets in. That the API of RBAC is served does not mean that anything is decided by it.',
  references: [
    { standard: 'CIS', section: '1.2.6' }, { standard: 'CIS', section: '1.2.8' }, { standard: 'NSA', section: 'A' }, { standard: 'OWASP', section: '2022/K03' }, { standard: 'OWASP', section: '2022/K09' },
    { standard: 'OWASP', section: '2025/K02' }, { standard: 'KS', section: 'C-0088' }, { standard: 'KS', section: 'C-0118' }, { standard: 'KS', section: 'C-0120' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'AuthorizationConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, notes } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) yield* judgeInstance(instance)
    for (const note of notes) yield { note }
    if (instances.length > 0) return
    const seen = decided(view.fact('ApiServerMetrics')?.samples ?? [])
    if (seen.length > 0) {
      const found = fault(seen)
      yield found === undefined || found.verdict === 'review' ? { note: `evidence E3: the API server counts decisions of ${seen.join(', ')}` } : { subject: CONTROL_PLANE, key: 'decisions', origin: 'workload', ...found, evidence: { modes: seen } }
      return
    }
    const { name, managed, certain } = distribution(view)
    if (name === 'gke') yield { unknown: 'GKE always runs RBAC, and may run legacy ABAC beside it', answer: `${providerAnswer(name)} --format="value(legacyAbac.enabled)"` }
    else if (managed && certain) yield { attested: `${name.toUpperCase()} documents that its API server always authorizes with RBAC` }
    else yield unknown!

    function* judgeInstance(instance: ComponentInstance): Iterable<Observation<Evidence> | Remark> {
      const path = instance.flags.get('authorization-config')
      if (!path) {
        const modes = listFlag(instance, 'authorization-mode', serverMinor(view))
        const found = fault(modes)
        if (found !== undefined) yield { ...flagFinding(instance, 'authorization-mode'), ...found, evidence: { modes } }
        return
      }
      const files = view.all('AuthorizationConfiguration')
      const file = files.find((one) => one.metadata.name === path.split('/').at(-1)) ?? (files.length === 1 ? files[0] : undefined)
      const modes = file === undefined ? decided(view.fact('ApiServerMetrics')?.samples ?? []) : authorizers(file).map(({ type }) => type)
      const found = fault(modes)
      if (file === undefined && modes.length === 0) yield { unknown: `which authorizers ${path} names is not seen`, answer: `scan ${path} with --manifests, or allow get on /metrics` }
      else if (found !== undefined && (file !== undefined || found.verdict !== 'review')) yield { ...(file === undefined ? flagFinding(instance, 'authorization-config') : { subject: refOf(file), at: ['authorizers'], origin: 'workload' as const }), ...found, evidence: { modes } }
    }
  },
  remedy: useRbac,
  verify: 'kubectl auth can-i "*" "*" --as=system:serviceaccount:default:nobody says no, and /readyz says ok.',
})

function fault(modes: readonly string[]): { readonly reason: string; readonly detail: string; readonly verdict?: 'review' } | undefined {
  const detail = `authorizers: ${modes.join(', ') || 'none'}`
  if (modes.includes('AlwaysAllow')) return { reason: 'allows every request', detail }
  if (modes.includes('ABAC')) return { reason: 'authorizes with ABAC', detail }
  if (!modes.includes('RBAC')) return { reason: 'does not authorize with RBAC', detail }
  if (modes.includes('Webhook') && modes.indexOf('Webhook') < modes.indexOf('RBAC')) return { reason: 'asks a webhook before RBAC', detail, verdict: 'review' }
  return undefined
}

/** Types of the authorizers that have decided something. */
const decided = (samples: readonly MetricSample[]): readonly string[] =>
  [...new Set(samples.filter(({ name, value }) => name === 'apiserver_authorization_decisions_total' && value > 0).map(({ labels }) => labels['type'] ?? ''))].sort()
