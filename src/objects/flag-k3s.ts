/** k3s and RKE2 run the control plane inside their own process and write their start arguments on the Node. */
import type { NodeObject, RancherSetting } from '../model/index.ts'
import { addFlag } from './flag-kinds.ts'
import type { Component } from './flag-parse.ts'
import { isSet, lastOf, settingsOfWords, valuesOf } from './rancher-settings.ts'

const ANNOTATIONS = ['k3s.io/node-args', 'rke2.io/node-args'] as const

/** Which of its parts a server was told to leave out. */
const LEFT_OUT: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'disable-apiserver',
  'kube-controller-manager': 'disable-controller-manager',
  'kube-scheduler': 'disable-scheduler',
  etcd: 'disable-etcd',
}

const ARGUMENTS: Readonly<Record<Component, readonly string[]>> = {
  'kube-apiserver': ['kube-apiserver-arg'],
  'kube-controller-manager': ['kube-controller-manager-arg', 'kube-controller-arg'],
  'kube-scheduler': ['kube-scheduler-arg'],
  etcd: ['etcd-arg'],
}

/** What both always pass to the components (k3s pkg/daemons/control/server.go, whose arguments RKE2 writes into its static pods); `{data}`: --data-dir. */
export const OWN: Readonly<Record<Component, Readonly<Record<string, string>>>> = {
  'kube-apiserver': {
    'anonymous-auth': 'false',
    'authorization-mode': 'Node,RBAC',
    'client-ca-file': '{data}/server/tls/client-ca.crt',
    'enable-admission-plugins': 'NodeRestriction',
    'kubelet-certificate-authority': '{data}/server/tls/server-ca.crt',
    'kubelet-client-certificate': '{data}/server/tls/client-kube-apiserver.crt',
    'kubelet-client-key': '{data}/server/tls/client-kube-apiserver.key',
    profiling: 'false',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': '{data}/server/tls/service.key',
    'service-account-signing-key-file': '{data}/server/tls/service.current.key',
    'tls-cert-file': '{data}/server/tls/serving-kube-apiserver.crt',
    'tls-private-key-file': '{data}/server/tls/serving-kube-apiserver.key',
  },
  'kube-controller-manager': {
    'bind-address': '127.0.0.1',
    profiling: 'false',
    'root-ca-file': '{data}/server/tls/server-ca.crt',
    'service-account-private-key-file': '{data}/server/tls/service.current.key',
    'use-service-account-credentials': 'true',
  },
  'kube-scheduler': { 'bind-address': '127.0.0.1', profiling: 'false' },
  etcd: {},
}

export interface NodeArguments {
  readonly annotation: string
  readonly server: boolean
  readonly args: readonly string[]
}

/** The start arguments of the k3s or RKE2 process on a node; undefined on any other node, and where the annotation cannot be read. */
export function nodeArguments(node: NodeObject): NodeArguments | undefined {
  for (const annotation of ANNOTATIONS) {
    const text = node.metadata.annotations?.[annotation]
    if (text === undefined) continue
    const args = stringsIn(text)
    if (args !== undefined) return { annotation, server: args[0] === 'server', args: args.slice(1) }
  }
  return undefined
}

function stringsIn(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.map(String) : undefined
  } catch {
    return undefined
  }
}

/**
 * Flags of a component inside a k3s server. etcd is left out: a server may run on SQLite or on a database elsewhere.
 * RKE2 runs static pods, whose own lists are read first; its annotation only counts where those cannot be seen.
 */
export function embeddedFlags(node: NodeObject, component: Component): ReadonlyMap<string, string> | undefined {
  const started = nodeArguments(node)
  if (started === undefined || !started.server || component === 'etcd') return undefined
  const settings = settingsOfWords(started.annotation, withValues(started.args))
  if (isSet(settings, LEFT_OUT[component]) === true) return undefined
  const program = programOf(started)
  const data = lastOf(settings, 'data-dir')?.replace(/\/+$/, '') || `/var/lib/rancher/${program}`
  const own = Object.fromEntries(Object.entries(OWN[component]).map(([flag, value]) => [flag, value.replace('{data}', data)]))
  const audit = program === 'rke2' && component === 'kube-apiserver' ? auditOfRke2(settings, data) : {}
  const given = ARGUMENTS[component].flatMap((argument) => valuesOf(settings, argument))
  const flags = over({ ...own, ...audit }, given)
  if (flags.get('authorization-config')) takeBack(flags, own, 'authorization-mode')
  if (flags.get('authentication-config')) takeBack(flags, own, 'anonymous-auth')
  if (component === 'kube-apiserver' && !flags.has('encryption-provider-config') && (program === 'rke2' || encrypts(node, settings)))
    flags.set('encryption-provider-config', `${data}/server/cred/encryption-config.json`)
  return flags
}

