/** Rights that the cloud gives in a cluster: the provider's command that takes one away. The new way in always comes first. */
import { remedy } from '../src/model/define.ts'
import type { CloudGrant, CloudIamFact, Remedy } from '../src/model/index.ts'
import { DISTRIBUTION_READS, PROVIDER_OPTIONS, type ProviderCommand, type ProviderCommands, providerProposal } from './provider-command.ts'

export interface CloudIamEvidence {
  readonly provider?: CloudIamFact['provider']
  readonly cluster?: string
  readonly grant?: CloudGrant
  /** Of aws-auth. */
  readonly arn?: string
  /** Of aws-auth: the role is the one that nodes log in with. */
  readonly nodes?: boolean
  /** A setting of the cluster that is not as it should be. */
  readonly setting?: string
}

export const takeCloudAccess: Remedy<CloudIamEvidence> = remedy<CloudIamEvidence>({
  family: 'provider-command',
  reads: DISTRIBUTION_READS,
  options: PROVIDER_OPTIONS,
  propose({ evidence }, { view, options }) {
    const { provider, cluster = '', grant, setting } = evidence
    const command = provider === undefined ? undefined : commandFor(provider, grant, setting)
    if (provider === undefined || command === undefined)
      return { byHand: (setting === undefined ? undefined : BY_HAND[setting]) ?? (provider === 'oke' ? OKE : awsAuthWords(evidence)) }
    return providerProposal(provider, { [provider]: command } as ProviderCommands, view, { ...namesOf(provider, cluster), ...options })
  },
})

/** Whoever edits aws-auth edits the one text that lets nodes in too: words with the commands, the new way in first. */
function awsAuthWords({ arn = '', nodes }: CloudIamEvidence): string {
  if (nodes)
    return `find what uses these rights by the role of the nodes, and give it a role of its own first (aws eks create-pod-identity-association --cluster-name CLUSTER --namespace NAMESPACE --service-account NAME --role-arn ROLE_ARN); then take every group but system:bootstrappers and system:nodes out of the entry of ${arn}: kubectl -n kube-system get configmap aws-auth -o yaml > aws-auth.yaml keeps a copy, kubectl -n kube-system edit configmap aws-auth; the entry itself stays, or every node drops out`
  // Patterns and whole accounts have no access entry: whoever stands behind them gets one each.
  const one = /^arn:[^*?]+$/.test(arn) && !arn.endsWith(':root') ? arn : 'ARN'
  return [
    'first the new way in, in mode API_AND_CONFIG_MAP (aws eks describe-cluster --name CLUSTER --query cluster.accessConfig.authenticationMode)',
    `aws eks create-access-entry --cluster-name CLUSTER --principal-arn ${one} --kubernetes-groups GROUP, a group that a role with less is bound to; or without groups, and aws eks associate-access-policy --cluster-name CLUSTER --principal-arn ${one} --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy --access-scope type=namespace,namespaces=NAMESPACE`,
    'an access entry wins at once over the mapping of the same ARN: where that is your own, see first that somebody else is an administrator; try it from a second session (kubectl auth can-i --list), and keep this one open',
    `kubectl -n kube-system get configmap aws-auth -o yaml > aws-auth.yaml keeps a copy; then take the mapping out: ${one === 'ARN' ? '' : `eksctl delete iamidentitymapping --cluster CLUSTER --arn ${one}, or `}kubectl -n kube-system edit configmap aws-auth`,
    'keep the mappings of the node roles, or every node drops out',
  ].join('; ')
}
const BY_HAND: Readonly<Record<string, string>> = {
  authenticationMode:
    'let EKS read access entries beside aws-auth: aws eks update-cluster-config --name CLUSTER --access-config authenticationMode=API_AND_CONFIG_MAP; there is no way back to CONFIG_MAP',
  entra:
    'let people log in through Entra ID first: az aks update --resource-group GROUP --name CLUSTER --enable-aad --aad-admin-group-object-ids GROUP_ID (there is no way back); try it from a second session, then turn the local accounts off',
}
const OKE =
  'write a policy with less first: oci iam policy create --compartment-id COMPARTMENT_OCID --name NAME --description TEXT --statements \'["Allow group GROUP to use clusters in compartment COMPARTMENT"]\'; bind what the group needs by RBAC, and try it from a second session; then keep a copy of the old one (oci iam policy get --policy-id POLICY_OCID --query data.statements > statements.json), take the statement with "manage cluster-family" out of it, and put the rest in its place: oci iam policy update --policy-id POLICY_OCID --statements file://rest.json --version-date ""; the way back is the same command with statements.json'
const LOCKOUT = 'whoever relies on it is locked out: add the new way in first, try it from a second session, and keep this one open'

function commandFor(
  provider: CloudIamFact['provider'],
  grant: CloudGrant | undefined,
  setting: string | undefined,
): ProviderCommand | undefined {
  if (provider === 'eks' && grant !== undefined) {
    const rest = ['--cluster-name', '{cluster}', '--region', '{region}', '--principal-arn', grant.principal, '--policy-arn', grant.access]
    return {
      argv: ['aws', 'eks', 'disassociate-access-policy', ...rest],
      undo: ['aws', 'eks', 'associate-access-policy', ...rest, '--access-scope', 'type=cluster'],
      risk: 'may-break',
      summary: `take ${nameOf(grant.access)} from ${grant.principal}`,
      mayBreak: [LOCKOUT],
    }
  }
  if (provider === 'gke' && grant !== undefined) {
    const rest = ['{project}', '--member', grant.principal, '--role', grant.access, '--condition', 'None']
    return {
      argv: ['gcloud', 'projects', 'remove-iam-policy-binding', ...rest],
      undo: ['gcloud', 'projects', 'add-iam-policy-binding', ...rest],
      risk: 'may-break',
      summary: `take ${grant.access} in the whole project from ${grant.principal}`,
      mayBreak: [LOCKOUT, 'the role is good for everything of the project, not for this cluster alone'],
      asks: { project: 'In which Google Cloud project is the cluster?' },
    }
  }
  const toggle = provider === 'aks' && setting !== undefined ? AKS[setting] : undefined
  if (toggle === undefined) return undefined
  const where = ['--resource-group', '{group}', '--name', '{cluster}']
  return {
    argv: ['az', 'aks', 'update', ...where, toggle.on],
    undo: ['az', 'aks', 'update', ...where, toggle.off],
    risk: 'may-break',
    summary: toggle.summary,
    mayBreak: [LOCKOUT],
  }
}

const AKS: Readonly<Record<string, { readonly on: string; readonly off: string; readonly summary: string }>> = {
  localAccounts: { on: '--disable-local-accounts', off: '--enable-local-accounts', summary: 'turn the local accounts of AKS off' },
}
const nameOf = (access: string): string => access.split('/').at(-1) ?? access

function namesOf(provider: CloudIamFact['provider'], cluster: string): Record<string, string> {
  const parts = cluster.split('/')
  if (provider === 'eks' && parts.length === 2) return { region: parts[0]!, cluster: parts[1]! }
  if (provider === 'gke' && parts.length === 3) return { project: parts[0]!, location: parts[1]!, cluster: parts[2]! }
  return provider === 'aks' && parts.length === 2 ? { group: parts[0]!, cluster: parts[1]! } : {}
}
