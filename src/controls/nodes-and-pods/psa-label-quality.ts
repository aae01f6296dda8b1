import { mendLabels } from '../../../remediations/namespace-label-faults.ts'
import { control } from '../../model/define.ts'
import type { NamespaceObject, Observation, Remark, RoleObject } from '../../model/index.ts'
import { serverMinor } from '../../objects/flags.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { DECLARED_DEFAULT_KINDS, type Declared, declaredDefault } from '../../objects/pod-security-default.ts'
import {
  type LabelFault,
  type LabelFaultKind,
  labelFaults,
  leftoverAnnotations,
  PSP_GONE,
} from '../../objects/pod-security-label-faults.ts'
import { ENFORCE } from '../../objects/pod-security-labels.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

type Evidence = { readonly is: LabelFaultKind | 'without-effect' | 'leftover-annotation' | 'leftover-rule'; readonly value: string | null }
const KINDS = ['Namespace', 'Role', 'ClusterRole', ...WORKLOAD_KINDS] as const

export default control({
  title: 'Pod Security labels must be valid, pinned and in effect',
  severity: 'low',
  why: 'A label with a typing error does something else than it says: enforce then means restricted, warn and audit mean nothing. One without a version changes its meaning with the next upgrade of the cluster.',
  references: [
    { standard: 'CIS', section: '5.2.1' },
    { standard: 'KS', section: 'C-0068' },
  ],
  reads: [],
  consults: ['Role', 'ClusterRole', 'Namespace', ...WORKLOAD_KINDS, ...DECLARED_DEFAULT_KINDS],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    for (const kind of KINDS) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    const minor = serverMinor(view)
    const byDefault = declaredDefault(view)
    for (const namespace of view.all('Namespace')) {
      if (namespace.status?.phase === 'Terminating') continue
      for (const fault of labelFaults(namespace, minor)) yield ofLabel(namespace, fault)
      yield* withoutEffect(namespace, byDefault)
    }
    if (minor !== undefined && minor < PSP_GONE) return
    for (const role of [...view.all('Role'), ...view.all('ClusterRole')]) yield* leftoverRules(role)
    for (const workload of workloads(view)) yield* leftovers(workload)
  },
  remedy: mendLabels(),
  verify: 'kubectl label --dry-run=server --overwrite of the same labels on the namespace answers without a warning.',
})

const REASONS: Readonly<Record<LabelFaultKind, (fault: LabelFault) => string>> = {
  'no-level': ({ mode }) =>
    mode === 'enforce'
      ? 'enforces a level that does not exist, which means restricted'
      : `has a level for ${mode} that does not exist, which means none`,
  'no-version': ({ mode }) => `has a version for ${mode} that does not exist, which means latest`,
  'not-pinned': () => 'enforces a level without pinning its version',
  'old-pin': () => 'enforces a level as an old version knew it',
  weaker: ({ mode }) => `has a weaker level for ${mode} than it enforces`,
}
const ofLabel = (namespace: NamespaceObject, fault: LabelFault): Observation<Evidence> => ({
  subject: refOf(namespace),
  at: ['metadata', 'labels', fault.label],
  reason: REASONS[fault.is](fault),
  detail: `${fault.label}${fault.value === null ? ' is not set' : `: ${fault.value}`}`,
  key: fault.is,
  evidence: { is: fault.is, value: fault.value },
})

function* withoutEffect(namespace: NamespaceObject, byDefault: Declared): Iterable<Observation<Evidence>> {
  const { name, labels = {} } = namespace.metadata
  if (labels[ENFORCE] === undefined) return
  const why =
    'off' in byDefault
      ? byDefault.off
      : 'exempt' in byDefault && byDefault.exempt.includes(name)
        ? `${byDefault.from} exempts it`
        : undefined
  if (why === undefined) return
  yield {
    subject: refOf(namespace),
    at: ['metadata', 'labels', ENFORCE],
    reason: 'has Pod Security labels that have no effect',
    detail: why,
    key: 'without-effect',
    evidence: { is: 'without-effect', value: labels[ENFORCE] ?? null },
  }
}

function* leftoverRules(role: RoleObject): Iterable<Observation<Evidence>> {
  const index = (role.rules ?? []).findIndex((rule) => rule.resources?.includes('podsecuritypolicies'))
  if (index < 0) return
  yield {
    subject: refOf(role),
    at: ['rules', index],
    reason: 'still grants the use of PodSecurityPolicies, which no server has any more',
    severity: 'info',
    evidence: { is: 'leftover-rule', value: null },
  }
}

function* leftovers(workload: Workload): Iterable<Observation<Evidence>> {
  for (const key of leftoverAnnotations(workload.templateAnnotations))
    yield {
      subject: workload.ref,
      ...(workload.at && { at: [...workload.at.slice(0, -1), 'metadata', 'annotations', key] }),
      key,
      reason: 'has an annotation that nothing reads any more',
      detail: key,
      ...((workload.mirror || isPlatformAgent(workload)) && { origin: 'system' as const }),
      ...(key === 'kubernetes.io/psp' && { severity: 'info' as const }),
      evidence: { is: 'leftover-annotation', value: key },
    }
}
