/** What a provider's CLI said of who gets in, judged. */
import type { CloudGrant, CloudIamFact, PolicyRule } from '../model/index.ts'

export interface CloudFault {
  readonly key: string
  readonly reason: string
  readonly detail: string
  /** A failure; else something for a human to judge. */
  readonly graver: boolean
  readonly grant?: CloudGrant
  /** The one of the cluster's settings that is to be changed. */
  readonly setting?: string
}

export function cloudFaults({ grants, settings }: CloudIamFact): readonly CloudFault[] {
  const wide = grants
    .filter(({ admin, writes }) => admin || writes)
    .map((grant) => ({
      key: `${grant.principal} ${grant.access}`,
      reason: grant.admin
        ? 'has an administrator by the rights of the cloud'
        : 'lets the rights of the cloud change workloads in every namespace',
      detail: `${grant.principal} by ${grant.access}`,
      graver: grant.admin,
      grant,
    }))
  const byMapOnly: CloudFault = {
    key: 'authenticationMode',
    reason: 'knows people by aws-auth only',
    detail: 'access entries are logged, checked and cannot be misspelt',
    graver: false,
    setting: 'authenticationMode',
  }
  const local: CloudFault = {
    key: 'localAccounts',
    reason: 'has local accounts beside Entra ID',
    detail: 'az aks get-credentials --admin makes its caller a member of system:masters',
    graver: true,
    setting: 'localAccounts',
  }
  // Without Entra ID they are the only way in: they cannot be turned off.
  const onlyLocal: CloudFault = { ...local, key: 'entra', reason: 'knows people by local accounts only', setting: 'entra' }
  return [
    ...wide,
    ...(settings['authenticationMode'] === 'CONFIG_MAP' ? [byMapOnly] : []),
    ...(settings['localAccounts'] === 'on' ? [settings['entra'] === 'off' ? onlyLocal : local] : []),
  ]
}

/** Every verb on every resource of every group, as cluster-admin has it. */
export const isEverything = ({ verbs, apiGroups = [], resources = [] }: PolicyRule): boolean =>
  [verbs, apiGroups, resources].every((list) => list.includes('*'))
