/** Flags of a cluster whose nodes this tool does not touch: the file to merge, the steps to take, and the way back. */
import type { Change, Json } from '../src/model/index.ts'
import type { Distribution } from '../src/objects/distribution.ts'
import { extraVolume, type FlagValues, type HostFile, withExtraArgs } from '../src/objects/flag-edits.ts'
import { EXTRA_ARGS } from '../src/objects/flag-kubeadm.ts'
import type { Component, ComponentInstance } from '../src/objects/flags.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { type ManifestOfNode, manifestSteps } from './flag-runbook.ts'

export interface Handover {
  readonly component: Component
  readonly values: FlagValues
  readonly files: readonly HostFile[]
  readonly instances: readonly ComponentInstance[]
  /** Every node that runs the component, with what changes there. */
  readonly nodes: readonly ManifestOfNode[]
  /** The ConfigMap that kubeadm keeps is there; undefined: not read. */
  readonly configMap: boolean | undefined
  /** Copies are named after it: those of another plan are not taken for the old state of this one. */
  readonly stamp: string
  /** Name of the file, where the flags wait for something that other flags of the component must not wait for. */
  readonly step?: string
  readonly distribution: Distribution
  readonly minor: number | undefined
  /** Steps that come before the flags are touched, such as placing the files they name. */
  readonly first: readonly string[]
  /** How to see that it worked, beside scanning again. */
  readonly verify: readonly string[]
  readonly undoFirst: readonly string[]
}

/** The file change, or words where there is nothing that could stand in a file. */
export function handOver(handover: Handover): Change | { readonly byHand: string } {
  const { distribution, component } = handover
  if (distribution.name === 'openshift')
    return { byHand: `OpenShift's operators write these flags: change the ${component} operator's own configuration, never the static pod` }
  if (distribution.name === 'talos') return { byHand: onTalos(handover) }
  return distribution.name === 'k3s' || distribution.name === 'rke2' ? rancherFile(handover) : kubeadmFile(handover)
}

/** Its nodes have no shell, and write each static pod from the machine configuration: https://www.talos.dev/latest/talos-guides/configuration/patching/ */
function onTalos(handover: Handover): string {
  const { component, values, files } = handover
  // The sections have the names of kubeadm's.
  const [key] = EXTRA_ARGS[component] as [string]
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
  const patch = JSON.stringify({ cluster: { [key]: { extraArgs: set } } })
  return [
    'Talos writes its static pods from the machine configuration: on one control-plane node after the other',
    ...(files.length === 0 ? [] : [`have cluster.${key}.extraVolumes mount ${files.map(({ path }) => path).join(', ')}`]),
    ...(Object.keys(set).length === 0 ? [] : [`talosctl -n NODE patch mc -p '${patch.replaceAll("'", "'\\''")}'`]),
    ...gone(handover).map((flag) => `take ${flag} out of cluster.${key}.extraArgs with talosctl -n NODE edit mc`),
    `wait until talosctl -n NODE get staticpodstatus shows it ready before the next`,
  ].join('; ')
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
    runbook: [...handover.first, ...steps.runbook, ...kept.runbook, ...handover.verify, 'scan again: `k8s-harden scan`'],
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

function rancherFile(handover: Handover): Change {
  const {
    component,
    values,
    distribution: { name },
  } = handover
  const [main, target] = [`/etc/rancher/${name}/config.yaml`, `/etc/rancher/${name}/config.yaml.d/90-k8s-harden.yaml`]
  const copy = `/root/${name}-config.yaml.before-k8s-harden`
  const key = `${component}-arg`
  const add = lines(values).map((line) => line.slice(2))
  const out = gone(handover)
  const places = add.length > 0 || out.length === 0
  const text = places
    ? `# Place as ${target} on every server node; the plus adds to what config.yaml has.\n${kubernetesYaml({ [`${key}+`]: add })}`
    : `# Nothing to place: of ${main} on every server node, under ${key}, take out ${out.join(', ')}\n{}\n`
  const restart = `systemctl restart ${name === 'k3s' ? 'k3s' : 'rke2-server'}`
  return {
    type: 'file',
    name: `${name}-config.yaml`,
    text: { text },
    mode: 0o600,
    runbook: [
      ...handover.first,
      ...(places
        ? [
            `on one server node after the other: place ${name}-config.yaml as ${target}: \`install -D -o root -g root -m 0600 ${name}-config.yaml ${target}\``,
          ]
        : []),
      ...(out.length === 0
        ? []
        : [
            `${places ? '' : 'on one server node after the other: '}\`cp -p ${main} ${copy}\``,
            `take out of ${main}, under ${key}: ${out.join(', ')} (they may stand in a file of ${main}.d or in the service's own arguments too)`,
          ]),
      `\`${restart}\`, and wait until \`kubectl get --raw=/readyz\` says ok before the next node`,
      ...handover.verify,
      'scan again: `k8s-harden scan`',
    ],
    rollback: [
      ...handover.undoFirst,
      ...(places ? [`\`rm ${target}\``] : []),
      ...(out.length > 0 ? [`\`cp -p ${copy} ${main}\``] : []),
      `\`${restart}\``,
    ],
  }
}
