/** Flags of a cluster whose nodes this tool does not touch: the file to merge, the steps to take, and the way back. */
import type { Change, Json } from '../src/model/index.ts'
import { extraVolume, type FlagValues, withExtraArgs } from '../src/objects/flag-edits.ts'
import { EXTRA_ARGS } from '../src/objects/flag-kubeadm.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { manifestSteps } from './flag-runbook.ts'
import type { Handover } from './handover.ts'
import { inOwnWay } from './own-ways.ts'
import { rancherFile } from './rancher-config.ts'
import { talosFlags } from './talos-patch.ts'

/** The file change, or words where there is nothing that could stand in a file. */
export function handOver(handover: Handover): Change | { readonly byHand: string } {
  const { distribution } = handover
  const words = inOwnWay(handover)
  if (words !== undefined) return { byHand: words }
  if (distribution.name === 'talos') return talosFlags(handover)
  return distribution.name === 'k3s' || distribution.name === 'rke2' ? rancherFile(handover, distribution.name) : kubeadmFile(handover)
}

const lines = (values: FlagValues): string[] =>
  Object.entries(values).flatMap(([flag, value]) => (value === null ? [] : [`--${flag}=${value}`]))
/** Names of the flags to take out: those that stand somewhere. */
const gone = ({ values, instances }: Handover): string[] =>
  Object.entries(values).flatMap(([flag, value]) => (value === null && instances.some(({ flags }) => flags.has(flag)) ? [flag] : []))

function kubeadmFile(handover: Handover): Change {
  const { component, values, files, minor, nodes, stamp, configMap, step = component } = handover
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
  const fragment: { [key: string]: Json } =
    lines(values).length === 0 ? {} : { extraArgs: withExtraArgs(undefined, set, (minor ?? 37) >= 31) }
  if (files.length > 0 && component !== 'etcd') fragment['extraVolumes'] = files.map(extraVolume)
  const content = EXTRA_ARGS[component].slice(0, -1).reduceRight<Json>((inner, key) => ({ [key as string]: inner }), fragment)
  const out = gone(handover)
  const extraArgs = EXTRA_ARGS[component].join('.')
  const isMerged = out.length === 0 || lines(values).length + files.length > 0
  const comments = [
    `# ${isMerged ? 'Merge this into' : 'Nothing to add to'} the ClusterConfiguration that kubeadm keeps (ConfigMap kube-system/kubeadm-config), so that an upgrade does not ${isMerged ? 'lose it' : 'bring back what is gone'}.`,
    ...(out.length > 0 ? [`# Take out of its ${extraArgs}: ${out.join(', ')}`] : []),
  ]
  const steps = manifestSteps(component, nodes, handover.distribution.name === 'kubeadm', step === component ? stamp : `${step}-${stamp}`)
  const kept = kubeadmSteps(configMap, `${step}-${stamp}`, [
    ...(isMerged ? [`merge ${step}.kubeadm.yaml into the text under ClusterConfiguration`] : []),
    ...(out.length > 0 ? [`take out of ${extraArgs}: ${out.join(', ')}`] : []),
  ])
  return {
    type: 'file',
    name: `${step}.kubeadm.yaml`,
    text: { text: `${comments.join('\n')}\n${kubernetesYaml(content)}` },
    mode: 0o644,
    runbook: [
      ...handover.first,
      ...steps.runbook,
      ...kept.runbook,
      ...(handover.maker === undefined ? [] : [handover.maker]),
      ...handover.verify,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [...handover.undoFirst, ...steps.rollback, ...kept.rollback],
  }
}

/** Without it the next `kubeadm upgrade` writes the old flags back. */
function kubeadmSteps(configMap: boolean | undefined, stamp: string, what: readonly string[]): { runbook: string[]; rollback: string[] } {
  if (configMap === false) return { runbook: [], rollback: [] }
  const copy = `kubeadm-config.before-${stamp}.yaml`
  const where = configMap === undefined ? 'where kubeadm made the cluster, ' : ''
  return {
    runbook: [
      `${where}once all of them have it, keep a copy: \`kubectl -n kube-system get configmap kubeadm-config -o yaml > ${copy}\``,
      ...what.map((words) => `${where}${words}: \`${EDIT}\``),
    ],
    rollback: [`${where}when all of them are back as they were, make the ClusterConfiguration what ${copy} says: \`${EDIT}\``],
  }
}
const EDIT = 'kubectl -n kube-system edit configmap kubeadm-config'
