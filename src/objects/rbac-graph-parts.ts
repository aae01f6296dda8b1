/** The rights that escalation is made of, and which of them a role's rules hold: looked at once a role (controls.md 7(a)). */
import type { PolicyRule } from '../model/index.ts'
import { remembered } from './derived.ts'
import { hasNames, isNamed, overlap, type Rights } from './rbac-rules.ts'

const RBAC = 'rbac.authorization.k8s.io'
const CSR = 'certificates.k8s.io'
const AUTHENTICATION = 'authentication.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'
const WRITE = ['create', 'update', 'patch']
const CHANGE = ['update', 'patch']

export interface Part extends Rights {
  /** A rule that names its objects never authorises this: a POST on a collection carries no name. */
  readonly unnamed?: true
  /** Cluster-scoped: what a RoleBinding grants of it counts for nothing. */
  readonly cluster?: true
}
const part = (verbs: readonly string[], group: string, resources: readonly string[], more: Omit<Part, keyof Rights> = {}): Part => ({
  verbs,
  groups: [group],
  resources,
  ...more,
})
const make = (group: string, resources: readonly string[], more: Omit<Part, keyof Rights> = {}): Part =>
  part(['create'], group, resources, { ...more, unnamed: true })

export const PARTS = {
  escalateClusterRole: part(['escalate'], RBAC, ['clusterroles'], { cluster: true }),
  escalateRole: part(['escalate'], RBAC, ['roles']),
  changeClusterRole: part(CHANGE, RBAC, ['clusterroles'], { cluster: true }),
  changeRole: part(CHANGE, RBAC, ['roles']),
  makeClusterRole: make(RBAC, ['clusterroles'], { cluster: true }),
  makeRole: make(RBAC, ['roles']),
  deleteClusterRole: part(['delete'], RBAC, ['clusterroles'], { cluster: true }),
  deleteRole: part(['delete'], RBAC, ['roles']),
  bindClusterRole: part(['bind'], RBAC, ['clusterroles']),
  bindRole: part(['bind'], RBAC, ['roles']),
  makeClusterRoleBinding: make(RBAC, ['clusterrolebindings'], { cluster: true }),
  changeClusterRoleBinding: part(CHANGE, RBAC, ['clusterrolebindings'], { cluster: true }),
  makeRoleBinding: make(RBAC, ['rolebindings']),
  changeRoleBinding: part(CHANGE, RBAC, ['rolebindings']),
  impersonateUser: part(['impersonate'], '', ['users'], { cluster: true }),
  impersonateGroup: part(['impersonate'], '', ['groups'], { cluster: true }),
  impersonateServiceAccount: part(['impersonate'], '', ['serviceaccounts']),
  actAsUser: part(['impersonate:user-info'], AUTHENTICATION, ['users'], { cluster: true }),
  actAsGroup: part(['impersonate:user-info'], AUTHENTICATION, ['groups'], { cluster: true }),
  actAsAccount: part(['impersonate:serviceaccount'], AUTHENTICATION, ['serviceaccounts']),
  actAsNode: part(['impersonate:arbitrary-node'], AUTHENTICATION, ['nodes'], { cluster: true }),
  actAsOwnNode: part(['impersonate:associated-node'], AUTHENTICATION, ['nodes'], { cluster: true }),
  readSecret: part(['get', 'list', 'watch'], '', ['secrets']),
  makeSecret: make('', ['secrets']),
  changeSecret: part(CHANGE, '', ['secrets']),
  makeToken: part(['create'], '', ['serviceaccounts/token']),
  makeServiceAccount: make('', ['serviceaccounts']),
  makePod: make('', ['pods']),
  makeApps: make('apps', ['deployments', 'daemonsets', 'statefulsets', 'replicasets']),
  makeBatch: make('batch', ['jobs', 'cronjobs']),
  makeController: make('', ['replicationcontrollers']),
  // A Job's pod template cannot be changed, and a PodTemplate makes no pod.
  changeApps: part(CHANGE, 'apps', ['deployments', 'daemonsets', 'statefulsets', 'replicasets']),
  changeBatch: part(CHANGE, 'batch', ['cronjobs']),
  changeController: part(CHANGE, '', ['replicationcontrollers']),
  makeArgo: make('argoproj.io', ['workflows', 'cronworkflows', 'rollouts']),
  makeTekton: make('tekton.dev', ['taskruns', 'pipelineruns']),
  makeKnative: make('serving.knative.dev', ['services', 'configurations']),
  makeSpark: make('sparkoperator.k8s.io', ['sparkapplications', 'scheduledsparkapplications']),
  writeKustomization: part(WRITE, 'kustomize.toolkit.fluxcd.io', ['kustomizations']),
  writeHelmRelease: part(WRITE, 'helm.toolkit.fluxcd.io', ['helmreleases']),
  writeApplication: part(WRITE, 'argoproj.io', ['applications']),
  writeProviderObject: part(WRITE, 'kubernetes.crossplane.io', ['objects'], { cluster: true }),
  changePod: part(CHANGE, '', ['pods']),
  exec: part(['create'], '', ['pods/exec', 'pods/attach']),
  execByGet: part(['get'], '', ['pods/exec', 'pods/attach']),
  debug: part(CHANGE, '', ['pods/ephemeralcontainers']),
  bindPod: part(['create'], '', ['pods/binding', 'bindings']),
  movePod: part(['delete', 'deletecollection'], '', ['pods']),
  evictPod: part(['create'], '', ['pods/eviction']),
  changeNode: part(CHANGE, '', ['nodes'], { cluster: true }),
  deleteNode: part(['delete', 'deletecollection'], '', ['nodes'], { cluster: true }),
  nodesProxy: part(['get', 'create', 'update', 'patch', 'delete'], '', ['nodes/proxy'], { cluster: true }),
  makeVolume: make('', ['persistentvolumes'], { cluster: true }),
  makeClaim: make('', ['persistentvolumeclaims']),
  makeCsr: make(CSR, ['certificatesigningrequests'], { cluster: true }),
  approveCsr: part(CHANGE, CSR, ['certificatesigningrequests/approval'], { cluster: true }),
  approveSigner: part(['approve'], CSR, ['signers'], { cluster: true }),
  writeWebhook: part(WRITE, ADMISSION, ['mutatingwebhookconfigurations'], { cluster: true }),
  writeMutation: part(WRITE, ADMISSION, ['mutatingadmissionpolicies'], { cluster: true }),
  writeMutationBinding: part(WRITE, ADMISSION, ['mutatingadmissionpolicybindings'], { cluster: true }),
  changeNamespace: part(CHANGE, '', ['namespaces']),
  changeConfigMap: part(CHANGE, '', ['configmaps']),
} satisfies Record<string, Part>
export type PartName = keyof typeof PARTS
const NAMES = Object.keys(PARTS) as PartName[]

