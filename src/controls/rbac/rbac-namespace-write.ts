import { type LabelEvidence, protectLabels } from '../../../remediations/label-freeze.ts'
import { control } from '../../model/define.ts'
import type { Observation, PolicyRule, Remark } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isFrozen } from '../../objects/label-freeze.ts'
import { labelled, labelsDecide, SELECTING_KINDS } from '../../objects/namespace-selectors.ts'
import { type Exposure, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { reaches, sighting } from '../../objects/rbac-reach.ts'
import { isNamed, type Rights } from '../../objects/rbac-rules.ts'
import { WHOLE_CLUSTER } from '../../objects/ref.ts'

/** The subresources are the same object: an update of them writes labels as well, and Pod Security admission does not look at them. */
const LABELS: Rights = { verbs: ['update', 'patch'], groups: [''], resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'] }
const writesLabels = (rule: PolicyRule): boolean => reaches(rule, LABELS)

export default control({
  title: 'Labels of namespaces must be protected from workloads',
  severity: 'medium',
  why: 'Labels of a namespace decide which pods it admits and which policies hold for it: who writes them can take Pod Security off, or be let through by a network policy. A RoleBinding in a namespace grants this on that namespace.',
  references: [
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
  ],
  reads: RBAC_KINDS,
  consults: SELECTING_KINDS,
  *evaluate(view): Iterable<Observation<LabelEvidence> | Remark> {
    let held = false
    const unseen = SELECTING_KINDS.filter((kind) => view.unread(kind) !== undefined)
    const deciding = labelsDecide(view)
    for (const exposure of exposures(view, writesLabels).flatMap(onItsNamespaces)) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      held ||= exposure.standing === 'own' && exposure.grants.length > 0
      const named = exposure.rules.every(isNamed)
      yield sighting(exposure, {
        reason:
          exposure.on === 'binding'
            ? 'gives a built-in role that writes labels of namespaces'
            : 'lets its subjects write labels of namespaces',
        asked: [LABELS],
        // What could not be read may well depend on labels.
        severity: named || (deciding.length === 0 && unseen.length === 0) ? 'medium' : 'high',
        ...(deciding.length > 0 && { detail: `such labels decide about ${fewOf(deciding)}` }),
        review: named,
      })
    }
    yield* unseenRoles(view)
    const protectedBy = labelled(view)
    // Beside taking the right away, for those who have to keep it: offered, and decided by a human.
    if (held && protectedBy.length > 0 && unseen.length === 0 && view.source.namespaces === undefined && !isFrozen(view))
      yield {
        subject: WHOLE_CLUSTER,
        key: 'freeze',
        reason: 'lets whoever writes labels of namespaces take Pod Security off',
        detail: fewOf(protectedBy),
        evidence: { freeze: protectedBy },
        verdict: 'review',
      }
  },
  remedy: protectLabels,
  verify:
    'kubectl label namespace NAMESPACE pod-security.kubernetes.io/enforce- --dry-run=server --as=SUBJECT is forbidden, by RBAC or by the ValidatingAdmissionPolicy that freezes these labels.',
})

/** The name of a namespace is also the namespace of a request on it: a RoleBinding reaches its own, unless the rule names others. */
function onItsNamespaces(exposure: Exposure): readonly Exposure[] {
  if (exposure.grants.length === 0) return [exposure]
  const held = exposure.grants.filter(
    ({ namespace }) => namespace === undefined || exposure.rules.some((rule) => !isNamed(rule) || rule.resourceNames!.includes(namespace)),
  )
  return held.length === 0 ? [] : [{ ...exposure, grants: held, clusterWide: held.some(({ namespace }) => namespace === undefined) }]
}
