/** Namespaces that all others stand on: not closed by a program, least of all first (controls.md 7c, 10). */
import type { View } from '../model/index.ts'
import { isCsiController } from './csi-controller.ts'
import { type CONTROLLER_KINDS, forwardingNamespaces } from './network-ingress-controllers.ts'
import { isControlPlaneOfMesh } from './network-mesh.ts'
import { awaitedCollectors, metricsCollectors } from './network-needs-scrapes.ts'
import { namespaceOf, type TARGET_KINDS } from './network-service-targets.ts'
import { isPlatformAgent } from './platform-agents.ts'
import { KUBE_SYSTEM } from './system-namespaces.ts'
import { workloadsIn } from './workloads.ts'

const OWN = new Set([KUBE_SYSTEM, 'kube-public', 'kube-node-lease'])

/** "runs the ingress controller (Deployment nginx)"; undefined where nothing speaks against it. */
export function whyLeftAlone(view: View<(typeof CONTROLLER_KINDS | typeof TARGET_KINDS)[number]>, namespace: string): string | undefined {
  if (OWN.has(namespace)) return 'belongs to Kubernetes itself'
  const here = workloadsIn(view, namespace)
  const agent = here.find((workload) => isPlatformAgent(workload) || isCsiController(workload))
  if (agent !== undefined) return `runs what nodes need for their network or their volumes (${agent.ref.kind} ${agent.ref.name})`
  const mesh = here.find(isControlPlaneOfMesh)
  if (mesh !== undefined) return `runs what every proxy of the mesh asks (${mesh.ref.kind} ${mesh.ref.name})`
  const forwarding = forwardingNamespaces(view).get(namespace)
  if (forwarding !== undefined) return `lets traffic into the cluster (${forwarding})`
  const collector = metricsCollectors(view).find((workload) => workload.namespace === namespace)
  if (collector !== undefined) return `watches the cluster (${collector.ref.kind} ${collector.ref.name})`
  const awaited = awaitedCollectors(view).find((service) => namespaceOf(service) === namespace)
  return awaited === undefined ? undefined : `watches the cluster (Service ${awaited.metadata.name})`
}