/** That a rule holds a part: for these names only, or for all. */
export interface Held {
  readonly part: PartName
  readonly rule: PolicyRule
  /** Index in the role's rules. */
  readonly index: number
  readonly names: readonly string[] | undefined
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
}
export interface Powers {
  readonly held: readonly Held[]
  /** Rules that allow everything on everything. */
  readonly everything: readonly { readonly rule: PolicyRule; readonly index: number }[]
}
const NOTHING: Powers = { held: [], everything: [] }

/** Of the rules of a role, as `rulesOf` gives them: many roles share theirs. */
export const powersOf: (rules: readonly PolicyRule[]) => Powers = remembered((rules) => powersIn(rules))

/** Of rules that are no role's as they stand. */
export function powersIn(rules: readonly PolicyRule[]): Powers {
  const held: Held[] = []
  const everything: { rule: PolicyRule; index: number }[] = []
  for (const [index, rule] of rules.entries()) {
    if (isEverything(rule)) everything.push({ rule, index })
    for (const name of NAMES) {
      const wanted: Part = PARTS[name]
      if (wanted.unnamed && isNamed(rule)) continue
      const found = overlap(rule, wanted)
      const names = isNamed(rule) ? rule.resourceNames! : undefined
      // What is named can be changed, but only a subresource of it can be created.
      const isGood = names === undefined || wanted.resources[0]!.includes('/') || found?.verbs.some((verb) => verb !== 'create')
      if (found !== undefined && isGood) held.push({ part: name, rule, index, names, verbs: found.verbs, resources: found.resources })
    }
  }
  return held.length === 0 && everything.length === 0 ? NOTHING : { held, everything }
}

export const isEverything = (rule: PolicyRule): boolean =>
  !hasNames(rule) && [rule.verbs, rule.apiGroups, rule.resources].every((list) => list?.includes('*') === true)
