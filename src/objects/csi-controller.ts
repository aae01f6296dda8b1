/** The controller part of a CSI driver: told by its shape, since a name or an image alone proves nothing. */
import type { ContainerSpec } from '../model/index.ts'
import { remembered } from './derived.ts'
import type { Workload } from './workloads.ts'

const SIDECAR = /(^|\/)(csi-(provisioner|attacher|resizer|snapshotter)|external-(provisioner|attacher|resizer|snapshotter))(:|@|$)/

/** A sidecar of Kubernetes' CSI project that talks to the driver beside it over a socket in a volume that both mount. */
export const isCsiController = remembered(({ spec }: Workload): boolean => {
  const containers = spec.containers ?? []
  const sidecars = containers.filter(isSidecar)
  const drivers = containers.filter(({ image = '' }) => !SIDECAR.test(image))
  return sidecars.some((sidecar) => drivers.some((driver) => mountsOf(driver).some((volume) => mountsOf(sidecar).includes(volume))))
})

const isSidecar = ({ image = '', command, args }: ContainerSpec): boolean =>
  SIDECAR.test(image) && [...(command ?? []), ...(args ?? [])].some((word) => /^--?csi-address(=|$)/.test(String(word)))
const mountsOf = ({ volumeMounts }: ContainerSpec): readonly string[] => (volumeMounts ?? []).map(({ name }) => name)
