import { removeSubjects } from '../../../remediations/role-binding.ts'
import { control } from '../../model/define.ts'
import type { BindingObject } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { escalationsOf } from '../../objects/rbac-escalations.ts'
import { type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS, roleOf, serviceAccountOf, subjectsOf } from '../../objects/rbac-grants.ts'
import { ruleText } from '../../objects/rbac-rules.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'Bindings must not name roles or service accounts that do not exist',
  severity: 'low',
  why: 'Whoever creates the missing role or service account gets what the binding promises, and needs no right to bind for it.',
  references: [
    { standard: 'KS', section: 'C-0307' },
    { standard: 'NSA', section: 'A' },
  ],
  reads: [...RBAC_KINDS, 'ServiceAccount'],
  consults: ['Namespace'],
  *evaluate(view) {
    // In files what is missing may live elsewhere.
    const isLive = view.source.kind === 'live'
    const verdict = isLive ? ('fail' as const) : ('review' as const)
    const absent = isLive ? 'does not exist' : 'is not among these files'
    const namespaceExists = (name: string): boolean =>
      !isLive || view.unread('Namespace') !== undefined || view.find('Namespace', undefined, name) !== undefined
    const { all } = grants(view)
    const holds = (grant: Grant): boolean => {
      const account = serviceAccountOf(grant.subject, grant.namespace)
      // Every namespace has a service account `default`, whether or not the files say so.
      if (account === undefined || grant.isDefault || (!isLive && account.name === 'default')) return true
      return view.find('ServiceAccount', account.namespace, account.name) !== undefined || isUnseen(account.namespace)
    }
    const { namespaces } = view.source
    const isUnseen = (namespace: string): boolean => namespaces !== undefined && !namespaces.includes(namespace)

    for (const [binding, held] of Map.groupBy(all, (grant) => grant.binding)) {
      if (held[0]!.role === undefined) {
        yield { ...withoutRole(binding, absent), verdict, ...(held.every((grant) => grant.isDefault) && { origin: 'system' as const }) }
        continue
      }
      const gone = held.filter((grant) => !holds(grant))
      if (gone.length === 0) continue
      const { rules, namespace } = gone[0]!
      const gains = escalationsOf(rules, namespace === undefined).map((one) => one.gains)
      yield {
        subject: refOf(binding),
        at: ['subjects'],
        verdict,
        reason: `names a service account that ${absent}`,
        detail: `${fewOf(gone.map((grant) => missing(grant, namespaceExists)))}${gains.length > 0 ? `; whoever creates it can ${fewOf(gains)}` : ''}`,
        evidence: {
          role: roleText(binding),
          rules: shortList(rules.map(ruleText)),
          remove: subjectsIn(gone),
          usedBy: [],
        } satisfies SubjectEvidence,
        severity: gains.length > 0 ? 'medium' : 'low',
      }
    }
    // A binding without subjects grants nothing yet, and so is no grant: whoever adds the role and a subject finds it waiting.
    for (const binding of [...view.all('ClusterRoleBinding'), ...view.all('RoleBinding')]) {
      if ((binding.subjects ?? []).length === 0 && roleOf(view, binding) === undefined) yield { ...withoutRole(binding, absent), verdict }
    }
    const outside = all.filter((grant) => isUnseen(serviceAccountOf(grant.subject, grant.namespace)?.namespace ?? namespaces?.[0] ?? ''))
    if (outside.length > 0)
      yield { unknown: `${outside.length} subjects of bindings stand in namespaces that this scan left out`, answer: 'scan all namespaces' }
  },
  remedy: removeSubjects('safe'),
  verify: 'kubectl get rolebindings,clusterrolebindings -A -o wide shows no such subject.',
})

const withoutRole = (binding: BindingObject, absent: string) => ({
  subject: refOf(binding),
  at: ['roleRef'],
  reason: `names a role that ${absent}`,
  detail: roleText(binding),
  evidence: { role: roleText(binding), rules: [], remove: subjectsOf(binding), usedBy: [] } satisfies SubjectEvidence,
})
const roleText = ({ roleRef }: BindingObject): string => `${roleRef.kind} ${roleRef.name}`

function missing(grant: Grant, namespaceExists: (name: string) => boolean): string {
  const { namespace, name } = serviceAccountOf(grant.subject, grant.namespace)!
  return namespaceExists(namespace) ? `${namespace}/${name}` : `${namespace}/${name} (there is no such namespace)`
}
