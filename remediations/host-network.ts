/** What goes with the network of the node when a pod leaves it. */
import type { PodSpec } from '../src/model/index.ts'
import { eachContainer } from '../src/objects/containers.ts'
import type { SpecEdit } from './pod-field.ts'

export const leaveHostNetwork = (spec: PodSpec): SpecEdit[] => [{ set: ['hostNetwork'], to: false }, ...dnsEdits(spec), ...portEdits(spec)]

export const runsHostProcess = (spec: PodSpec): boolean =>
  spec.securityContext?.windowsOptions?.hostProcess === true ||
  [...eachContainer(spec)].some(({ container }) => container.securityContext?.windowsOptions?.hostProcess === true)

const dnsEdits = (spec: PodSpec): SpecEdit[] =>
  spec.dnsPolicy === 'ClusterFirstWithHostNet' ? [{ set: ['dnsPolicy'], to: 'ClusterFirst' }] : []

/** The API server writes hostPort beside every containerPort of such a pod; left there they would open the ports again. */
const portEdits = (spec: PodSpec): SpecEdit[] =>
  [...eachContainer(spec)].flatMap(({ container, at }) =>
    (container.ports ?? []).flatMap((port, index): SpecEdit[] =>
      port.hostPort === port.containerPort ? [{ unset: [...at, 'ports', index, 'hostPort'] }] : [],
    ),
  )
