/** What pods call that is no pod: the API server, the metadata service of a cloud, and everything outside of the cluster. */
import type { NetworkPolicyPeer, NetworkPolicyPort, View } from '../model/index.ts'
import { apiServerSlices } from './api-endpoint.ts'
import { cloudOf, identityOf, isGivenIdentity, keysOf } from './cloud-identity.ts'
import { eachContainer } from './containers.ts'
import { hostCidr } from './network-edges.ts'
import { END_KINDS } from './network-ends.ts'
import { configurationOf } from './network-needs-names.ts'
import { podRanges } from './network-pod-ranges.ts'
import { keepsOldToken, mountsToken } from './rbac-accounts.ts'
import type { Workload } from './workloads.ts'

export const OUTSIDE_KINDS = [...END_KINDS, 'EndpointSlice', 'ServiceAccount', 'ConfigMap'] as const
type OutsideView = View<(typeof OUTSIDE_KINDS)[number]>

/** Addresses of the metadata services: of AWS, Google Cloud, Azure and OCI by IPv4, of AWS and of Google Cloud by IPv6. */
export const METADATA: readonly string[] = ['169.254.169.254/32', 'fd00:ec2::254/128', 'fd20:ce::254/128']

/** The API server at its own addresses: its ClusterIP is translated before policies are asked. Empty where they are not known. */
export function apiServerRule(view: View<'EndpointSlice'>): {
  readonly peers: readonly NetworkPolicyPeer[]
  readonly ports: readonly NetworkPolicyPort[]
} {
  const slices = apiServerSlices(view).filter(({ addressType }) => addressType !== 'FQDN')
  const ips = slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses))
  const ports = slices.flatMap((slice) => (slice.ports ?? []).map(({ protocol = 'TCP', port }) => ({ protocol, port: port ?? 443 })))
  return {
    peers: [...new Set(ips)].sort().map((ip) => ({ ipBlock: { cidr: hostCidr(ip) } })),
    ports: [...new Map(ports.map((port) => [`${port.protocol}/${port.port}`, port])).values()],
  }
}

/** Whether its token is mounted is not always seen: then it may be. */
export const callsApiServer = (workload: Workload, view: View<'ServiceAccount'>): boolean =>
  mountsToken(workload, view) !== 'no' ||
  keepsOldToken(workload) ||
  (workload.spec.volumes ?? []).some((volume) => volume?.projected?.sources?.some((source) => source?.serviceAccountToken !== undefined))

/** Where EKS Pod Identity hands out what a service account may do, as the variables that it sets say: an agent on the node. */
export const POD_IDENTITY: readonly string[] = ['169.254.170.23/32', 'fd00:ec2::23/128']
export const asksPodIdentity = (workload: Workload): boolean => /169\.254\.170\.23|fd00:ec2::23/.test(configurationOf(workload))
/** Where the metadata server of GKE answers those who take their identity from it, on ports 987 and 988. */
export const GKE_METADATA = '169.254.169.252/32'

/** Why its pods may need the metadata service of their node; undefined where nothing says so. */
export function needsMetadata(workload: Workload, view: OutsideView): string | undefined {
  const text = configurationOf(workload)
  if (/169\.254\.169\.254|metadata\.google\.internal|instance-data\.ec2/.test(text)) return 'its configuration names the metadata service'
  const account = view.find('ServiceAccount', workload.namespace, workload.serviceAccount)
  const identity = identityOf(account)
  // Workload Identity on GKE is handed out by the metadata server itself.
  if (identity?.cloud === 'gcp') return `its service account has ${identity.annotation}`
  if (identity !== undefined || isGivenIdentity(workload.spec)) return undefined
  const containers = eachContainer(workload.spec).map(({ container }) => container)
  const speaksAws = containers.some(({ env }) => (env ?? []).some(({ name }) => /^AWS_(DEFAULT_)?REGION$/.test(name)))
  const hasKey = () => containers.some((container) => keysOf(container, workload.spec).length > 0)
  return speaksAws && !hasKey() && view.all('Node').some((node) => cloudOf(node) === 'aws')
    ? 'it calls AWS without a key or an identity of its own'
    : undefined
}

/** Every address but the metadata services' and those of pods, by both families. */
export function outsidePeers(view: OutsideView): readonly NetworkPolicyPeer[] {
  const except = [...METADATA, ...podRanges(view)]
  const family = (cidr: string, isSix: boolean): NetworkPolicyPeer => ({
    ipBlock: { cidr, except: [...new Set(except.filter((one) => one.includes(':') === isSix))] },
  })
  return [family('0.0.0.0/0', false), family('::/0', true)]
}
