/** Traffic that comes by a port of a mesh's proxy: Istio's ambient mode (istio.io, "Ambient and Kubernetes NetworkPolicy"), Linkerd (linkerd.io, "Opaque ports"). */
import type { View } from '../../src/model/index.ts'
import { type MESH_KINDS, takesByLinkerd } from '../../src/objects/network-mesh.ts'
import { workloadsIn } from '../../src/objects/workloads.ts'
import type { Rule } from './policy-rules.ts'

type MeshView = View<(typeof MESH_KINDS)[number]>
const MODE = 'istio.io/dataplane-mode'

/** By label of the namespace, or of its pods. */
export const isAmbient = (view: MeshView, namespace: string): boolean =>
  view.find('Namespace', undefined, namespace)?.metadata.labels?.[MODE] === 'ambient' ||
  workloadsIn(view, namespace).some((workload) => workload.templateLabels[MODE] === 'ambient')

/** As policies see a rule where the mesh carries what it is about. */
export function throughMesh(view: MeshView, namespace: string): (rule: Rule) => Rule {
  const numbers = [...(isAmbient(view, namespace) ? [15008] : []), ...(takesByLinkerd(view, namespace) ? [4143] : [])]
  const more = numbers.map((port) => ({ protocol: 'TCP', port }))
  return (rule) => (rule.ports === undefined || more.length === 0 ? rule : { ...rule, ports: [...rule.ports, ...more] })
}

export const MESH_PROBES: Rule = {
  peers: [{ ipBlock: { cidr: '169.254.7.127/32' } }, { ipBlock: { cidr: 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128' } }],
  because: ['the mesh (istio.io/dataplane-mode: ambient) hands on probes of the kubelet from this address'],
}
