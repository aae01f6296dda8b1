/** What would keep a component down, as far as it can be seen before its manifest is touched. */
import { dirname } from 'node:path'
import type { Host } from '../hosts/host.ts'
import type { ConfigFile, HostMount, NodeObject } from '../model/index.ts'
import { readAuditPolicy } from '../objects/audit-policy-read.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'
import { WriteRefused } from '../plan/writer.ts'
import type { ComponentWish } from './host-component-record.ts'
import type { HostWorld } from './host-performer.ts'
import type { FileWish } from './host-placing.ts'
import type { StaticPod } from './host-static-pod.ts'
import { refuseUnverified } from './serving-seen.ts'

/** Throws `WriteRefused`. */
export async function refuseUnfit(world: HostWorld, host: Host, own: StaticPod, wish: ComponentWish): Promise<void> {
  await refuseSilentKubelet(world, host)
  await refuseUnknownFlags(world, wish)
  await refuseUnverified(world, wish.flags)
  for (const mount of wish.mounts) {
    const because = await whyNotMounted(host, mount, wish.files)
    if (because !== undefined) throw new WriteRefused(host.node, `${because}: ${wish.component} would not start`)
  }
  for (const file of wish.files) {
    if (file.after === null) continue
    const because = whyUnread(file.path, file.after.text, wish)
    if (because !== undefined) throw new WriteRefused('k8s-harden', because)
    if (Object.values(wish.flags).includes(file.path) && !isSeen(file.path, own, wish))
      throw new WriteRefused('k8s-harden', `${file.path} would not be mounted: ${wish.component} would not find it`)
  }
}

const isUnder = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
const isSeen = (path: string, { container }: StaticPod, { mounts }: ComponentWish): boolean =>
  [...(container.volumeMounts ?? []).map(({ mountPath }) => mountPath), ...mounts.map((mount) => mount.path)].some((directory) =>
    isUnder(path, directory),
  )

/** The node controller writes Unknown once a kubelet has not been heard of for 40 s; a node that is not ready for another reason has one that runs. */
async function refuseSilentKubelet({ client }: HostWorld, { node }: Host): Promise<void> {
  const answer = await client.get<NodeObject>(`/api/v1/nodes/${encodeURIComponent(node)}`, { limitMs: 5_000 })
  const ready = answer.ok ? answer.body.status?.conditions?.find(({ type }) => type === 'Ready') : undefined
  if (ready?.status === 'Unknown')
    throw new WriteRefused(
      node,
      `the kubelet of ${node} is silent, so nothing would restart what its manifest says: start it first (systemctl status kubelet there)`,
    )
}

/** Only the API server lists its flags, and only newer ones do. One that does not answer leaves it open. */
async function refuseUnknownFlags({ client }: HostWorld, { component, flags }: ComponentWish): Promise<void> {
  const set = Object.keys(flags).filter((flag) => flags[flag] !== null)
  if (component !== 'kube-apiserver' || set.length === 0) return
  const answer = await client.get<{ readonly kind?: string; readonly flags?: Readonly<Record<string, unknown>> }>('/flagz', {
    accept: 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz,application/json;v=v1alpha1;g=config.k8s.io;as=Flagz',
    limitMs: 5_000,
  })
  if (!answer.ok || answer.body?.kind !== 'Flagz' || answer.body.flags === undefined) return
  const unknown = set.find((flag) => !Object.hasOwn(answer.body.flags!, flag))
  if (unknown !== undefined)
    throw new WriteRefused('the API server', `it knows no flag --${unknown} in this version: with it, it would not start`)
}

async function whyNotMounted(host: Host, { path, type }: HostMount, files: readonly FileWish[]): Promise<string | undefined> {
  const isPlaced = files.some((file) => file.after !== null && isUnder(file.path, path))
  const stat = await host.stat(path)
  if (stat === undefined) {
    if (isPlaced || type === 'DirectoryOrCreate') return undefined
    if (type === 'FileOrCreate')
      return (await host.stat(dirname(path))) === undefined ? `${dirname(path)} is not there on ${host.node}` : undefined
    return `${path} is not there on ${host.node}`
  }
  const wanted = type.startsWith('Directory') ? 'directory' : 'file'
  return stat.is === 'link' || stat.is === wanted ? undefined : `${path} on ${host.node} is no ${wanted}`
}

const KINDS: Readonly<Record<string, string>> = {
  'audit-policy-file': 'Policy',
  'authentication-config': 'AuthenticationConfiguration',
  'authorization-config': 'AuthorizationConfiguration',
  'encryption-provider-config': 'EncryptionConfiguration',
  'admission-control-config-file': 'AdmissionConfiguration',
}

/** A file that its reader would not take; undefined where nothing speaks against it. */
export function whyUnread(path: string, text: string, { flags }: Pick<ComponentWish, 'flags'>): string | undefined {
  const flag = Object.keys(flags).find((name) => flags[name] === path)
  const isYaml = /\.(?:ya?ml|json|conf)$/.test(path) || (flag !== undefined && flag in KINDS)
  if (!isYaml) return undefined
  let value: ConfigFile
  try {
    value = yamlValue(text) as ConfigFile
  } catch (error) {
    return `the new ${path} is no valid YAML: ${(error as Error).message}`
  }
  const wanted = flag === undefined ? undefined : KINDS[flag]
  if (wanted !== undefined && value?.kind !== wanted) return `the new ${path} is no ${wanted}`
  if (value?.kind !== 'Policy' || !String(value.apiVersion).startsWith('audit.k8s.io/')) return undefined
  const fatal = readAuditPolicy(value).problems.find((problem) => problem.fatal)
  return fatal === undefined ? undefined : `the API server would not take the new ${path}: ${fatal.problem}`
}
