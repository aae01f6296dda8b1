import { type AutomountEvidence, automountOff } from '../../../remediations/service-account.ts'
import { control } from '../../model/define.ts'
import { rememberedWith } from '../../objects/derived.ts'
import { keepsOldToken, mountsToken, ownGrants, sharedGrants } from '../../objects/rbac-accounts.ts'
import { grantText, shortList } from '../../objects/rbac-exposure.ts'
import { type Grant, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { refText } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'A token for the API server must be mounted only where it is used',
  severity: 'low',
  why: 'A token in a pod is the first thing an intruder takes. Where the service account has no rights, the pod cannot be using it for anything but exposure.',
  references: [
    { standard: 'CIS', section: '5.1.6' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K01' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'KS', section: 'C-0034' },
    { standard: 'KS', section: 'C-0190' },
    { standard: 'KS', section: 'C-0261' },
  ],
  reads: [...RBAC_KINDS, 'ServiceAccount', ...WORKLOAD_KINDS],
  *evaluate(view) {
    // Static pods never get a token: the admission plugin leaves them alone.
    const judged = workloads(view).filter((workload) => !workload.mirror)
    if (judged.length === 0) yield { notApplicable: 'nothing runs here' }
    let used = 0
    for (const workload of judged) {
      const { ref, namespace, serviceAccount } = workload
      const account = `${namespace}/${serviceAccount}`
      const mounts = mountsToken(workload, view)
      if (mounts === 'unseen') {
        yield {
          subject: ref,
          unknown: `ServiceAccount ${account} is not here, and pods that run as it do not say themselves whether a token is mounted`,
          answer: `add ServiceAccount ${account}, or set automountServiceAccountToken`,
        }
        continue
      }
      const old = mounts === 'no' && keepsOldToken(workload)
      if (mounts === 'no' && !old) continue
      if (ownGrants(view, namespace, serviceAccount).length > 0) {
        used++
        continue
      }
      // In files, an account that somebody made is likely to be bound elsewhere.
      const perhapsBound = view.source.kind !== 'live' && serviceAccount !== 'default'
      yield mounting(workload, sharedGrants(view, namespace, serviceAccount), old, perhapsBound)
    }
    if (used > 0) yield { note: `${used} ${used === 1 ? 'workload mounts' : 'workloads mount'} a token whose service account has rights` }
  },
  remedy: automountOff,
  verify: 'The new pods are Ready and have no /var/run/secrets/kubernetes.io/serviceaccount.',
})

const mounting = rememberedWith((workload: Workload, held: readonly Grant[], old: boolean, perhapsBound: boolean) => {
  const { ref, at, namespace, serviceAccount } = workload
  const account = `${namespace}/${serviceAccount}`
  const shared = shortList(held.map(grantText))
  return {
    subject: ref,
    ...(at !== undefined && { at: [...at, 'automountServiceAccountToken'] }),
    reason: old
      ? 'still has a token that was mounted before it was turned off'
      : shared.length > 0
        ? 'mounts a token that gives no rights but those of every service account'
        : 'mounts a token that gives no rights',
    detail: `service account ${account}`,
    evidence: {
      serviceAccount: account,
      usedBy: [refText(ref)],
      rights: [...shared, ...(perhapsBound ? ['rights that are bound outside these files'] : [])],
    } satisfies AutomountEvidence,
    ...((old || perhapsBound) && { verdict: 'review' as const }),
  }
})
