/** Tells kubeadm what components run with, so that its next upgrade keeps it. Nothing that runs is touched. */
import type { Edit, Finding, Json, Proposal, Readable, View } from '../model/index.ts'
import { fewOf } from '../objects/few-of.ts'
import { editsOfConfigMap, editsOfConfiguration, type FlagValues } from '../objects/flag-edits.ts'
import { EXTRA_ARGS } from '../objects/flag-kubeadm.ts'
import type { Component } from '../objects/flag-parse.ts'
import { type ExtraVolume, type ForgottenFlag, forgottenVolumes, nextUpgrade } from '../objects/kubeadm-upgrade.ts'
import { nextKubeletUpgrade } from '../objects/kubelet-upgrade.ts'
import { valueAt } from '../objects/path.ts'
import { refOf } from '../objects/ref.ts'

interface Forgotten {
  readonly component: Component
  readonly flags: readonly string[]
  readonly lacks: boolean
}
interface ForgottenSetting {
  /** Of a kubelet, by dotted path. */
  readonly setting: string
  readonly lacks: boolean
}
const forgottenIn = ({ evidence }: Finding): Forgotten | ForgottenSetting | undefined =>
  (evidence as { readonly kubeadm?: Forgotten | ForgottenSetting } | null | undefined)?.kubeadm

/** kubeadm says nothing of it so far: to have it said harms nobody, whoever reads it. */
export const isLackingInKubeadm = (finding: Finding): boolean => forgottenIn(finding)?.lacks === true

/** Undefined: the finding is not of this sort. */
export function keptByKubeadm(finding: Finding, view: View<Readable>): Proposal | undefined {
  const about = forgottenIn(finding)
  if (about === undefined) return undefined
  if ('setting' in about) return settingKept(about.setting, view)
  const { flags, kept } = nextUpgrade(view)
  const all = flags.filter(({ component }) => component === about.component)
  const wanted = all.filter(({ flag }) => about.flags.includes(flag))
  if (kept === undefined || wanted.length === 0) return { refused: 'kubeadm is told of it by now' }
  const unclear = wanted.flatMap(whyNot)[0]
  if (unclear !== undefined) return { byHand: unclear }
  // What runs together is kept together: a flag without those it goes with might keep the component down.
  const others = all.filter(
    (one) => !wanted.includes(one) && !one.byItself && (!one.stated || isMountAlone(one)) && whyNot(one).length === 0,
  )
  const told = [...wanted, ...others]
  const left = all.filter((one) => !told.includes(one) && (one.stated || !one.byItself)).map(({ flag }) => `--${flag}`)
  const volumes = forgottenVolumes(view, about.component)
  const edits = editsOfConfigMap(kept.map, 'ClusterConfiguration', (content) => editsFor(content, about.component, told, volumes))
  return {
    changes: [{ type: 'edit', target: kept.ref, edits }],
    risk: 'safe',
    summary: `have the next kubeadm upgrade keep ${fewOf(told.map(({ flag }) => `--${flag}`))}`,
    mayBreak:
      left.length === 0
        ? []
        : [`what it says of ${fewOf(left)} stays other than what runs: look before the next upgrade whether all of it goes together`],
  }
}

function settingKept(setting: string, view: View<Readable>): Proposal {
  const upgrade = nextKubeletUpgrade(view)
  if (upgrade === undefined) return { refused: 'what kubelets run with is not seen any more' }
  const path = setting.split('.')
  const [value, ...others] = new Set(upgrade.instances.map(({ config }) => JSON.stringify(valueAt(config, path) ?? null)))
  if (value === undefined || value === 'null' || others.length > 0)
    return {
      byHand: `kubelets do not all say the same of ${setting}: write what new nodes are to have under kubelet in ConfigMap kube-system/kubelet-config, or keep each in the patches of its node (kubeadm upgrade node --patches)`,
    }
  const edits = editsOfConfigMap(upgrade.map, 'kubelet', () => [{ set: path, to: JSON.parse(value) as Json }])
  return {
    changes: [{ type: 'edit', target: refOf(upgrade.map), edits }],
    risk: 'safe',
    summary: `have the next kubeadm upgrade of a node keep ${setting}`,
    mayBreak: [],
  }
}

const isMountAlone = ({ runs, given }: ForgottenFlag): boolean => runs.every((value) => value === given)

function whyNot({ flag, runs, own, component }: ForgottenFlag): readonly string[] {
  const [value] = runs
  if (runs.length > 1)
    return [
      `copies of ${component} run with different values of --${flag}, and kubeadm keeps one for all: make them the same, or keep each in the patches of its node (kubeadm upgrade --patches)`,
    ]
  if (own && value !== undefined)
    return [
      `--${flag} is of the node or stands there more than once: write it into extraArgs of ${component} in ConfigMap kube-system/kubeadm-config yourself, or keep it in the patches of the node (kubeadm upgrade --patches)`,
    ]
  return []
}

function editsFor(
  content: Readonly<Record<string, unknown>>,
  component: Component,
  told: readonly ForgottenFlag[],
  added: readonly ExtraVolume[],
): readonly Edit[] {
  const values: FlagValues = Object.fromEntries(told.map(({ flag, runs }) => [flag, runs[0] ?? null]))
  const edits = editsOfConfiguration(content, component, values, [])
  if (added.length === 0) return edits
  const at = [...EXTRA_ARGS[component].slice(0, -1), 'extraVolumes']
  const before = (valueAt(content, at) ?? []) as readonly ExtraVolume[]
  return [...edits, { set: at, to: added.reduce(withVolume, before) }]
}

/** No two may have one path, nor one name. */
function withVolume(list: readonly ExtraVolume[], volume: ExtraVolume): readonly ExtraVolume[] {
  const same = list.findIndex(({ mountPath }) => mountPath === volume.mountPath)
  if (same >= 0) return list.with(same, { ...list[same]!, readOnly: volume.readOnly })
  return [...list, list.some(({ name }) => name === volume.name) ? { ...volume, name: `${volume.name}-k8s-harden` } : volume]
}
