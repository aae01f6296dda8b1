import { type Shipping, shipAudit } from '../../../remediations/audit-shipping.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View } from '../../model/index.ts'
import { AUDIT_ATTESTED, auditAsk } from '../../objects/audit-provider.ts'
import { isAudited, logPathOf } from '../../objects/audit-retention.ts'
import { collectorsOf, lackWords, ships } from '../../objects/audit-shipping.ts'
import { distribution } from '../../objects/distribution.ts'
import { type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding } from '../../objects/flags.ts'
import { refOf, refText } from '../../objects/ref.ts'

const CONSULTS = [...FLAG_LADDER, 'DaemonSet'] as const
type ShippingView = View<(typeof CONSULTS)[number]>

/** Absence is for a human to judge: an agent of the node itself is invisible from the API. */
export default control({
  title: 'The audit log must leave its node',
  severity: 'medium',
  why: 'Whoever takes over a control-plane node can change or remove the log that lies on it. A copy elsewhere is what an investigation rests on.',
  references: [
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K05' },
    { standard: 'OWASP', section: '2025/K10' },
  ],
  reads: [],
  consults: CONSULTS,
  *evaluate(view): Iterable<Observation<Shipping> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    yield* remarks
    if (unknown !== undefined) {
      const { name, managed, certain } = distribution(view)
      if (managed && certain && (name === 'gke' || name === 'oke')) yield { attested: AUDIT_ATTESTED[name] }
      else yield managed && (name === 'eks' || name === 'aks') ? auditAsk(name, view) : unknown
      return
    }
    const audited = instances.filter(isAudited)
    if (audited.length === 0) {
      yield { notApplicable: 'no audit log is written (see audit-enabled)' }
      return
    }
    const sends = audited.filter((instance) => effectiveFlag(instance, 'audit-webhook-config-file', undefined).value !== undefined)
    for (const instance of sends) yield* judgeWebhook(instance)
    const kept = Map.groupBy(
      audited.filter((instance) => !sends.includes(instance)),
      (instance) => logPathOf(instance)!,
    )
    for (const [path, writers] of kept) yield* judgePath(view, path, writers)
  },
  remedy: shipAudit,
  verify: 'k8s-harden try-audit makes a marked ConfigMap and says what to look for in the store.',
})

function* judgeWebhook(instance: ComponentInstance): Iterable<Observation<Shipping> | Remark> {
  const mode = effectiveFlag(instance, 'audit-webhook-mode', undefined).value ?? 'batch'
  yield { note: `${instance.name} sends its audit events to a webhook (mode ${mode}); whether they arrive is not seen from here` }
  if (mode !== 'blocking-strict') return
  yield {
    ...flagFinding(instance, 'audit-webhook-mode'),
    reason: 'refuses all requests while its audit webhook does not answer',
    detail: `--audit-webhook-mode=${mode} in ${instance.name}`,
    evidence: { is: 'strict' },
  }
}

function* judgePath(view: ShippingView, path: string, writers: readonly ComponentInstance[]): Iterable<Observation<Shipping> | Remark> {
  const unread = view.unread('DaemonSet')
  if (unread !== undefined) {
    yield { unknown: `who takes up ${path}: ${unread.because}`, answer: unread.answer }
    return
  }
  const collectors = collectorsOf(view, path)
  const [best] = collectors
  if (best !== undefined && ships(best)) {
    yield { note: `${path} is taken up by ${best.by} (${refText(refOf(best.set))}); whether it arrives is not seen from here` }
  } else if (best !== undefined) {
    const lacking = lackWords(best, path)
    yield {
      subject: refOf(best.set),
      origin: 'workload',
      key: `takes up ${path}`,
      ...(lacking.length === 0
        ? {
            verdict: 'review',
            reason: 'may take up the audit log',
            detail: `whether it reads ${path} does not stand in a ConfigMap of its own`,
          }
        : { reason: 'does not take up the audit log', detail: lacking.join('; ') }),
      evidence: { is: lacking.length === 0 ? 'unseen' : 'collector', path },
    }
  } else if (view.source.kind === 'manifests' && view.all('DaemonSet').length === 0) {
    yield {
      unknown: `who takes up ${path}: no DaemonSet is among these files`,
      answer: 'scan the cluster, or add the manifests of its log collector',
    }
  } else {
    for (const writer of writers)
      yield {
        ...flagFinding(writer, 'audit-log-path'),
        verdict: 'review',
        reason: 'keeps its audit log on its own node, as far as can be seen',
        detail: `${path}: no webhook, and no log collector among the DaemonSets; an agent of the node itself would not be seen`,
        evidence: { is: 'nobody', path },
      }
  }
}
