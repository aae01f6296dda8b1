import { type CloudIamEvidence, takeCloudAccess } from '../../../remediations/cloud-iam.ts'
import { DISTRIBUTION_READS } from '../../../remediations/provider-command.ts'
import { control } from '../../model/define.ts'
import type { CloudIamFact, Observation, Remark } from '../../model/index.ts'
import { awsAuth, faultsOf } from '../../objects/aws-auth.ts'
import { cloudFaults, isEverything } from '../../objects/cloud-iam.ts'
import { distribution } from '../../objects/distribution.ts'
import { CONTROL_PLANE } from '../../objects/flags.ts'
import { grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'Rights in the cloud must not make anybody an administrator of the cluster unseen',
  severity: 'high',
  why: 'Whoever the cloud lets in as an administrator stands in no role and no binding: a review of RBAC does not see them, and cannot stop them. A mapping that is too wide lets in everybody who can take a role over.',
  references: [
    { standard: 'CIS-EKS', section: '4.1.7' },
    { standard: 'CIS-EKS', section: '5.5.1' },
    { standard: 'CIS-GKE', section: '5.8.2' },
    { standard: 'CIS-AKS', section: '5.5.1' },
    { standard: 'CIS-AKS', section: '5.5.2' },
    { standard: 'OWASP', section: '2025/K08' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0232' },
    { standard: 'KS', section: 'C-0241' },
    { standard: 'KS', section: 'C-0285' },
  ],
  reads: [],
  consults: [...DISTRIBUTION_READS, ...RBAC_KINDS, 'CloudIam'],
  *evaluate(view): Iterable<Observation<CloudIamEvidence> | Remark> {
    const fact = view.fact('CloudIam')
    const { name } = distribution(view)
    const map = view.find('ConfigMap', 'kube-system', 'aws-auth')
    if (map !== undefined) {
      const known = awsAuth(map)
      const isAdmin = (group: string): boolean =>
        grants(view)
          .byGroup.get(group)
          ?.some(({ namespace, rules }) => namespace === undefined && rules.some(isEverything)) === true
      for (const { mapping, reason, detail, nodes } of faultsOf(known, isAdmin))
        yield {
          subject: refOf(map),
          at: ['data', mapping.key],
          key: `${mapping.arn} ${reason}`,
          origin: 'workload',
          reason,
          detail,
          evidence: { arn: mapping.arn, ...(nodes && { nodes }) },
        }
      if (known.accounts.length > 0)
        yield {
          subject: refOf(map),
          at: ['data', 'mapAccounts'],
          origin: 'workload',
          severity: 'medium',
          reason: 'lets every identity of an AWS account in as a user',
          detail: known.accounts.join(', '),
          evidence: {},
        }
      for (const key of known.unreadable)
        yield {
          unknown: `${key} of ConfigMap kube-system/aws-auth is no list`,
          answer: 'kubectl -n kube-system get configmap aws-auth -o yaml',
        }
      const unread = RBAC_KINDS.flatMap((kind) => view.unread(kind) ?? [])[0]
      if (unread !== undefined)
        yield { unknown: `whether the groups of aws-auth are bound to cluster-admin is not seen: ${unread.because}`, answer: unread.answer }
    }
    if (fact !== undefined) {
      yield* judge(fact)
      return
    }
    const answer = ANSWERS[name]
    if (answer !== undefined || map !== undefined)
      yield {
        unknown: `whom ${answer === undefined ? 'AWS' : name.toUpperCase()} lets in is kept at the provider, which was not asked`,
        answer: `scan with --cloud-iam auto; or ${answer ?? ANSWERS.eks}`,
      }
    else if (name !== 'unknown') yield { notApplicable: `${name} takes nobody from a cloud` }
    else {
      const { because, answer: how } = view.unread('Node') ?? {
        because: 'no node tells which cloud it is of, if any',
        answer:
          'where it is one of EKS, GKE, AKS or OKE, name it: --cloud-iam eks:REGION/NAME, gke:PROJECT/LOCATION/NAME, aks:GROUP/NAME or oke:OCID',
      }
      yield { unknown: `whether a cloud lets people in is not seen: ${because}`, answer: how }
    }
  },
  remedy: takeCloudAccess,
  verify: 'From a second session: kubectl auth can-i "*" "*" says no for those who were taken out, and yes for those who keep the cluster.',
})

const ANSWERS: Readonly<Record<string, string>> = {
  eks: 'aws eks list-access-entries --cluster-name CLUSTER, and for each aws eks list-associated-access-policies --principal-arn ARN',
  gke: 'gcloud projects get-iam-policy PROJECT (roles/container.admin, roles/container.developer)',
  aks: 'az aks show --resource-group GROUP --name CLUSTER --query "{entra:aadProfile,localAccountsOff:disableLocalAccounts}"',
  oke: 'oci iam policy list --compartment-id COMPARTMENT_OCID --all (manage cluster-family)',
}

function* judge(fact: CloudIamFact): Iterable<Observation<CloudIamEvidence> | Remark> {
  const { provider, cluster, settings, unanswered } = fact
  for (const { key, reason, detail, graver, grant, setting } of cloudFaults(fact))
    yield {
      subject: CONTROL_PLANE,
      origin: 'workload',
      key,
      reason,
      detail,
      ...(!graver && { severity: 'medium' as const, verdict: 'review' as const }),
      evidence: { provider, cluster, ...(grant && { grant }), ...(setting && { setting }) },
    }
  if (settings['azureRbac'] === 'off' && settings['entra'] === 'on')
    yield { note: 'Azure RBAC is off: what people may do stands in the bindings of the cluster alone' }
  if (settings['groups'] === 'off') yield { note: 'Google Groups are not used for RBAC: people are bound one by one' }
  for (const { command, because } of unanswered) yield { unknown: `${command} gave no answer: ${because}`, answer: command }
  if (unanswered.length === 0 || Object.keys(settings).length > 0 || fact.grants.length > 0)
    yield {
      note: `evidence E1: ${provider.toUpperCase()} said who gets into ${cluster}; rights that come from above the project, subscription or compartment are not looked at`,
    }
}
