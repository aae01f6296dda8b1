/** Admission plugins of the API server: which are on by default and protect, which must not run (kubeapiserver/options/plugins.go, v1.37.2). */
import type { ComponentInstance } from './flags.ts'

/** A rule is lost where one of them is named in --disable-admission-plugins; all but NodeRestriction are on by default. */
const PROTECTIVE = new Set([
  'NamespaceLifecycle',
  'ServiceAccount',
  'LimitRanger',
  'ResourceQuota',
  'PodSecurity',
  'TaintNodesByCondition',
  'Priority',
  'RuntimeClass',
  'StorageObjectInUseProtection',
  'PersistentVolumeClaimResize',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'NodeRestriction',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
])
export const isProtectivePlugin = (plugin: string): boolean => PROTECTIVE.has(plugin)

/** AlwaysAdmit admits everything, AlwaysDeny nothing. */
export const isDangerousPlugin = (plugin: string): boolean => plugin === 'AlwaysAdmit' || plugin === 'AlwaysDeny'

/** Gone for good, by the first minor version without them: an API server that is told to run one does not start. */
const REMOVED: readonly (readonly [plugin: string, since: number])[] = [
  ['DenyEscalatingExec', 21],
  ['DenyExecOnPrivileged', 21],
  ['PodSecurityPolicy', 25],
  ['SecurityContextDeny', 30],
]
export const removedPlugins = (minor: number | undefined): ReadonlySet<string> =>
  new Set(REMOVED.flatMap(([plugin, since]) => (minor !== undefined && minor >= since ? [plugin] : [])))

/** The plugins an instance is told to run beside the defaults, and those it is told not to run. */
export function pluginLists(instance: ComponentInstance): {
  readonly enabled: readonly string[]
  readonly disabled: readonly string[]
  /** They come from the older flag. */
  readonly older?: true
} {
  // The older flag names all that run (kubeapiserver/options/admission.go): what it leaves out is off, the defaults too.
  const only = pluginNames(instance.flags.get('admission-control'))
  if (only.length > 0)
    return {
      enabled: only,
      disabled: [...PROTECTIVE].filter((plugin) => !only.includes(plugin) && plugin !== 'NodeRestriction'),
      older: true,
    }
  return {
    enabled: pluginNames(instance.flags.get('enable-admission-plugins')),
    disabled: pluginNames(instance.flags.get('disable-admission-plugins')),
  }
}
export const pluginNames = (value: string | undefined): readonly string[] =>
  (value ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
