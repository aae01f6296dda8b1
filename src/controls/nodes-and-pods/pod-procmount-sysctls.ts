import { kernelViewRemedy } from '../../../remediations/kernel-view.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { inUserNamespace } from '../../objects/pod-security-baseline.ts'
import { policyMinor, policyMinorIn } from '../../objects/pod-security-namespace.ts'
import { sysctlSafeSince } from '../../objects/pod-security-sysctls.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

/** `since`: minor of the policy version that first allows it at the baseline level; null for none. */
export interface KernelView {
  readonly procMount?: string
  readonly sysctls: readonly { readonly name: string; readonly since: number | null }[]
  readonly userNamespace: boolean
}
/** From here on the baseline level allows procMount in a user namespace. */
const RELAXED_SINCE = 35

export default control({
  title: 'Pods must keep /proc masked and set only safe sysctls',
  severity: 'medium',
  why: 'The runtime hides parts of /proc through which a container could change or read the kernel, and sysctls outside the safe list reach the node and every other pod on it.',
  references: [
    { standard: 'PSS', section: 'baseline/procMount' },
    { standard: 'PSS', section: 'restricted/procMount_restricted' },
    { standard: 'PSS', section: 'baseline/sysctls' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0211' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'ServerVersion', 'Namespace'],
  *evaluate(view) {
    let byVersion = false
    for (const one of evaluateSpecs(view)) {
      if (!('reason' in one)) {
        yield one
        continue
      }
      const minor = policyMinorIn(view, one.subject.namespace)
      const { procMount, sysctls, userNamespace } = one.evidence
      if (procMount !== undefined) {
        const relaxed = userNamespace && minor >= RELAXED_SINCE
        yield { ...one, pss: relaxed ? 'restricted' : 'baseline', ...(userNamespace && { severity: 'low' as const }) }
        continue
      }
      const unsafe = sysctls.filter(({ since }) => since === null || since > minor)
      byVersion ||= unsafe.length < sysctls.length
      if (unsafe.length > 0)
        yield { ...one, pss: 'baseline', detail: unsafe.map(inWords).join(', '), evidence: { ...one.evidence, sysctls: unsafe } }
    }
    if (byVersion && policyMinor(view) === undefined)
      yield { note: 'which version the API server has is not known: sysctls are judged by the newest list of safe ones' }
    else if (byVersion && view.unread('Namespace') !== undefined)
      yield { note: 'which version the namespaces enforce could not be read: sysctls are judged by the list of the server' }
  },
  remedy: kernelViewRemedy(),
  verify: 'Read /proc/self/mountinfo in the new container: /proc/kcore and /proc/sysrq-trigger must be masked or read-only.',
})

const evaluateSpecs = perPodSpec<KernelView>(function* (spec) {
  const userNamespace = inUserNamespace(spec)
  for (const { container, at } of eachContainer(spec)) {
    const { procMount } = container.securityContext ?? {}
    if (procMount == null || procMount === 'Default') continue
    yield {
      container: container.name,
      at: [...at, 'securityContext', 'procMount'],
      reason: 'has parts of /proc shown that the runtime hides',
      detail: `procMount: ${procMount}${userNamespace ? ', in a user namespace' : ''}`,
      evidence: { procMount, sysctls: [], userNamespace },
    }
  }
  const sysctls = (spec.securityContext?.sysctls ?? []).map(({ name }) => ({ name, since: sysctlSafeSince(name) ?? null }))
  const doubtful = sysctls.filter(({ since }) => since !== 0)
  if (doubtful.length > 0)
    yield {
      at: ['securityContext', 'sysctls'],
      reason: 'sets sysctls outside the safe list',
      evidence: { sysctls: doubtful, userNamespace },
    }
})

const inWords = ({ name, since }: KernelView['sysctls'][number]): string => (since === null ? name : `${name} (safe from 1.${since} on)`)
