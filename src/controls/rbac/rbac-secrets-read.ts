import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { remembered } from '../../objects/derived.ts'
import { apartFromPeople, describeExposure, evidenceOf, exposures, PEOPLE, shortList, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { areSecretReaders } from '../../objects/secret-readers.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const READ_SECRETS: Rights = { verbs: ['get', 'list', 'watch'], groups: [''], resources: ['secrets'] }

const readsSecrets = remembered((rule: PolicyRule): boolean => !isNamed(rule) && overlap(rule, READ_SECRETS) !== undefined)

export default control({
  title: 'Few subjects must be able to read Secrets',
  severity: 'high',
  why: 'Secrets hold passwords, keys and tokens of other identities, so whoever reads them can act as those. List and watch disclose the content just as get does.',
  references: [
    { standard: 'CIS', section: '5.1.2' },
    { standard: 'NSA', section: 'A' },
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'OWASP', section: '2025/K03' },
    { standard: 'KS', section: 'C-0015' },
    { standard: 'KS', section: 'C-0186' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    for (const exposure of exposures(view, readsSecrets).flatMap(apartFromPeople)) {
      const { grants, clusterWide, standing, people } = exposure
      if (grants.length === 0 && view.source.kind === 'live') continue
      const users = grants.flatMap((grant) => workloadsOf(view, [grant.subject], grant.namespace))
      yield {
        subject: exposure.ref,
        at: exposure.at,
        ...(people && { key: PEOPLE }),
        reason: exposure.on === 'binding' ? 'gives a built-in role that reads Secrets' : 'lets its subjects read Secrets',
        detail: describeExposure(exposure, [READ_SECRETS]),
        evidence: evidenceOf(exposure, { cut: [READ_SECRETS] }, shortList([...new Set(users)].map(workloadText))),
        severity: clusterWide ? 'high' : 'medium',
        ...(standing === 'default' && { origin: 'system' as const }),
        ...((areSecretReaders(view, grants) || people || grants.length === 0 || standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i list secrets --as=SUBJECT says no, and the log of the subject shows no new "forbidden".',
})
