import { restrictEndpoint } from '../../../remediations/endpoint-access.ts'
import { control } from '../../model/define.ts'
import type { EndpointFact, Observation, Remark, ServiceObject } from '../../model/index.ts'
import { addressClass, rangeWidth } from '../../objects/address.ts'
import { apiServices, isInternalLoadBalancer } from '../../objects/api-endpoint.ts'
import { type DistributionName, distribution } from '../../objects/distribution.ts'
import { refOf } from '../../objects/ref.ts'

/** Who may reach the endpoint stands in the provider's account, which is never asked: these commands show it. */
const ANSWERS: Partial<Readonly<Record<DistributionName, string>>> = {
  eks: 'aws eks describe-cluster --name CLUSTER --query cluster.resourcesVpcConfig (publicAccessCidrs must not hold 0.0.0.0/0, which is the default)',
  gke: 'gcloud container clusters describe CLUSTER --location LOCATION --format "yaml(masterAuthorizedNetworksConfig,controlPlaneEndpointsConfig)" (enabled must be true, gcpPublicCidrsAccessEnabled false)',
  aks: 'az aks show --resource-group GROUP --name CLUSTER --query apiServerAccessProfile (authorizedIpRanges must not be empty)',
  oke: 'oci ce cluster get --cluster-id CLUSTER_OCID --query data."endpoint-config", then oci network nsg rules list --nsg-id NSG_OCID --direction INGRESS (no source 0.0.0.0/0 to port 6443)',
}
const BY_HAND =
  'look at the security group, firewall or load balancer before the API servers: port 6443 must be open to known ranges only; then try it from an address that is not among them'
export default control({
  title: 'The API endpoint must be open to known address ranges only',
  severity: 'high',
  why: "An access list keeps everybody else from even trying stolen credentials or a new flaw. The providers' default is the whole Internet.",
  references: [
    { standard: 'CIS-EKS', section: '5.4.1' },
    { standard: 'CIS-GKE', section: '5.6.3' },
    { standard: 'CIS-AKS', section: '5.4.1' },
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2025/K06' },
    { standard: 'KS', section: 'C-0227' },
    { standard: 'KS', section: 'C-0247' },
  ],
  reads: [],
  consults: ['Endpoint', 'Service', 'EndpointSlice', 'Pod', 'Node', 'ConfigMap', 'ServerVersion'],
  *evaluate(view) {
    const endpoint = view.fact('Endpoint')
    const front = endpoint && apiServices(view).services.find(({ service }) => isBehind(endpoint, service))
    if (front !== undefined) {
      yield* judgeRanges(front.service)
      return
    }
    const { name, managed } = distribution(view)
    if (managed)
      yield { unknown: 'who may reach the endpoint is set at the provider, which this tool does not ask', answer: ANSWERS[name] ?? BY_HAND }
    else yield { unknown: 'an access list before the API server cannot be seen from inside the cluster', answer: BY_HAND }
  },
  remedy: restrictEndpoint,
  verify: 'The API answers from an address in the list and refuses one that is not.',
})

/** The kubeconfig's own address is that of this load balancer. */
function isBehind({ host, addresses }: EndpointFact, { spec, status }: ServiceObject): boolean {
  const known = new Set([host, ...addresses.map((one) => one.address)])
  return (
    spec?.type === 'LoadBalancer' &&
    (status?.loadBalancer?.ingress ?? []).some(({ ip, hostname }) => known.has(ip ?? '') || known.has(hostname ?? ''))
  )
}

function* judgeRanges(service: ServiceObject): Iterable<Observation | Remark> {
  const ranges = service.spec?.loadBalancerSourceRanges ?? []
  const base = { subject: refOf(service), at: ['spec', 'loadBalancerSourceRanges'], origin: 'workload' as const, evidence: { ranges } }
  const isInside =
    isInternalLoadBalancer(service) ||
    (service.status?.loadBalancer?.ingress ?? []).every(({ ip }) => ip !== undefined && addressClass(ip) !== 'public')
  const open = ranges.length === 0 || ranges.some((range) => rangeWidth(range) === 'everybody')
  const wide = ranges.filter((range) => rangeWidth(range) === 'wide')
  if (open)
    yield {
      ...base,
      reason: 'lets every address reach the API server',
      ...(isInside && { severity: 'medium' as const }),
      detail: ranges.length === 0 ? 'there is no list of source ranges' : ranges.join(', '),
    }
  else if (wide.length > 0)
    yield { ...base, reason: 'lets very wide ranges reach the API server', severity: 'medium', detail: wide.join(', ') }
  else yield { note: `only ${ranges.join(', ')} may reach the load balancer; whether it heeds the list depends on the provider` }
}
