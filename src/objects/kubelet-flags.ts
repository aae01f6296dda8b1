/** Flags of the kubelet that say what its configuration says too; they win over file and drop-ins (cmd/kubelet/app/options, AddKubeletConfigFlags). */

import { integerOf } from './go-integer.ts'

type Reading = 'text' | 'boolean' | 'number' | 'list' | 'gates'

/** By dotted path of the KubeletConfiguration. */
const FLAGS: Readonly<Record<string, readonly [flag: string, reading: Reading]>> = {
  'authentication.anonymous.enabled': ['anonymous-auth', 'boolean'],
  'authentication.webhook.enabled': ['authentication-token-webhook', 'boolean'],
  'authentication.x509.clientCAFile': ['client-ca-file', 'text'],
  'authorization.mode': ['authorization-mode', 'text'],
  eventRecordQPS: ['event-qps', 'number'],
  featureGates: ['feature-gates', 'gates'],
  makeIPTablesUtilChains: ['make-iptables-util-chains', 'boolean'],
  podPidsLimit: ['pod-max-pids', 'number'],
  protectKernelDefaults: ['protect-kernel-defaults', 'boolean'],
  readOnlyPort: ['read-only-port', 'number'],
  rotateCertificates: ['rotate-certificates', 'boolean'],
  seccompDefault: ['seccomp-default', 'boolean'],
  serverTLSBootstrap: ['rotate-server-certificates', 'boolean'],
  staticPodPath: ['pod-manifest-path', 'text'],
  streamingConnectionIdleTimeout: ['streaming-connection-idle-timeout', 'text'],
  tlsCertFile: ['tls-cert-file', 'text'],
  tlsCipherSuites: ['tls-cipher-suites', 'list'],
  tlsMinVersion: ['tls-min-version', 'text'],
  tlsPrivateKeyFile: ['tls-private-key-file', 'text'],
}
const NAMES = new Set(Object.values(FLAGS).map(([flag]) => flag))
/** In lower case, as it is written: what a drop-in may say in other letters (`readonlyport`) counts too, since Go's JSON does not mind. */
const FIELDS = new Map(Object.keys(FLAGS).flatMap((path) => path.split('.').map((field) => [field.toLowerCase(), field] as const)))

/** The flag of a setting, by dotted path. */
export const kubeletFlagOf = (path: string): string | undefined => FLAGS[path]?.[0]

export const flaggedIn = (flags: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(FLAGS).flatMap(([path, [flag]]) => (Object.hasOwn(flags, flag) ? [path] : []))

/** Of all that a kubelet was started with, what its configuration says too; underscores are dashes there. */
export const kubeletFlagsIn = (flags: ReadonlyMap<string, string>): Readonly<Record<string, string>> =>
  Object.fromEntries([...flags].map(([name, value]) => [name.replaceAll('_', '-'), value] as const).filter(([name]) => NAMES.has(name)))

/** What the flags make of a configuration. Of gates only those that are named; --seccomp-default turns on what the file leaves off, and nothing off. */
export function withKubeletFlags(
  config: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  let now = config
  for (const [path, [flag, reading]] of Object.entries(FLAGS)) {
    const text = flags[flag]
    const value = text === undefined ? undefined : read(text, reading)
    if (value === undefined || (path === 'seccompDefault' && value !== true)) continue
    now = put(now, path.split('.'), reading === 'gates' ? { ...(now[path] as object | undefined), ...(value as object) } : value)
  }
  return now
}

function read(text: string, reading: Reading): unknown {
  switch (reading) {
    case 'boolean':
      return isTrue(text)
    case 'number':
      return integerOf(text) ?? Number.NaN
    case 'list':
      return text.split(',')
    case 'gates':
      return Object.fromEntries(text.split(',').map((pair) => [pair.split('=')[0]!.trim(), isTrue(pair.split('=')[1]?.trim() ?? '')]))
    default:
      return text
  }
}
/** strconv.ParseBool */
const isTrue = (text: string): boolean => ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)

function put(
  config: Readonly<Record<string, unknown>>,
  [key, ...rest]: readonly string[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  const below = config[key!]
  const inner = below !== null && typeof below === 'object' ? (below as Readonly<Record<string, unknown>>) : {}
  return { ...config, [key!]: rest.length === 0 ? value : put(inner, rest, value) }
}

/** A field that stands there in other letters than its own: whether it or the right one counts depends on both. */
export function misspelt(config: unknown): string | undefined {
  if (config === null || typeof config !== 'object' || Array.isArray(config)) return undefined
  for (const [key, value] of Object.entries(config)) {
    if ((FIELDS.get(key.toLowerCase()) ?? key) !== key) return key
    const below = misspelt(value)
    if (below !== undefined) return below
  }
  return undefined
}
