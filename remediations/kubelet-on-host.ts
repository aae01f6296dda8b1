/** Settings of one kubelet, written on its node through a carrier: where they count, and not at all where a flag would win over them. */
import type { Change, Edit, Json, Readable, View } from '../src/model/index.ts'
import { editsOfConfigMap } from '../src/objects/flag-edits.ts'
import { parsed } from '../src/objects/flag-kubeadm.ts'
import type { KubeletInstance } from '../src/objects/kubelet-config.ts'
import { filesConfig, type KubeletFiles, kubeletFilesOn, placeOf } from '../src/objects/kubelet-files.ts'
import { kubeletFlagOf } from '../src/objects/kubelet-flags.ts'
import { isZeroDuration, kubeletSetting } from '../src/objects/kubelet-settings.ts'
import { valueAt } from '../src/objects/path.ts'
import { refOf } from '../src/objects/ref.ts'
import { textOf } from './kubelet-handover.ts'

type Settings = Readonly<Record<string, Json>>
type HostChange = Extract<Change, { type: 'host' }>

/** The changes on the node of a kubelet; undefined where it is not reached, or is restarted only with all of k3s or RKE2. */
export function onHost(
  set: Settings,
  instance: KubeletInstance,
  view: View<Readable>,
): readonly Change[] | { readonly byHand: string } | undefined {
  const files = kubeletFilesOn(view, instance.name)
  if (files === undefined || files.host.rancher !== undefined) return undefined
  const overruled = Object.keys(set).filter((key) => isOverruled(key, set[key]!, instance, files))
  if (files.faults.length > 0) return { byHand: `on ${instance.name}, mend first: ${files.faults.join('; ')}` }
  if (overruled.length > 0) return { byHand: flagsFirst(instance.name, overruled, files.main?.path ?? 'its drop-ins') }
  if (Object.keys(set).some((key) => placeOf(files, key.split('.')) === undefined))
    return {
      byHand: `the kubelet of ${instance.name} was started without a configuration file: give it one with --config that says ${listed(set)}`,
    }
  const places = Map.groupBy(Object.keys(set), (key) => JSON.stringify(placeOf(files, key.split('.'))))
  return [...places].map(([place, keys], index): HostChange => {
    const { path, exists } = JSON.parse(place) as NonNullable<ReturnType<typeof placeOf>>
    const own = Object.fromEntries(keys.map((key) => [key, set[key]!]))
    return {
      type: 'host',
      key: `${instance.name} ${path}`,
      title: `kubelet on ${instance.name}: set ${keys.map((key) => `${key}=${shown(own[key]!)}`).join(', ')}`,
      // A worker first: where it goes wrong there, no API server stands on it.
      turn: files.host.controlPlane ? 2 : 1,
      action: {
        do: 'file',
        node: instance.name,
        path,
        to: exists ? { edits: editsOf(own) } : { text: dropInOf(own), mode: 0o644 },
        noticedBy: index === places.size - 1 ? 'kubelet' : 'nobody',
      },
    }
  })
}
const editsOf = (set: Settings): readonly Edit[] => Object.entries(set).map(([key, to]) => ({ set: key.split('.'), to }))
const listed = (set: Settings): string =>
  Object.entries(set)
    .map(([key, value]) => `${key}: ${shown(value)}`)
    .join(', ')
const shown = (value: Json): string => (Array.isArray(value) ? value.join(',') : String(value))

function dropInOf(set: Settings): string {
  const fields = textOf(set).replace(/^#.*\n/, '')
  return `# Over the kubelet's own configuration file; made by k8s-harden.\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${fields}`
}

/** The node's files say another value than the kubelet works with: what is written there would change nothing. */
function isOverruled(key: string, wanted: Json, instance: KubeletInstance, files: KubeletFiles): boolean {
  const flag = kubeletFlagOf(key)
  if (flag === undefined || key === 'seccompDefault') return false
  if (Object.hasOwn(files.flags, flag)) return true
  if (!instance.effective) return false
  const path = key.split('.')
  const said = kubeletSetting({ config: filesConfig(files), partial: false, effective: false }, path).value
  const runs = valueAt(instance.config, path)
  return isSame(said, wanted) || !isSame(said, runs)
}
const isSame = (a: unknown, b: unknown): boolean => {
  if (isDuration(a) && isDuration(b)) return isZeroDuration(a) === isZeroDuration(b)
  return JSON.stringify(a || null) === JSON.stringify(b || null)
}
const isDuration = (value: unknown): boolean => typeof value === 'string' && /^\d+(\.\d+)?(h|m|s)/.test(value)

const flagsFirst = (node: string, keys: readonly string[], path: string): string =>
  `on ${node} the kubelet works with another value than ${path} says: either it was not restarted since, or a flag wins over the file. Take ${keys
    .map((key) => `--${kubeletFlagOf(key)}`)
    .join(
      ', ',
    )} out of its command line (the systemd unit, /var/lib/kubelet/kubeadm-flags.env, /etc/default/kubelet), restart it, and scan again`

/** kubeadm's ConfigMap comes last: what a node did not take is not to reach the next one. Nothing where there is none, or it says so already. */
export function wishedChange(set: Settings, view: View<Readable>): readonly Change[] {
  const map = view.find('ConfigMap', 'kube-system', 'kubelet-config')
  const config = map && parsed(map.data?.['kubelet'])
  if (map === undefined || config === undefined) return []
  const missing = Object.fromEntries(
    Object.entries(set).filter(([key, to]) => JSON.stringify(valueAt(config, key.split('.'))) !== JSON.stringify(to)),
  )
  if (Object.keys(missing).length === 0) return []
  return [{ type: 'edit', target: refOf(map), edits: editsOfConfigMap(map, 'kubelet', () => editsOf(missing)) }]
}
