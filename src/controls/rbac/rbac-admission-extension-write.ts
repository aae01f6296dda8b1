import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { clusterWideOnly, heldOnlyBy, reaches, runsImage, sighting } from '../../objects/rbac-reach.ts'
import { isNamed, type Rights } from '../../objects/rbac-rules.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

/** Deleting is as good as changing: it switches off what they enforce. */
const verbs = ['create', 'update', 'patch', 'delete', 'deletecollection']
const ADMISSION: Rights = {
  verbs,
  groups: ['admissionregistration.k8s.io'],
  resources: [
    'mutatingwebhookconfigurations',
    'validatingwebhookconfigurations',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
  ],
}
const EXTENSION: readonly Rights[] = [
  { verbs, groups: ['apiregistration.k8s.io'], resources: ['apiservices'] },
  { verbs, groups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'] },
]
const ASKED = [ADMISSION, ...EXTENSION]
const isAsked = (rule: PolicyRule): boolean => ASKED.some((rights) => reaches(rule, rights))
/** Operators that register their own webhooks, or write certificates into those of others: narrowed by name, not stopped. */
const EXPECTED =
  /cert-manager-(cainjector|controller)|kyverno|gatekeeper|istio|linkerd|kubewarden|vault-k8s|operator-lifecycle-manager|\/olm(:|@|$)|argocd|kustomize-controller|helm-controller|keda|knative|metrics-apiserver/

export default control({
  title: 'Few subjects must be able to write admission webhooks, admission policies and API extensions',
  severity: 'high',
  why: 'A mutating webhook sees and changes every object that is written, and a conversion webhook every object of its kind. Who may change or delete webhooks and policies can also switch off what they enforce.',
  references: [
    { standard: 'CIS', section: '5.1.12' },
    { standard: 'NSA', section: 'A' },
    { standard: 'KS', section: 'C-0036' },
    { standard: 'KS', section: 'C-0039' },
    { standard: 'KS', section: 'C-0281' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    for (const exposure of exposures(view, isAsked).flatMap(clusterWideOnly)) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      const users = heldOnlyBy(view, exposure, runsImage(EXPECTED))
      const onAdmission = exposure.rules.some((rule) => reaches(rule, ADMISSION))
      const named = exposure.rules.every(isNamed)
      yield sighting(exposure, {
        reason: reasonOf(exposure.on === 'binding', onAdmission),
        asked: ASKED,
        severity: named ? 'medium' : 'high',
        review: named || users.length > 0,
        users,
      })
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify:
    'kubectl auth can-i update mutatingwebhookconfigurations --as=SUBJECT says no, and yes only with the name of an object of its own (rights to create cannot be limited to names).',
})

function reasonOf(builtIn: boolean, onAdmission: boolean): string {
  const what = onAdmission ? 'write admission webhooks or policies' : 'write API extensions'
  return builtIn ? `gives a built-in role that can ${what}` : `lets its subjects ${what}`
}
