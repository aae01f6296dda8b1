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
      return { byHand: (setting === undefined ? undefined : BY_HAND[setting]) ?? (provider === 'oke' ? OKE : AWS_AUTH) }
    return providerProposal(provider, { [provider]: command } as ProviderCommands, view, { ...namesOf(provider, cluster), ...options })
  },
})

const AWS_AUTH =
  'give the people behind it an access entry with as little as they need first (aws eks create-access-entry, aws eks associate-access-policy --access-scope type=namespace,namespaces=…; the cluster must be in mode API_AND_CONFIG_MAP), try it from a second session, then take the mapping out: kubectl -n kube-system edit configmap aws-auth; keep the mapping of the node roles, or every node drops out'
const BY_HAND: Readonly<Record<string, string>> = {
  authenticationMode:
    'let EKS read access entries beside aws-auth: aws eks update-cluster-config --name CLUSTER --access-config authenticationMode=API_AND_CONFIG_MAP; there is no way back to CONFIG_MAP',
  entra:
    'let people log in through Entra ID first: az aks update --resource-group GROUP --name CLUSTER --enable-aad --aad-admin-group-object-ids GROUP_ID (there is no way back); try it from a second session, then turn the local accounts off',
}
const OKE =
  'write a policy with less first (Allow group NAME to use clusters in compartment C), bind what the group needs by RBAC, try it from a second session, then take "manage cluster-family" out: oci iam policy update --policy-id POLICY_OCID --statements …'
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
