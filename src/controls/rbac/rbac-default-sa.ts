import { ACCOUNT_OPTION, moveToAccount } from '../../../remediations/dedicated-account.ts'
import { removeSubjects } from '../../../remediations/role-binding.ts'
import { type AutomountEvidence, automountOff } from '../../../remediations/service-account.ts'
import { control } from '../../model/define.ts'
import type { Finding } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isAsShipped, mountsToken, ownGrants, sharedGrants } from '../../objects/rbac-accounts.ts'
import { grantText, type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS, type RbacView, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { ruleText } from '../../objects/rbac-rules.ts'
import { workloadsByAccount, workloadText } from '../../objects/rbac-users.ts'
import { refOf, refText } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const removal = removeSubjects('may-break')

export default control({
  title: 'Default service accounts must have no rights and hand out no token',
  severity: 'medium',
  why: 'Every pod that names no service account runs as the default one of its namespace. Rights of that account are rights of all of them.',
  references: [
    { standard: 'CIS', section: '5.1.5' },
    { standard: 'NSA', section: 'P' },
    { standard: 'KS', section: 'C-0189' },
    { standard: 'KS', section: 'C-0225' },
    { standard: 'KS', section: 'C-0239' },
  ],
  reads: [...RBAC_KINDS, 'ServiceAccount'],
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    for (const [binding, held] of Map.groupBy(
      grants(view).all.filter((grant) => reachesDefaults(grant) && !isAsShipped(grant)),
      (grant) => grant.binding,
    )) {
      const { rules } = held[0]!
      yield {
        subject: refOf(binding),
        at: ['subjects'],
        reason: 'grants rights to default service accounts',
        severity: 'high',
        detail: fewOf(held.map(grantText)),
        evidence: {
          role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
          rules: shortList(rules.map(ruleText)),
          remove: subjectsIn(held),
          usedBy: [],
        } satisfies SubjectEvidence,
      }
    }
    const byAccount = workloadsByAccount(view)
    const unread = WORKLOAD_KINDS.filter((kind) => view.unread(kind) !== undefined)
    for (const account of view.all('ServiceAccount')) {
      if (account.metadata.name !== 'default' || account.automountServiceAccountToken === false) continue
      const namespace = account.metadata.namespace ?? 'default'
      const mounting = (byAccount.get(`${namespace}/default`) ?? []).filter(
        (workload) => !workload.mirror && workload.spec.automountServiceAccountToken == null,
      )
      const usedBy = [
        ...mounting.map(workloadText),
        ...(unread.length > 0 ? [`whatever ${unread.join(', ')} would show, which could not be read`] : []),
      ]
      yield {
        subject: refOf(account),
        at: ['automountServiceAccountToken'],
        reason: 'hands its token to every pod that names no service account',
        ...(usedBy.length > 0 && { detail: `mounted by ${fewOf(usedBy)}` }),
        evidence: {
          serviceAccount: `${namespace}/default`,
          usedBy: shortList(usedBy),
          rights: rightsOf(view, namespace),
        } satisfies AutomountEvidence,
        severity: usedBy.length > 0 ? 'medium' : 'low',
      }
    }
    for (const workload of [...byAccount.values()].flat()) {
      const { ref, at, namespace, spec, mirror } = workload
      if (mirror || workload.serviceAccount !== 'default') continue
      if (mountsToken(workload, view) === 'unseen')
        yield {
          subject: ref,
          unknown: `ServiceAccount ${namespace}/default, as which pods here run, is not here`,
          answer: `add ServiceAccount ${namespace}/default to the files`,
        }
      if (spec.automountServiceAccountToken !== true) continue
      yield {
        subject: ref,
        ...(at !== undefined && { at: [...at, 'automountServiceAccountToken'] }),
        reason: 'asks for the token of the default service account',
        evidence: {
          serviceAccount: `${namespace}/default`,
          usedBy: [refText(ref)],
          rights: rightsOf(view, namespace),
        } satisfies AutomountEvidence,
      }
    }
  },
  remedy: {
    ...automountOff,
    reads: [...automountOff.reads, ...removal.reads],
    options: { ...removal.options, ...ACCOUNT_OPTION },
    propose: (finding: Finding<SubjectEvidence | AutomountEvidence>, context) => {
      const account = String(context.options['account'] ?? '').trim()
      if (!('remove' in finding.evidence))
        return finding.subject.kind !== 'ServiceAccount' && account !== ''
          ? { byHand: `it moves to service account ${account} where the default one is bound to anything` }
          : automountOff.propose(finding as Finding<AutomountEvidence>, context)
      return account === ''
        ? removal.propose(finding as Finding<SubjectEvidence>, context)
        : moveToAccount(finding as Finding<SubjectEvidence>, context, account)
    },
  },
  verify: 'A canary pod without serviceAccountName starts, is Ready, and has no /var/run/secrets/kubernetes.io/serviceaccount.',
})

/** What pods lose that have no token any more. */
const rightsOf = (view: RbacView, namespace: string): readonly string[] =>
  shortList([...ownGrants(view, namespace, 'default'), ...sharedGrants(view, namespace, 'default')].map(grantText))

/** The account by its name, or a group that all of them are in. */
const reachesDefaults = ({ subject, namespace }: Grant): boolean =>
  serviceAccountOf(subject, namespace)?.name === 'default' ||
  (subject.kind === 'Group' && /^system:serviceaccounts(:|$)/.test(subject.name))
