/** Who gets into a cluster by the rights of its cloud: questions to the provider's CLI, all of which only read. */
import type { CloudGrant, CloudIamFact } from '../model/index.ts'
import type { CloudCluster } from './cluster-name.ts'
import { type Tell, type Told, teller } from './command.ts'

export async function cloudIam(cluster: CloudCluster, signal: AbortSignal, tell: Tell = teller(signal)): Promise<CloudIamFact> {
  const unanswered: { command: string; because: string }[] = []
  /** The answer, where it has the field that is asked for; a command without one is among the unanswered. */
  const ask: Ask = async (field, ...argv) => {
    const told: Told = await tell(argv)
    const answer = told.ok ? mapping(told.value) : {}
    if (told.ok && Object.hasOwn(answer, field)) return answer
    unanswered.push({ command: argv.join(' '), because: told.ok ? `its answer has no "${field}"` : told.because })
    return undefined
  }
  const { provider } = cluster
  const { grants, settings } =
    provider === 'eks'
      ? await eks(cluster, ask)
      : provider === 'gke'
        ? await gke(cluster, ask)
        : provider === 'aks'
          ? await aks(cluster, ask)
          : await oke(cluster, ask)
  return { provider, cluster: nameOf(cluster), grants, settings, unanswered }
}

type Ask = (field: string, ...argv: [string, ...string[]]) => Promise<Fields | undefined>
type Fields = Readonly<Record<string, unknown>>
type Said = Pick<CloudIamFact, 'grants' | 'settings'>

const mapping = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {})
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const onOff = (value: unknown): string => (value === true ? 'on' : 'off')
const nameOf = (cluster: CloudCluster): string => {
  const { provider: _provider, ...parts } = cluster
  return Object.values(parts).join('/')
}

// ── EKS ────────────────────────────────────────────────────────────────────────────────────────
/** https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html */
const EKS_ADMIN = /\/AmazonEKSClusterAdminPolicy$/
const EKS_WRITES = /\/AmazonEKS(Admin|Edit)Policy$/

async function eks({ region, name }: Extract<CloudCluster, { provider: 'eks' }>, ask: Ask): Promise<Said> {
  const end = ['--region', region, '--output', 'json'] as const
  const cluster = await ask('cluster', 'aws', 'eks', 'describe-cluster', '--name', name, ...end)
  const mode = text(mapping(mapping(cluster?.['cluster'])['accessConfig'])['authenticationMode'])
  const settings: Record<string, string> = mode === '' ? {} : { authenticationMode: mode }
  // There are no access entries in this mode, and asking for them is an error.
  if (mode === 'CONFIG_MAP') return { grants: [], settings }
  const entries = await ask('accessEntries', 'aws', 'eks', 'list-access-entries', '--cluster-name', name, ...end)
  const grants: CloudGrant[] = []
  for (const principal of list(entries?.['accessEntries']).map(text)) {
    const policies = await ask(
      'associatedAccessPolicies',
      'aws',
      'eks',
      'list-associated-access-policies',
      '--cluster-name',
      name,
      '--principal-arn',
      principal,
      ...end,
    )
    for (const one of list(policies?.['associatedAccessPolicies']).map(mapping)) {
      const access = text(one['policyArn'])
      const everywhere = mapping(one['accessScope'])['type'] !== 'namespace'
      grants.push({
        principal,
        access,
        admin: everywhere && EKS_ADMIN.test(access),
        ...(everywhere && EKS_WRITES.test(access) && { writes: true }),
      })
    }
  }
  return { grants, settings }
}

// ── GKE ────────────────────────────────────────────────────────────────────────────────────────
/** https://cloud.google.com/kubernetes-engine/docs/how-to/iam: these roles hold container.* rights that the cluster heeds beside RBAC. */
const GKE_ADMIN = new Set(['roles/container.admin', 'roles/owner'])
const GKE_WRITES = new Set(['roles/container.developer', 'roles/editor'])

async function gke({ project, location, name }: Extract<CloudCluster, { provider: 'gke' }>, ask: Ask): Promise<Said> {
  const cluster = await ask(
    'name',
    'gcloud',
    'container',
    'clusters',
    'describe',
    name,
    '--location',
    location,
    '--project',
    project,
    '--format',
    'json',
  )
  const policy = await ask('etag', 'gcloud', 'projects', 'get-iam-policy', project, '--format', 'json')
  const grants = list(policy?.['bindings'])
    .map(mapping)
    .flatMap(({ role, members }) =>
      list(members).map((member): CloudGrant => {
        const access = text(role)
        return { principal: text(member), access, admin: GKE_ADMIN.has(access), ...(GKE_WRITES.has(access) && { writes: true }) }
      }),
    )
    .filter(({ admin, writes, access }) => admin || writes || access.startsWith('roles/container.'))
  return { grants, settings: cluster === undefined ? {} : { groups: onOff(mapping(cluster['authenticatorGroupsConfig'])['enabled']) } }
}

// ── AKS ────────────────────────────────────────────────────────────────────────────────────────
async function aks({ group, name }: Extract<CloudCluster, { provider: 'aks' }>, ask: Ask): Promise<Said> {
  const cluster = await ask('name', 'az', 'aks', 'show', '--resource-group', group, '--name', name, '--output', 'json')
  if (cluster === undefined) return { grants: [], settings: {} }
  const profile = mapping(cluster['aadProfile'])
  // Chosen by hand, and so the way in that is meant: listed, and no fault.
  const grants = list(profile['adminGroupObjectIDs']).map(
    (id): CloudGrant => ({ principal: text(id), access: 'adminGroupObjectIDs', admin: false }),
  )
  return {
    grants,
    settings: {
      entra: onOff(Object.keys(profile).length > 0),
      azureRbac: onOff(profile['enableAzureRbac']),
      localAccounts: onOff(cluster['disableLocalAccounts'] !== true),
    },
  }
}

// ── OKE ────────────────────────────────────────────────────────────────────────────────────────
const MANAGES = /\bto\s+manage\s+(cluster-family|clusters|all-resources)\b/i
const USES = /\bto\s+use\s+(cluster-family|clusters)\b/i

async function oke({ id }: Extract<CloudCluster, { provider: 'oke' }>, ask: Ask): Promise<Said> {
  const cluster = await ask('data', 'oci', 'ce', 'cluster', 'get', '--cluster-id', id, '--output', 'json')
  const compartment = text(mapping(cluster?.['data'])['compartment-id'])
  if (compartment === '') return { grants: [], settings: {} }
  const policies = await ask('data', 'oci', 'iam', 'policy', 'list', '--compartment-id', compartment, '--all', '--output', 'json')
  const statements = list(policies?.['data']).flatMap((policy) => list(mapping(policy)['statements']).map(text))
  return {
    grants: statements
      .filter((statement) => MANAGES.test(statement) || USES.test(statement))
      .map((statement) => ({ principal: statement.replace(/\s+to\s+.*$/is, ''), access: statement, admin: MANAGES.test(statement) })),
    settings: {},
  }
}
