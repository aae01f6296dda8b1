/** ConfigMap kube-system/aws-auth: which AWS identities are which users and groups (aws-iam-authenticator's mapRoles, mapUsers, mapAccounts). */
import { parse } from 'yaml'
import type { ConfigMapObject } from '../model/index.ts'

export interface AwsMapping {
  readonly arn: string
  readonly username: string
  readonly groups: readonly string[]
  readonly key: 'mapRoles' | 'mapUsers'
}
export interface AwsAuth {
  readonly mappings: readonly AwsMapping[]
  /** Every identity of these accounts is a user by its ARN. */
  readonly accounts: readonly string[]
  /** Keys whose text is no list. */
  readonly unreadable: readonly string[]
}

export function awsAuth({ data = {} }: ConfigMapObject): AwsAuth {
  const mappings: AwsMapping[] = []
  const unreadable: string[] = []
  for (const [key, arnField] of [
    ['mapRoles', 'rolearn'],
    ['mapUsers', 'userarn'],
  ] as const) {
    const list = listIn(data[key])
    if (list === undefined) unreadable.push(key)
    for (const entry of list ?? []) {
      const { [arnField]: arn, username, groups } = (entry ?? {}) as Readonly<Record<string, unknown>>
      mappings.push({
        key,
        arn: String(arn ?? ''),
        username: String(username ?? ''),
        groups: Array.isArray(groups) ? groups.map(String) : [],
      })
    }
  }
  const accounts = listIn(data['mapAccounts'])
  if (accounts === undefined) unreadable.push('mapAccounts')
  return { mappings, accounts: (accounts ?? []).map(String), unreadable }
}

function listIn(text: string | undefined): readonly unknown[] | undefined {
  if (text === undefined || text.trim() === '') return []
  try {
    const content: unknown = parse(text, { logLevel: 'silent' })
    return content === null ? [] : Array.isArray(content) ? content : undefined
  } catch {
    return undefined
  }
}

const NODE_GROUPS = new Set(['system:bootstrappers', 'system:nodes', 'system:node-proxier', 'eks:kube-proxy-windows'])
const isOfNodes = (group: string): boolean => NODE_GROUPS.has(group)

export interface AwsFault {
  readonly mapping: Pick<AwsMapping, 'arn' | 'key'>
  readonly reason: string
  readonly detail: string
  /** About the role that nodes log in with. */
  readonly nodes?: true
}
/** `isAdmin`: is this group bound to everything in the whole cluster? */
export function faultsOf({ mappings }: AwsAuth, isAdmin: (group: string) => boolean): readonly AwsFault[] {
  return mappings.flatMap((mapping): AwsFault[] => {
    const { arn, groups, username } = mapping
    const fault = (reason: string, detail = ''): AwsFault => ({ mapping, reason, detail: `${arn}${detail}`, ...(nodes && { nodes }) })
    const nodes = mappings.some((other) => other.arn === arn && other.groups.some(isOfNodes))
    const admins = groups.filter((group) => group !== 'system:masters' && isAdmin(group))
    const more = groups.filter((group) => !isOfNodes(group))
    return [
      ...(groups.includes('system:masters')
        ? [fault('maps an AWS identity to system:masters', ', which no RBAC object can take back')]
        : []),
      ...(admins.length > 0 ? [fault('maps an AWS identity to a group that is bound to cluster-admin', `: ${admins.join(', ')}`)] : []),
      ...(/[*?]/.test(arn) ? [fault('maps a pattern of AWS identities', ` as ${username || 'a user'}`)] : []),
      ...(/:root$/.test(arn) ? [fault('maps the root of an AWS account')] : []),
      ...(nodes && more.length > 0
        ? [
            fault(
              'gives the role of nodes more than nodes need',
              `: ${more.join(', ')}, for every pod that reaches the instance's credentials`,
            ),
          ]
        : []),
    ]
  })
}
