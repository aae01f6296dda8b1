import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { describeExposure, type Exposure, evidenceOf, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS, type RbacView } from '../../objects/rbac-grants.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { byCertainty, clusterGrants, PERHAPS, together } from '../../objects/rbac-together.ts'

const certificates = (verbs: readonly string[], resource: string): Rights => ({
  verbs,
  groups: ['certificates.k8s.io'],
  resources: [resource],
})
const APPROVE = certificates(['approve'], 'signers')
const SIGN = certificates(['sign'], 'signers')
const APPROVAL = certificates(['update', 'patch'], 'certificatesigningrequests/approval')
const STATUS = certificates(['update', 'patch'], 'certificatesigningrequests/status')
const REQUEST = certificates(['create'], 'certificatesigningrequests')

/** Signers whose certificates the API server takes for a login. `kubernetes.io/*` stands for all of a domain. */
const LOGINS = new Set(['kubernetes.io/*', 'kubernetes.io/kube-apiserver-client', 'kubernetes.io/kube-apiserver-client-kubelet'])

const grantsLogins = (rule: PolicyRule, rights: Rights): boolean =>
  overlap(rule, rights) !== undefined && (!isNamed(rule) || rule.resourceNames!.some((name) => LOGINS.has(name)))

export default control({
  title: 'Few subjects must be able to approve certificates that log in',
  severity: 'high',
  why: 'Whoever approves a certificate signing request decides which user it names, and no binding can revoke a certificate. With the right to make requests it is one step to any user but the members of system:masters.',
  references: [
    { standard: 'CIS', section: '5.1.11' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0280' },
  ],
  reads: RBAC_KINDS,
  *evaluate(view) {
    const requesters = clusterGrants(view, (rule) => !isNamed(rule) && overlap(rule, REQUEST) !== undefined)
    for (const { exposure, doubtful } of halves(view, APPROVE, APPROVAL)) {
      const requests = exposure.grants.some((grant) => together(grant, requesters) === 'yes')
      yield {
        ...common(exposure, APPROVE),
        ...(doubtful && { key: PERHAPS }),
        reason: requests ? 'lets its subjects issue themselves certificates' : 'lets its subjects approve certificates that log in',
        severity: requests ? 'critical' : 'high',
        ...((doubtful || exposure.grants.length === 0 || exposure.standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    for (const { exposure, doubtful } of halves(view, SIGN, STATUS)) {
      yield {
        ...common(exposure, SIGN),
        key: doubtful ? `sign ${PERHAPS}` : 'sign',
        reason: 'lets its subjects put certificates into requests, which is of use to whoever has the key of the authority',
        severity: 'medium' as const,
        ...((doubtful || exposure.grants.length === 0 || exposure.standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify:
    'kubectl auth can-i approve signers.certificates.k8s.io/kubernetes.io/kube-apiserver-client --as=SUBJECT says no, and kubelets still get their certificates.',
})

const common = (exposure: Exposure, cut: Rights) => ({
  subject: exposure.ref,
  at: exposure.at,
  detail: describeExposure(exposure, [cut]),
  evidence: evidenceOf(exposure, { cut: [cut], ...(exposure.rules.some(isNamed) && { from: [...LOGINS] }) }),
  ...(exposure.standing === 'default' && { origin: 'system' as const }),
})

interface Half {
  readonly exposure: Exposure
  /** Nobody is seen to hold the other half, but a member of these groups may. */
  readonly doubtful: boolean
}

/**
 * Where a right on signers is held together with one on requests, from whichever roles: the first is where it can be taken away
 * without taking the sight of requests. Neither is in a namespace, so that only cluster-wide bindings count.
 */
function* halves(view: RbacView, onSigners: Rights, onRequests: Rights): Generator<Half> {
  const others = clusterGrants(view, (rule) => overlap(rule, onRequests) !== undefined)
  for (const exposure of exposures(view, (rule) => grantsLogins(rule, onSigners))) {
    if (exposure.grants.length === 0) {
      if (
        view.source.kind !== 'live' &&
        exposure.role.kind === 'ClusterRole' &&
        exposure.role.rules?.some((rule) => overlap(rule, onRequests))
      )
        yield { exposure, doubtful: true }
      continue
    }
    yield* byCertainty(exposure, (grant) => (grant.namespace === undefined ? together(grant, others) : 'no'))
  }
}
