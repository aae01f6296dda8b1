/** What the next `kubeadm upgrade node` would make of kubelets: it writes each one's file anew, from ConfigMap kube-system/kubelet-config. */
import type { ConfigMapObject, FactName, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { parsed } from './flag-kubeadm.ts'
import { type KUBELET_LADDER, type KubeletInstance, kubelets } from './kubelet-config.ts'
import { kubeletFilesOn } from './kubelet-files.ts'
import { kubeletFlagOf } from './kubelet-flags.ts'
import { valueAt } from './path.ts'

type UpgradeView = View<(typeof KUBELET_LADDER)[number]>

export interface KubeletUpgrade {
  readonly map: ConfigMapObject
  readonly config: Readonly<Record<string, unknown>>
  /** As they run now. */
  readonly instances: readonly KubeletInstance[]
  /** Where kubelets work with what the ConfigMap says, and nothing else is known of them. */
  readonly after: View<any>
}

/** Undefined where nothing is known of the kubelets themselves, or kubeadm keeps nothing for them. */
export const nextKubeletUpgrade = (view: UpgradeView): KubeletUpgrade | undefined => derived(view, find)

function find(view: UpgradeView): KubeletUpgrade | undefined {
  const map = view.source.kind === 'live' ? view.find('ConfigMap', 'kube-system', 'kubelet-config') : undefined
  const config = map && parsed(map.data?.['kubelet'])
  const instances = kubelets(view).instances.filter(({ windows }) => !windows)
  if (map === undefined || config === undefined || instances.length === 0) return undefined
  if (instances.some(({ source }) => source === 'kubelet-config')) return undefined
  const after = {
    revision: view.revision,
    source: view.source,
    now: view.now,
    all: view.all.bind(view),
    find: view.find.bind(view),
    fact: (fact: FactName) => (fact === 'KubeletConfigz' || fact === 'Hosts' ? undefined : view.fact(fact as never)),
    unread: view.unread.bind(view),
    locate: view.locate.bind(view),
  }
  return { map, config, instances, after: after as View<any> }
}

/** Flags and drop-ins stay as they are: what they say of a setting wins over the file, on every node. */
export function isKeptOnNodes(view: UpgradeView, { instances }: KubeletUpgrade, setting: string): boolean {
  const flag = kubeletFlagOf(setting)
  return instances.every(({ name }) => {
    const files = kubeletFilesOn(view, name)
    if (files === undefined) return false
    const inDropIn = files.dropIns.some(({ config }) => valueAt(config, setting.split('.')) !== undefined)
    return inDropIn || (flag !== undefined && Object.hasOwn(files.flags, flag))
  })
}
