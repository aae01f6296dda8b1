/** Public addresses of the API server that the cluster or its files name, beside the one in the kubeconfig. */
import type { ObjectRef, Path, View } from '../model/index.ts'
import { hostOf, isPublicAddress } from './address.ts'
import { apiServerSlices, controlPlaneNodes, publicAddresses } from './api-endpoint.ts'
import { componentFlags, type FLAG_LADDER } from './flags.ts'
import { refOf } from './ref.ts'

export interface PublicFace {
  readonly ref: ObjectRef
  readonly at: Path
  readonly addresses: readonly string[]
  /** `certificate`: the serving certificate is valid for it; whether it is served there is not said. */
  readonly by: 'endpoints' | 'node' | 'configuration' | 'certificate'
}
type FaceView = View<'EndpointSlice' | (typeof FLAG_LADDER)[number]>

export const publicFaces = (view: FaceView): readonly PublicFace[] => facesOf(view).filter(({ addresses }) => addresses.length > 0)

function facesOf(view: FaceView): readonly PublicFace[] {
  const slices = apiServerSlices(view).map((slice) => ({
    ref: refOf(slice),
    at: ['endpoints'],
    by: 'endpoints' as const,
    addresses: (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses).filter(isPublicAddress),
  }))
  const nodes = controlPlaneNodes(view)
    .filter((node) => !listensPrivately(view, node.metadata.name))
    .map((node) => ({ ref: refOf(node), at: ['status', 'addresses'], by: 'node' as const, addresses: publicAddresses(node) }))
  const files = view.all('ClusterConfiguration').flatMap((file): PublicFace[] => {
    const endpoint = typeof file['controlPlaneEndpoint'] === 'string' ? [hostOf(file['controlPlaneEndpoint'])] : []
    const { certSANs } = (file['apiServer'] ?? {}) as { readonly certSANs?: unknown }
    return [
      { ref: refOf(file), at: ['controlPlaneEndpoint'], by: 'configuration', addresses: endpoint.filter(isPublicAddress) },
      {
        ref: refOf(file),
        at: ['apiServer', 'certSANs'],
        by: 'certificate',
        addresses: Array.isArray(certSANs) ? certSANs.map(String).filter(isPublicAddress) : [],
      },
    ]
  })
  return [...slices, ...nodes, ...files]
}

/** Its API server is bound to one address that is not public. */
function listensPrivately(view: FaceView, node: string): boolean {
  const instance = componentFlags(view, 'kube-apiserver').instances.find((one) => one.name === `kube-apiserver-${node}`)
  const address = instance?.flags.get('bind-address') ?? ''
  return address !== '' && address !== '0.0.0.0' && address !== '::' && !isPublicAddress(address)
}
