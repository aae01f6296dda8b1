/**
 * A cluster's RBAC with 300 roles and 40 subjects, of which 12 reach cluster-admin, each by a primitive of its own. The other 28 hold
 * what looks like it and leads nowhere: half of a pair of rights, the right name of the wrong thing, the right thing in an empty namespace.
 */
import type { KubeObject, PolicyRule, RbacSubject } from '../../src/model/index.ts'

export interface Escalator {
  /** Of controls.md 7(a). */
  readonly primitive: string
  readonly subject: { readonly kind: 'ServiceAccount' | 'User' | 'Group'; readonly namespace?: string; readonly name: string }
}
export interface EscalatorWorld {
  /** In the order in which they can be created. */
  readonly objects: readonly KubeObject[]
  readonly escalators: readonly Escalator[]
  readonly harmless: readonly Escalator[]
}

const RBAC = 'rbac.authorization.k8s.io'
const CSR = 'certificates.k8s.io'
/** The namespace of the strong account, and that of everybody else's harmless work. */
export const VAULT = 'vault'
const rule = (verbs: string, apiGroups: string, resources: string, ...resourceNames: readonly string[]): PolicyRule => ({
  verbs: verbs.split(','),
  apiGroups: [apiGroups],
  resources: resources.split(','),
  ...(resourceNames.length > 0 && { resourceNames }),
})

/** By primitive: what it takes, and in which namespace; and what nearly does. */
const WAYS: readonly {
  readonly primitive: string
  readonly rules: readonly PolicyRule[]
  readonly in?: string
  readonly nearly: readonly PolicyRule[]
}[] = [
  { primitive: 'E01', rules: [rule('*', '*', '*')], nearly: [rule('*', '*', '*', 'settings')] },
  {
    primitive: 'E02',
    rules: [rule('escalate,update,patch', RBAC, 'clusterroles')],
    nearly: [rule('update,patch,create', RBAC, 'clusterroles')],
  },
  {
    primitive: 'E03',
    rules: [rule('bind', RBAC, 'clusterroles'), rule('create', RBAC, 'clusterrolebindings')],
    nearly: [rule('bind,create', RBAC, 'clusterrolebindings')],
  },
  { primitive: 'E05', rules: [rule('impersonate', '', 'users,groups')], nearly: [rule('impersonate', '', 'groups')] },
  {
    primitive: 'E05 accounts',
    rules: [rule('impersonate', '', 'serviceaccounts')],
    in: VAULT,
    nearly: [rule('impersonate', '', 'serviceaccounts', 'clerk')],
  },
  { primitive: 'E07', rules: [rule('get', '', 'secrets')], in: VAULT, nearly: [rule('get', '', 'secrets', 'settings')] },
  { primitive: 'E08', rules: [rule('create,get', '', 'secrets')], in: VAULT, nearly: [rule('create', '', 'secrets')] },
  {
    primitive: 'E09',
    rules: [rule('create', '', 'serviceaccounts/token')],
    in: VAULT,
    nearly: [rule('create', '', 'serviceaccounts/token', 'clerk')],
  },
  { primitive: 'E10', rules: [rule('create', '', 'pods')], in: VAULT, nearly: [rule('create', '', 'pods', 'web')] },
  { primitive: 'E11', rules: [rule('create', 'batch', 'jobs')], in: VAULT, nearly: [rule('create', 'apps', 'jobs')] },
  {
    primitive: 'E21',
    rules: [
      rule('create', CSR, 'certificatesigningrequests'),
      rule('update', CSR, 'certificatesigningrequests/approval'),
      rule('approve', CSR, 'signers'),
    ],
    nearly: [rule('create', CSR, 'certificatesigningrequests'), rule('update', CSR, 'certificatesigningrequests/approval')],
  },
  {
    primitive: 'E23',
    rules: [rule('create', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations')],
    nearly: [rule('get,list,watch', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations')],
  },
]

/** `seed` shuffles who does what, and what the other roles hold. */
export function escalatorWorld(seed: number): EscalatorWorld {
  const random = mulberry(seed)
  const objects: KubeObject[] = []
  const namespaces = [VAULT, ...Array.from({ length: 9 }, (_, at) => `team-${at}`)]
  // Nobody takes a node in them: cluster-admin is the one thing to reach.
  for (const name of namespaces)
    objects.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } })
  const account = (namespace: string, name: string) =>
    objects.push({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })
  account(VAULT, 'clerk')
  const ways = shuffled(WAYS, random)
  const escalators: Escalator[] = []
  const harmless: Escalator[] = []
  for (const { primitive, rules, in: namespace } of ways) {
    // Whoever holds everything is whom the others get at.
    const isBoss = primitive === 'E01'
    const subject = {
      kind: 'ServiceAccount' as const,
      namespace: isBoss ? VAULT : `team-${Math.floor(random() * 9)}`,
      name: isBoss ? 'boss' : `app-${slug(primitive)}`,
    }
    account(subject.namespace, subject.name)
    objects.push(...granted(`way-${slug(primitive)}`, rules, subject, namespace))
    escalators.push({ primitive, subject })
  }
  objects.push({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 'boss-token', namespace: VAULT, annotations: { 'kubernetes.io/service-account.name': 'boss' } },
  } as KubeObject)
  for (let at = 0; at < 28; at++) {
    const { primitive, nearly, rules, in: namespace } = ways[at % ways.length]!
    const kind = (['ServiceAccount', 'User', 'Group'] as const)[Math.floor(random() * 3)]!
    const own = `team-${Math.floor(random() * 9)}`
    const subject = { kind, ...(kind === 'ServiceAccount' && { namespace: own }), name: `harmless-${at}` }
    if (kind === 'ServiceAccount') account(own, subject.name)
    // The second time round, what leads there elsewhere is held in a namespace where nobody stronger is.
    const isElsewhere = at >= ways.length && namespace !== undefined
    objects.push(...granted(`nearly-${at}`, isElsewhere ? rules : nearly, subject, isElsewhere ? 'team-9' : namespace))
    harmless.push({ primitive, subject })
  }
  objects.push({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team-9', labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
  })
  const made = objects.filter(({ kind }) => kind === 'ClusterRole').length
  for (let at = made; at < 300; at++) objects.push(roleOf(`unused-${at}`, shuffled(WAYS, random)[0]!.rules))
  const order = ['Namespace', 'ServiceAccount', 'Secret', 'ClusterRole', 'ClusterRoleBinding', 'RoleBinding']
  return { objects: objects.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)), escalators, harmless }
}

const slug = (text: string): string => text.toLowerCase().replaceAll(' ', '-')
const roleOf = (name: string, rules: readonly PolicyRule[]): KubeObject =>
  ({ apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules }) as KubeObject

function granted(
  name: string,
  rules: readonly PolicyRule[],
  { kind, namespace, name: who }: Escalator['subject'],
  within: string | undefined,
): readonly KubeObject[] {
  const subject: RbacSubject = kind === 'ServiceAccount' ? { kind, name: who, namespace: namespace! } : { kind, name: who, apiGroup: RBAC }
  return [
    roleOf(name, rules),
    {
      apiVersion: `${RBAC}/v1`,
      kind: within === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: { name, ...(within !== undefined && { namespace: within }) },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [subject],
    } as KubeObject,
  ]
}

function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const list = [...items]
  for (let at = list.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[list[at], list[other]] = [list[other]!, list[at]!]
  }
  return list
}
