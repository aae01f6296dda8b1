/** Which version each part of the cluster is, and which do not fit together. */
import type { ObjectRef, Path, View } from '../model/index.ts'
import { parsed } from './flag-kubeadm.ts'
import { commandLineOf, staticPods } from './flag-parse.ts'
import { CONTROL_PLANE, FLAG_LADDER } from './flags.ts'
import { refOf } from './ref.ts'
import { compareVersions, minorOf, versionOf } from './version.ts'

export const VERSION_READS = [...FLAG_LADDER, 'DaemonSet'] as const
export type VersionView = View<(typeof VERSION_READS)[number]>
export interface ComponentVersion {
  readonly version: string
  readonly subject: ObjectRef
  readonly at?: Path
}

/** The API servers, oldest first: the one that answered and those of the static pods. A ClusterConfiguration counts where there is nothing else. */
export function apiServerVersions(view: VersionView): readonly ComponentVersion[] {
  const stated = view.fact('ServerVersion')?.gitVersion
  const running = [
    ...(stated === undefined ? [] : [{ version: stated, subject: CONTROL_PLANE }]),
    ...imageVersions(view, 'kube-apiserver'),
  ].filter(isKnown)
  return (running.length > 0 ? running : configured(view).filter(isKnown)).toSorted((a, b) =>
    compareVersions(versionOf(a.version)!, versionOf(b.version)!),
  )
}
const isKnown = ({ version }: ComponentVersion): boolean => minorOf(version) !== undefined

function configured(view: VersionView): readonly ComponentVersion[] {
  const map = view.find('ConfigMap', 'kube-system', 'kubeadm-config')
  const wished = parsed(map?.data?.['ClusterConfiguration'])?.['kubernetesVersion']
  return [
    ...view
      .all('ClusterConfiguration')
      .map((file) => ({ version: String(file['kubernetesVersion']), subject: refOf(file), at: ['kubernetesVersion'] })),
    ...(map === undefined ? [] : [{ version: String(wished), subject: refOf(map), at: ['data', 'ClusterConfiguration'] }]),
  ]
}

function imageVersions(
  view: VersionView,
  component: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler',
): readonly ComponentVersion[] {
  const pods = staticPods(view)
  return pods.flatMap((pod) =>
    (pod.spec?.containers ?? [])
      .filter((container) => commandLineOf(container, component) !== undefined)
      .map((container) => ({
        version: tagOf(container.image),
        subject: refOf(pod),
        at: ['spec', 'containers', { name: container.name }, 'image'],
      })),
  )
}
const tagOf = (image: string | undefined): string => /:(v?\d[^:@/]*)(@|$)/.exec(image ?? '')?.[1] ?? ''

export interface Misfit extends ComponentVersion {
  readonly component: string
  readonly isNewer: boolean
}

/**
 * The version skew policy, by minor versions: nothing is newer than the oldest API server; kubelet and kube-proxy are at most three
 * behind the newest (kubelets before 1.25: two), controller manager and scheduler one.
 */
export function misfits(view: VersionView, oldest: number, newest: number): readonly Misfit[] {
  const parts: readonly (readonly [component: string, behind: number, seen: readonly ComponentVersion[]])[] = [
    ['kube-controller-manager', 1, imageVersions(view, 'kube-controller-manager')],
    ['kube-scheduler', 1, imageVersions(view, 'kube-scheduler')],
    ['kubelet', 3, kubelets(view)],
    ['kube-proxy', 3, kubeProxies(view)],
  ]
  return parts.flatMap(([component, behind, seen]) =>
    seen.flatMap((one): Misfit[] => {
      const minor = minorOf(one.version)
      if (minor === undefined) return []
      const allowed = component === 'kubelet' && minor < 25 ? 2 : behind
      return minor > oldest || newest - minor > allowed ? [{ ...one, component, isNewer: minor > oldest }] : []
    }),
  )
}

const kubelets = (view: VersionView): readonly ComponentVersion[] =>
  view.all('Node').map((node) => ({
    version: node.status?.nodeInfo?.kubeletVersion ?? '',
    subject: refOf(node),
    at: ['status', 'nodeInfo', 'kubeletVersion'],
  }))

const kubeProxies = (view: VersionView): readonly ComponentVersion[] =>
  view
    .all('DaemonSet')
    .filter(({ metadata }) => metadata.namespace === 'kube-system')
    .flatMap((set) => {
      const container = set.spec?.template?.spec?.containers?.find(({ image = '' }) => /(^|\/)kube-proxy(-\w+)?(:|@|$)/.test(image))
      return container === undefined
        ? []
        : [
            {
              version: tagOf(container.image),
              subject: refOf(set),
              at: ['spec', 'template', 'spec', 'containers', { name: container.name }, 'image'],
            },
          ]
    })
