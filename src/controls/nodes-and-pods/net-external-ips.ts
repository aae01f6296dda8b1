import { type ExternalIpsEvidence, refuseExternalIps } from '../../../remediations/external-ips.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, ServiceObject, View } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { externalIpsGuard, GUARD_KINDS } from '../../objects/external-ips.ts'
import { fewOf } from '../../objects/few-of.ts'
import { grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { identityText, whoCan } from '../../objects/rbac-who-can.ts'
import { refOf, WHOLE_CLUSTER } from '../../objects/ref.ts'

export default control({
  title: 'Services must not take external addresses, and admission must refuse them',
  severity: 'medium',
  why: 'Whoever may write a Service can name any address in spec.externalIPs, and every node then sends the traffic for it to pods of their choice (CVE-2020-8554). Kubernetes cannot mend that; it can only refuse the field.',
  references: [
    { standard: 'CIS', section: '1.2.3' },
    { standard: 'KS', section: 'C-0283' },
  ],
  reads: ['Service'],
  consults: [...GUARD_KINDS, ...RBAC_KINDS],
  *evaluate(view): Iterable<Observation<ExternalIpsEvidence> | Remark> {
    // Every cluster has one; files without any say nothing of who may write them.
    if (view.all('Service').length === 0) return
    const guard = externalIpsGuard(view)
    for (const service of view.all('Service')) yield* judge(service)
    yield* statusWriters(view)
    if (guard.by !== undefined) {
      yield { note: `refused by ${guard.by}` }
      return
    }
    if (distribution(view).name === 'openshift') {
      yield { attested: 'OpenShift refuses external addresses that its network configuration does not allow' }
      return
    }
    for (const { because, answer } of guard.unread) yield { unknown: `whether a policy refuses external addresses: ${because}`, answer }
    if (guard.flags !== undefined && guard.doubts.length === 0)
      yield {
        unknown: `whether DenyServiceExternalIPs is on: ${guard.flags.unknown}`,
        answer: `${guard.flags.answer}; on GKE: gcloud container clusters describe, serviceExternalIpsConfig`,
      }
    else if (guard.unread.length === 0 || guard.doubts.length > 0)
      yield {
        subject: WHOLE_CLUSTER,
        key: 'guard',
        origin: 'workload',
        reason: 'lets Services take external addresses',
        detail:
          guard.doubts.length > 0
            ? `judge whether this refuses them: ${fewOf(guard.doubts)}`
            : `neither the admission plugin DenyServiceExternalIPs nor a policy refuses them${guard.idle ? '; the policy of this tool is there but does not refuse' : ''}`,
        ...(guard.doubts.length > 0 && { verdict: 'review' as const }),
        evidence: { is: 'open' },
      }
  },
  remedy: refuseExternalIps(),
  verify: 'A dry run that creates a Service with spec.externalIPs is refused by the API server.',
})

function* judge(service: ServiceObject): Iterable<Observation<ExternalIpsEvidence>> {
  const { type = 'ClusterIP', externalIPs } = service.spec ?? {}
  const given = externalIPs ?? []
  if (given.length > 0)
    yield {
      subject: refOf(service),
      at: ['spec', 'externalIPs'],
      reason: 'takes traffic for external addresses',
      detail: fewOf(given),
      evidence: { is: 'used' },
    }
  const balanced = service.status?.loadBalancer?.ingress ?? []
  if (type !== 'LoadBalancer' && balanced.length > 0)
    yield {
      subject: refOf(service),
      at: ['status', 'loadBalancer', 'ingress'],
      reason: 'has addresses of a load balancer in its status without being one',
      detail: fewOf(balanced.map(({ ip, hostname }) => ip ?? hostname ?? '')),
      verdict: 'review',
      evidence: { is: 'status' },
    }
}

/** The status of a load balancer takes addresses over in the same way, and no plugin looks at it. */
function* statusWriters(view: View<(typeof RBAC_KINDS)[number]>): Iterable<Remark> {
  const holders = whoCan(grants(view), { verb: 'patch', group: '', resource: 'services', subresource: 'status' })
  const others = holders
    .filter(({ name, namespace }) => !name.startsWith('system:') && name !== 'kubeadm:cluster-admins' && namespace !== 'kube-system')
    .map(identityText)
  if (others.length > 0) yield { note: `may patch services/status, which does the same for load balancers: ${fewOf(others)}` }
}
