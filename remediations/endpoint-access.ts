/** Takes the API endpoint off the public Internet, or restricts who may reach it there: at the provider, by its own command. */
import type { Remedy } from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import {
  DISTRIBUTION_READS,
  optionsOf,
  PROVIDER_OPTIONS,
  type ProviderCommands,
  providerCommand,
  providerProposal,
} from './provider-command.ts'
import { limitSources } from './service-exposure.ts'

const words = (line: string): readonly string[] => line.split(' ')

const CUT_OFF = [
  'you, CI and GitOps lose the API unless they come from the private network',
  'nodes outside that network become NotReady: private access must be on before public access goes',
]
const EKS = 'aws eks update-cluster-config --region {region} --name {cluster} --resources-vpc-config'
const GKE = 'gcloud container clusters update {cluster} --location {location}'
const OKE = 'oci ce cluster update-endpoint-config --cluster-id {cluster} --nsg-ids ["{nsg}"] --is-public-ip-enabled'

/** Only the private endpoint is left. */
export const privateEndpoint: Remedy<unknown> = providerCommand<unknown>(
  {
    eks: {
      argv: words(`${EKS} endpointPublicAccess=false,endpointPrivateAccess=true`),
      undo: words(`${EKS} endpointPublicAccess=true,endpointPrivateAccess=true`),
      risk: 'may-break',
      summary: 'turn public access to the endpoint off',
      mayBreak: CUT_OFF,
    },
    gke: {
      argv: words(`${GKE} --enable-private-endpoint`),
      undo: words(`${GKE} --no-enable-private-endpoint`),
      risk: 'may-break',
      summary: 'leave only the private endpoint',
      mayBreak: [...CUT_OFF, 'private nodes and authorized networks must be set up first, or the DNS endpoint be used instead'],
    },
    aks: 'a private API server is chosen when an AKS cluster is made (az aks create --enable-private-cluster), or comes with API Server VNet Integration; until then restrict it: az aks update --resource-group GROUP --name CLUSTER --api-server-authorized-ip-ranges RANGES',
    oke: {
      argv: words(`${OKE} false`),
      undo: words(`${OKE} true`),
      risk: 'may-break',
      summary: 'take the public address off the endpoint',
      mayBreak: CUT_OFF,
      asks: { nsg: 'Which network security group (its OCID) guards the endpoint?' },
    },
  },
  'put the API servers behind an address of the private network, and let a firewall or the load balancer before them refuse port 6443 to everybody else',
)

const ASK = 'Which address ranges may reach the API (yours, CI, GitOps, and where the nodes come from)?'
const LOCK_OUT = ['whoever is not in the ranges loses the API at once: your own address and those the nodes leave by must be among them']

const RESTRICTIONS: ProviderCommands = {
  eks: {
    argv: words(`${EKS} publicAccessCidrs={cidrs}`),
    risk: 'may-break',
    summary: 'restrict public access',
    mayBreak: LOCK_OUT,
    asks: { cidrs: ASK },
  },
  gke: {
    argv: words(`${GKE} --enable-master-authorized-networks --master-authorized-networks {cidrs}`),
    undo: words(`${GKE} --no-enable-master-authorized-networks`),
    risk: 'may-break',
    summary: 'restrict access to authorized networks',
    mayBreak: LOCK_OUT,
    asks: { cidrs: ASK },
  },
  aks: {
    argv: words('az aks update --resource-group {group} --name {cluster} --api-server-authorized-ip-ranges {cidrs}'),
    risk: 'may-break',
    summary: 'restrict access to authorized ranges',
    mayBreak: LOCK_OUT,
    asks: { cidrs: ASK },
  },
  oke: 'replace the rule of the network security group that lets 0.0.0.0/0 reach port 6443 by one for each known range: oci network nsg rules update',
}

/** An access list: on the load balancer where a Service of this cluster is the endpoint, else at the provider. */
export const restrictEndpoint: Remedy<unknown> = {
  ...limitSources,
  reads: ['Service', ...DISTRIBUTION_READS],
  options: { ...PROVIDER_OPTIONS, ...optionsOf(RESTRICTIONS), ...limitSources.options },
  propose(finding, context) {
    const { name, managed } = distribution(context.view)
    return managed && finding.subject.kind !== 'Service'
      ? providerProposal(name, RESTRICTIONS, context.view, context.options)
      : limitSources.propose(finding, context)
  },
}
