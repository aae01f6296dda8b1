/**
 * What a node needs to be a node: its network plugin, kube-proxy, drivers of its volumes. Told by image and shape together, in
 * whatever namespace: a name proves nothing, anyone may call a pod kube-flannel. (CoreDNS of the cluster DNS Service lies beside
 * that Service, in kube-system, which is the platform's own as a whole.)
 */
import type { ContainerSpec, PodSpec } from '../model/index.ts'
import { remembered } from './derived.ts'
import { networkAgentAmong } from './network-cni.ts'
import type { Workload } from './workloads.ts'

/** Its findings are the platform's own: such a workload could not do its work without the node. */
export const isPlatformAgent = remembered(
  ({ ref, object, spec }: Workload): boolean =>
    ref.kind === 'DaemonSet' && object !== undefined && (isOfTheNetwork(spec) || drivesVolumes(spec)),
)

const isOfTheNetwork = (spec: PodSpec): boolean =>
  spec.hostNetwork === true && (networkAgentAmong(spec.containers ?? []) !== undefined || (spec.containers ?? []).some(isKubeProxy))

const isKubeProxy = ({ image = '' }: ContainerSpec): boolean => /(^|\/)kube-proxy(-(amd64|arm64))?(:|@|$)/.test(image)

/** The registrar that every CSI node plugin has beside it, telling the kubelet of its socket through the kubelet's own directory. */
const drivesVolumes = ({ containers, volumes }: PodSpec): boolean =>
  (containers ?? []).some(isRegistrar) && (volumes ?? []).some((volume) => /\/plugins_registry\/?$/.test(volume?.hostPath?.path ?? ''))
const isRegistrar = ({ image, command, args }: ContainerSpec): boolean =>
  /node-driver-registrar(:|@|$)/.test(image ?? '') &&
  [...(command ?? []), ...(args ?? [])].some((word) => String(word).startsWith('--kubelet-registration-path='))
