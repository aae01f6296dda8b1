/** The static pods of the control plane as their manifests on a node say them, with the node's own paths of what their flags name. */
import type { ContainerSpec, HostFileRole, PodObject } from '../model/index.ts'
import { type Component, commandLineOf } from '../objects/flag-parse.ts'
import { parseFile } from './manifests-parse.ts'

export interface StaticPodSeen {
  readonly component: Component
  readonly namespace: string
  /** As its manifest says; its mirror pod has the node's name after it. */
  readonly name: string
  /** What its flags name, as paths of the node. */
  readonly named: readonly { readonly path: string; readonly role: HostFileRole; readonly flag: string }[]
}

const COMPONENTS: readonly Component[] = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd']
/** Files that kinds of ours are in. */
export const CONFIGURATIONS: ReadonlySet<string> = new Set([
  'encryption-provider-config',
  'audit-policy-file',
  'authentication-config',
  'authorization-config',
  'admission-control-config-file',
])

/** Undefined where the file is no pod of the control plane. Text that is no YAML is none either: the kubelet does not run it. */
export function staticPodIn(path: string, text: string): StaticPodSeen | undefined {
  for (const { kind, object } of parseFile(path, text).objects) {
    if (kind !== 'Pod') continue
    const pod = object as PodObject
    for (const container of pod.spec?.containers ?? [])
      for (const component of COMPONENTS) {
        const line = commandLineOf(container, component)
        if (line === undefined || line.flags.size === 0) continue
        const { namespace = 'default', name } = pod.metadata
        return { component, namespace, name, named: namedBy(pod, container, line.flags) }
      }
  }
  return undefined
}

/** The files that the flags of a container name, as paths of the node; what no mount shows it is left out. */
export function namedBy(pod: PodObject, container: ContainerSpec, flags: ReadonlyMap<string, string>): StaticPodSeen['named'] {
  return [...flags].flatMap(([flag, value]) => {
    const role = roleOf(flag)
    if (role === undefined) return []
    return value.split(',').flatMap((one) => {
      const path = onNode(pod, container, one.trim())
      return path === undefined ? [] : [{ path, role, flag }]
    })
  })
}

function roleOf(flag: string): HostFileRole | undefined {
  if (CONFIGURATIONS.has(flag)) return 'configuration'
  if (flag === 'data-dir') return 'etcd-data'
  if (/(^|-)kubeconfig$/.test(flag)) return 'kubeconfig'
  if (/key-?file$|private-key-file$|client-key$|signing-key-file$/.test(flag))
    return flag === 'service-account-key-file' ? 'certificate' : 'key'
  if (/(ca|cert)-?file$|client-certificate$|certificate-authority$/.test(flag)) return 'certificate'
  return undefined
}

/** A container sees the node by its mounts; the deepest one counts. */
export function onNode(pod: PodObject, container: ContainerSpec, path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  const mount = (container.volumeMounts ?? [])
    .filter(({ mountPath }) => path === mountPath || path.startsWith(mountPath.endsWith('/') ? mountPath : `${mountPath}/`))
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0]
  const source = pod.spec?.volumes?.find((volume) => volume.name === mount?.name)?.hostPath?.path
  if (mount === undefined || source === undefined) return undefined
  const below = path.slice(mount.mountPath.length).replace(/^\/+/, '')
  return [source.replace(/\/+$/, ''), mount.subPath, below].filter((part) => part !== undefined && part !== '').join('/') || '/'
}
