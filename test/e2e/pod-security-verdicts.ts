/** What a real API server says of pods, read back into the checks of the Pod Security Standards. */
import { NEWEST_MINOR } from '../../src/objects/pod-security.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { SentPod } from '../helpers/random-pod.ts'

export type Level = 'baseline' | 'restricted'
export interface Policy {
  readonly level: Level
  /** `v1.25`, or `latest`. */
  readonly version: string
}
export const minorOfPolicy = ({ version }: Policy): number => (version === 'latest' ? NEWEST_MINOR : Number(version.slice(3)))

/** The plugin's words for a check; three of them depend on the policy. */
const REASONS: Readonly<Record<string, string | ((policy: Policy) => string)>> = {
  'allowPrivilegeEscalation != false': 'allowPrivilegeEscalation',
  'forbidden AppArmor profile': 'appArmorProfile',
  'forbidden AppArmor profiles': 'appArmorProfile',
  'non-default capabilities': 'capabilities_baseline',
  'unrestricted capabilities': 'capabilities_restricted',
  'host namespaces': 'hostNamespaces',
  'hostPath volumes': 'hostPathVolumes',
  hostPort: 'hostPorts',
  'probe or lifecycle host': 'hostProbesAndHostLifecycle',
  privileged: 'privileged',
  procMount: (policy) => (policy.level === 'restricted' && minorOfPolicy(policy) >= 35 ? 'procMount_restricted' : 'procMount'),
  'restricted volume types': 'restrictedVolumes',
  'runAsNonRoot != true': 'runAsNonRoot',
  'runAsUser=0': 'runAsUser',
  seLinuxOptions: 'seLinuxOptions',
  seccompProfile: (policy) =>
    policy.level === 'restricted' && minorOfPolicy(policy) >= 19 ? 'seccompProfile_restricted' : 'seccompProfile_baseline',
  'forbidden sysctls': 'sysctls',
  hostProcess: 'windowsHostProcess',
}

/** `reason (details), reason, …` as check ids. Details hold commas and quotes, but no unbalanced bracket. */
export function checksIn(text: string, policy: Policy): string[] {
  const reasons: string[] = ['']
  let depth = 0
  for (const letter of text) {
    if (letter === '(') depth++
    else if (letter === ')') depth--
    else if (letter === ',' && depth === 0) reasons.push('')
    else if (depth === 0) reasons.push(reasons.pop()! + letter)
  }
  return reasons
    .map((reason) => {
      const check = REASONS[reason.trim()]
      if (check === undefined) throw new Error(`no check is known by the reason "${reason.trim()}" in: ${text}`)
      return typeof check === 'string' ? check : check(policy)
    })
    .sort()
}

export const namespaceOf = ({ level, version }: Policy): string => `${level}-${version.replace('.', '-')}`

export async function createNamespace(cluster: Cluster, name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  await cluster.api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
}

/** Why validation refuses the pod whatever the policy; else the pod as the server would store it. */
export async function storedPod(cluster: Cluster, pod: SentPod): Promise<{ readonly invalid: string } | { readonly stored: SentPod }> {
  const { status, text } = await post(cluster, 'unheld', pod)
  if (status === 422 || status === 400) return { invalid: (JSON.parse(text) as { message: string }).message }
  if (status !== 201) throw new Error(`${status}: ${text}`)
  const { metadata, spec } = JSON.parse(text) as SentPod
  return { stored: { metadata: { annotations: metadata.annotations ?? {} }, spec } }
}

/** The checks that the server names when it refuses the pod; none: it admits it. */
export async function serverVerdict(cluster: Cluster, pod: SentPod, policy: Policy): Promise<readonly string[]> {
  const { status, text } = await post(cluster, namespaceOf(policy), pod)
  if (status === 201) return []
  const { message = '' } = JSON.parse(text) as { message?: string }
  const [, named, reasons] = /violates PodSecurity "([^"]+)": (.*)$/s.exec(message) ?? []
  if (status !== 403 || named !== `${policy.level}:${policy.version}` || reasons === undefined) throw new Error(`${status}: ${message}`)
  return checksIn(reasons, policy)
}

const post = (cluster: Cluster, namespace: string, { metadata, spec }: SentPod) =>
  cluster.api.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', ...metadata }, spec },
  })

/** Calls `each` for all items, `width` at a time. */
export async function inParallel<T>(items: Iterable<T>, width: number, each: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let next = rest.next(); next.done !== true; next = rest.next()) await each(next.value)
    }),
  )
}