const programOf = ({ annotation }: NodeArguments): 'k3s' | 'rke2' => (annotation.startsWith('k3s') ? 'k3s' : 'rke2')

/** RKE2 audits where it is given a policy, or a CIS profile, which comes with one (its pkg/executor/staticpod, APIServer). What the operator gives comes after. */
function auditOfRke2(settings: readonly RancherSetting[], data: string): Readonly<Record<string, string>> {
  const profile = lastOf(settings, 'profile') ?? ''
  const policy = lastOf(settings, 'audit-policy-file') || (profile.startsWith('cis') ? RKE2_POLICY : '')
  if (policy === '') return {}
  return {
    'audit-policy-file': policy,
    'audit-log-path': `${data}/server/logs/audit.log`,
    'audit-log-maxage': '30',
    'audit-log-maxbackup': '10',
    'audit-log-maxsize': '100',
  }
}
/** It is made with one rule, which logs nothing. */
export const RKE2_POLICY = '/etc/rancher/rke2/audit-policy.yaml'

/** Every `--flag=value` stands there as two words (k3s pkg/nodeconfig, getNodeArgs): so a word that says yes or no is the value of the one before it. */
const withValues = (args: readonly string[]): readonly string[] =>
  args.flatMap((arg, at) => {
    const isValue = /^(true|false)$/i.test(arg) && /^--[^=]+$/.test(args[at - 1] ?? '')
    if (isValue) return []
    const next = args[at + 1]
    return /^--[^=]+$/.test(arg) && next !== undefined && /^(true|false)$/i.test(next) ? [`${arg}=${next}`] : [arg]
  })

/**
 * Does an API server run inside k3s on this node, as far as the node shows? Where its start arguments are not there to be read, its label and its
 * version say that it may.
 */
export function mayEmbedApiServer(node: NodeObject): boolean {
  const started = nodeArguments(node)
  if (started !== undefined) return programOf(started) === 'k3s' && embeddedFlags(node, 'kube-apiserver') !== undefined
  const labels = node.metadata.labels ?? {}
  return (
    node.status?.nodeInfo?.kubeletVersion?.includes('+k3s') === true &&
    ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'].some((label) => labels[label] !== undefined)
  )
}

/** Its own value goes where a file says it instead. */
function takeBack(flags: Map<string, string>, own: Readonly<Record<string, string>>, flag: string): void {
  if (flags.get(flag) === own[flag]) flags.delete(flag)
}

/** `flag=value` takes the place of k3s' own value, `flag+=value` adds to its end and `flag-=value` to its beginning (its pkg/util/args.go). */
function over(own: Readonly<Record<string, string>>, assignments: readonly string[]): Map<string, string> {
  const set = new Map<string, readonly string[]>()
  for (const assignment of assignments) {
    const [, name, how, value = 'true'] = /^(?:--)?(.*?)([-+]*)(?:=(.*))?$/s.exec(assignment)!
    const flag = name!.replaceAll('_', '-')
    const first = set.has(flag) || own[flag] === undefined ? [] : [own[flag]]
    const before = [...(how === '' ? [] : first), ...(set.get(flag) ?? [])]
    set.set(flag, how!.endsWith('-') ? [value, ...before] : [...before, value])
  }
  const flags = new Map(Object.entries(own))
  for (const [flag, values] of set) {
    flags.delete(flag)
    for (const value of values) addFlag(flags, flag, value)
  }
  return flags
}

/** RKE2 always has such a file. Whether Secrets are encrypted only the file says, which may have identity first. */
const encrypts = (node: NodeObject, settings: readonly RancherSetting[]): boolean =>
  isSet(settings, 'secrets-encryption') === true || (node.metadata.annotations?.['k3s.io/encryption-config-hash'] ?? '') !== ''
