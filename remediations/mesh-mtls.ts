/** How to encrypt traffic between pods, with what runs there already. Nothing is written: a mesh that is made strict cuts off whoever is outside of it. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'

/** `istio`, `linkerd`, or the name of the network plugin. */
export type MeshEvidence = { readonly by: string }

const GUIDES: Readonly<Record<string, string>> = {
  istio:
    'see in the metrics which clients still send plain text (istio_requests_total with connection_security_policy="none"), bring them into the mesh, set STRICT namespace by namespace, and last in the root namespace; keep portLevelMtls exceptions to what probes and scrapers outside of the mesh need',
  linkerd:
    'bring the clients into the mesh (linkerd viz edges shows which are not), then set proxy.defaultInboundPolicy to all-authenticated, one namespace after another by the annotation config.linkerd.io/default-inbound-policy',
  Cilium:
    'turn on WireGuard (Helm: encryption.enabled=true, encryption.type=wireguard) after checking that UDP 51871 is open between nodes and the MTU has room; agents restart one by one',
  Calico:
    'set spec.wireguardEnabled: true in FelixConfiguration default after checking that UDP 51820 is open between nodes and their kernels have WireGuard',
  Antrea: 'set trafficEncryptionMode: wireGuard in ConfigMap antrea-config and restart the agents one by one',
  Flannel:
    'choose the backend wireguard (net-conf.json, or k3s --flannel-backend=wireguard-native); the network is interrupted while nodes change over',
}

export const guideEncryption = (): Remedy<MeshEvidence> =>
  remedy<MeshEvidence>({
    family: 'mesh-mtls',
    guides: true,
    reads: [],
    propose: ({ evidence: { by } }) => ({
      byHand:
        GUIDES[by] ??
        'where the network between nodes is not trusted, take a network plugin that encrypts (Cilium, Calico and Antrea have WireGuard) or a mesh with mutual TLS (Istio, Linkerd); providers encrypt between some of their machines by themselves',
    }),
  })
