import { authorizers, useRbac } from '../../../remediations/authorizer-mode.ts'
import { control } from '../../model/define.ts'
import type { MetricSample, Observation, Remark } from '../../model/index.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import { distribution } from '../../objects/distribution.ts'
import {
  CONTROL_PLANE,
  type ComponentInstance,
  componentFlags,
  FLAG_LADDER,
  flagFinding,
  listFlag,
  serverMinor,
} from '../../objects/flags.ts'
import { providerAnswer } from '../../objects/provider-names.ts'
import { refOf } from '../../objects/ref.ts'

interface Evidence {
  readonly modes: readonly string[]
}

export default control({
  title: 'The API server must authorize with RBAC, and never with AlwaysAllow or ABAC',
  severity: 'critical',
  why: 'Without --authorization-mode the API server allows everything to everybody who gets in. That the API of RBAC is served does not mean that anything is decided by it.',
  references: [
    { standard: 'CIS', section: '1.2.6' },
    { standard: 'CIS', section: '1.2.8' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2022/K09' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0088' },
    { standard: 'KS', section: 'C-0118' },
    { standard: 'KS', section: 'C-0120' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'AuthorizationConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    for (const instance of instances) yield* judgeInstance(instance)
    yield* remarks
    if (instances.length > 0) return
    const told = byMetrics(view.fact('ApiServerMetrics')?.samples ?? [])
    if (told !== undefined) {
      yield told.found === undefined
        ? shownByOne(view, told.note)
        : { subject: CONTROL_PLANE, key: 'decisions', origin: 'workload', ...told.found, evidence: { modes: told.modes } }
      return
    }
    const { name, managed, certain } = distribution(view)
    if (name === 'gke')
      yield {
        unknown: 'GKE always runs RBAC, and may run legacy ABAC beside it',
        answer: `${providerAnswer(view)} --format="value(legacyAbac.enabled)"`,
      }
    else if (managed && certain && name !== 'doks')
      yield { attested: `${name.toUpperCase()} documents that its API server always authorizes with RBAC` }
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
      if (file === undefined) {
        const told = byMetrics(view.fact('ApiServerMetrics')?.samples ?? [])
        if (told === undefined)
          yield {
            unknown: `which authorizers ${path} names is not seen`,
            answer: `scan ${path} with --manifests, or allow get on /metrics`,
          }
        else if (told.found === undefined) yield shownByOne(view, told.note)
        else yield { ...flagFinding(instance, 'authorization-config'), ...told.found, evidence: { modes: told.modes } }
        return
      }
      const modes = authorizers(file).map(({ type }) => type)
      const found = fault(modes)
      if (found !== undefined)
        yield { subject: refOf(file), at: ['authorizers'], origin: 'workload' as const, ...found, evidence: { modes } }
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
  if (modes.includes('Webhook') && modes.indexOf('Webhook') < modes.indexOf('RBAC'))
    return { reason: 'asks a webhook before RBAC', detail, verdict: 'review' }
  return undefined
}

/** Authorizers that have decided something. One that has not decided yet is not counted, so without RBAC among them nothing is proved. */
function byMetrics(
  samples: readonly MetricSample[],
): { readonly modes: readonly string[]; readonly found: ReturnType<typeof fault>; readonly note: string } | undefined {
  const decided = samples.filter(({ name, value }) => name === 'apiserver_authorization_decisions_total' && value > 0)
  const modes = [...new Set(decided.map(({ labels }) => labels['type'] ?? ''))].sort()
  const note = `evidence E3: the API server counts decisions of ${modes.join(', ')}`
  if (modes.includes('AlwaysAllow') || modes.includes('ABAC')) return { modes, found: fault(modes), note }
  return modes.includes('RBAC') ? { modes, found: undefined, note } : undefined
}
