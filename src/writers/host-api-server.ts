/** The API server of a node as its manifest there starts it, whatever the file is called and however its flags are written. */
import { isIP } from 'node:net'
import { type Host, HostRefused } from '../hosts/host.ts'
import type { ContainerSpec, PodObject } from '../model/index.ts'
import { commandLineOf } from '../objects/flag-parse.ts'
import { fieldsIn } from '../objects/yaml-file.ts'
import { onNode } from '../sources/hosts-static-pods.ts'
import type { HostWorld } from './host-performer.ts'
import { manifestsOn, mirrorOf } from './host-static-pod.ts'

export interface ApiServerOnHost {
  readonly flags: ReadonlyMap<string, string>
  /** What a flag names, as a path of the node where a mount shows it one. */
  pathOf(flag: string): string | undefined
  /** Its mirror pod. */
  readonly namespace: string
  readonly name: string
}

const USUAL = 'kube-apiserver.yaml'

/** A string says why it is not seen. What is called as kubeadm has it goes before a copy of it. */
export async function apiServerOn(host: Host): Promise<ApiServerOnHost | string> {
  const directory = await manifestsOn(host)
  const usual = parsed(host, (await host.read(`${directory}/${USUAL}`))?.text)
  if (usual !== undefined) return usual
  for (const name of (await host.list(directory)) ?? []) {
    if (name.startsWith('.') || name === USUAL) continue
    const other = parsed(host, await textOf(host, `${directory}/${name}`))
    if (other !== undefined) return other
  }
  return `no manifest in ${directory} runs kube-apiserver`
}

async function textOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return (await host.read(path))?.text
  } catch (error) {
    // A folder, or a file that nobody may look at: the kubelet runs no API server from it.
    if (error instanceof HostRefused) return undefined
    throw error
  }
}

function parsed(host: Host, text: string | undefined): ApiServerOnHost | undefined {
  const pod = (text === undefined ? undefined : fieldsIn(text)) as PodObject | undefined
  const containers: readonly ContainerSpec[] = Array.isArray(pod?.spec?.containers) ? pod.spec.containers : []
  for (const container of containers) {
    const line = commandLineOf(container, 'kube-apiserver')
    if (pod === undefined || line === undefined) continue
    const { flags } = line
    const pathOf = (flag: string) => onNode(pod, container, flags.get(flag) ?? '') ?? flags.get(flag)
    const { name = 'kube-apiserver', namespace = 'default' } = pod.metadata ?? {}
    return { flags, pathOf, namespace, name: `${name}-${host.node.toLowerCase()}` }
  }
  return undefined
}

/** `https://10.0.0.1:6443`: where this one API server answers; undefined where that is not seen. */
export async function addressOf(host: Host, world: Pick<HostWorld, 'client'>): Promise<string | undefined> {
  const own = await apiServerOn(host).catch(() => 'not seen')
  if (typeof own === 'string') return undefined
  const said = own.flags.get('advertise-address') ?? ''
  const address = isIP(said) > 0 ? said : await addressOfPod(own, world)
  if (address === undefined) return undefined
  return `https://${address.includes(':') ? `[${address}]` : address}:${own.flags.get('secure-port') ?? '6443'}`
}

/** Without the flag, or with one that the kubelet fills in, it is the node's. */
async function addressOfPod(own: ApiServerOnHost, world: Pick<HostWorld, 'client'>): Promise<string | undefined> {
  const pod = await mirrorOf(world, own)
  return typeof pod === 'object' && 'hash' in pod && pod.spec.hostNetwork === true ? pod.status?.podIP : undefined
}
