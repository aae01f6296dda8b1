/** Istio's ambient mode, by label of the namespace: traffic between pods comes by one port, and probes from one address (istio.io, "Ambient and Kubernetes NetworkPolicy"). */
import type { View } from '../../src/model/index.ts'
import type { Rule } from './policy-rules.ts'

export const isAmbient = (view: View<'Namespace'>, namespace: string): boolean =>
  view.find('Namespace', undefined, namespace)?.metadata.labels?.['istio.io/dataplane-mode'] === 'ambient'

const HBONE = { protocol: 'TCP', port: 15008 } as const
/** As policies see it, where the mesh carries it. */
export const throughMesh = (rule: Rule): Rule => (rule.ports === undefined ? rule : { ...rule, ports: [...rule.ports, HBONE] })

export const MESH_PROBES: Rule = {
  peers: [{ ipBlock: { cidr: '169.254.7.127/32' } }, { ipBlock: { cidr: 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128' } }],
  because: ['the mesh (istio.io/dataplane-mode: ambient) hands on probes of the kubelet from this address'],
}
