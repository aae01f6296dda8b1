/** k3s and RKE2 run the control plane inside their own process and write their start arguments on the Node. */
import type { NodeObject } from '../model/index.ts'
import { addFlag } from './flag-kinds.ts'
import { type Component, parseFlags } from './flag-parse.ts'

const ANNOTATIONS = ['k3s.io/node-args', 'rke2.io/node-args'] as const

const ARGUMENTS: Readonly<Record<Component, readonly string[]>> = {
  'kube-apiserver': ['kube-apiserver-arg'],
  'kube-controller-manager': ['kube-controller-manager-arg', 'kube-controller-arg'],
  'kube-scheduler': ['kube-scheduler-arg'],
  etcd: ['etcd-arg'],
}

/** What k3s always passes to the components (its pkg/daemons/control/server.go). */
const OWN: Readonly<Record<Component, Readonly<Record<string, string>>>> = {
  'kube-apiserver': {
    'anonymous-auth': 'false',
    'authorization-mode': 'Node,RBAC',
    'client-ca-file': '/var/lib/rancher/k3s/server/tls/client-ca.crt',
    'enable-admission-plugins': 'NodeRestriction',
    'kubelet-certificate-authority': '/var/lib/rancher/k3s/server/tls/server-ca.crt',
    'kubelet-client-certificate': '/var/lib/rancher/k3s/server/tls/client-kube-apiserver.crt',
    'kubelet-client-key': '/var/lib/rancher/k3s/server/tls/client-kube-apiserver.key',
    profiling: 'false',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': '/var/lib/rancher/k3s/server/tls/service.key',
    'service-account-signing-key-file': '/var/lib/rancher/k3s/server/tls/service.current.key',
    'tls-cert-file': '/var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt',
    'tls-private-key-file': '/var/lib/rancher/k3s/server/tls/serving-kube-apiserver.key',
  },
  'kube-controller-manager': {
    'bind-address': '127.0.0.1',
    profiling: 'false',
    'root-ca-file': '/var/lib/rancher/k3s/server/tls/server-ca.crt',
    'service-account-private-key-file': '/var/lib/rancher/k3s/server/tls/service.current.key',
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
  const own = started.annotation.startsWith('k3s') ? OWN[component] : {}
  const flags = over(
    own,
    ARGUMENTS[component].flatMap((argument) => valuesOf(started.args, argument)),
  )
  if (flags.get('authorization-config')) takeBack(flags, own, 'authorization-mode')
  if (flags.get('authentication-config')) takeBack(flags, own, 'anonymous-auth')
  const program = started.annotation.startsWith('k3s') ? 'k3s' : 'rke2'
  if (component === 'kube-apiserver' && (program === 'rke2' || encrypts(node, started.args)))
    flags.set('encryption-provider-config', `/var/lib/rancher/${program}/server/cred/encryption-config.json`)
  return flags
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
const encrypts = (node: NodeObject, args: readonly string[]): boolean =>
  parseFlags(args).get('secrets-encryption') === 'true' || (node.metadata.annotations?.['k3s.io/encryption-config-hash'] ?? '') !== ''

/** Every value of a flag that may be given many times. */
function valuesOf(args: readonly string[], name: string): string[] {
  return args.flatMap((arg, at) => {
    if (arg.startsWith(`--${name}=`)) return [arg.slice(name.length + 3)]
    return arg === `--${name}` && args[at + 1] !== undefined ? [args[at + 1]!] : []
  })
}
