import { providerCommand } from '../../../remediations/provider-command.ts'
import type { EndpointFact, Observation, Remark, View } from '../../model/index.ts'
import { control } from '../../model/define.ts'
import { hostOf, isPublicAddress } from '../../objects/address.ts'
import { apiServerSlices, controlPlaneNodes, publicAddresses } from '../../objects/api-endpoint.ts'
import { distribution, providerAnswer } from '../../objects/distribution.ts'
import { componentFlags, CONTROL_PLANE, FLAG_LADDER } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'

const CONSULTS = ['Endpoint', 'EndpointSlice', ...FLAG_LADDER] as const
type EndpointView = View<(typeof CONSULTS)[number]>

const LOCK_OUT = [
  'you, CI and GitOps lose the API unless they come from the private network',
  'nodes outside that network become NotReady: private access must be on before public access goes',
]

export default control({
  title: 'The API endpoint must not be reachable from the public Internet',
  severity: 'high',
  why: 'An API server with a public address can be tried by everybody: with stolen credentials, and with whatever flaw is found in it next. A private address takes most of them away.',
  references: [
    { standard: 'CIS-EKS', section: '5.4.1' }, { standard: 'CIS-EKS', section: '5.4.2' }, { standard: 'CIS-GKE', section: '5.6.3' }, { standard: 'CIS-GKE', section: '5.6.4' },
    { standard: 'CIS-AKS', section: '5.4.1' }, { standard: 'CIS-AKS', section: '5.4.2' }, { standard: 'NSA', section: 'N' }, { standard: 'OWASP', section: '2025/K06' },
    { standard: 'KS', section: 'C-0227' }, { standard: 'KS', section: 'C-0228' }, { standard: 'KS', section: 'C-0247' }, { standard: 'KS', section: 'C-0252' },
  ],
  reads: [],
  consults: CONSULTS,
  *evaluate(view) {
    const endpoint = view.fact('Endpoint')
    if (endpoint !== undefined) yield* judgeEndpoint(endpoint)
    yield* judgeOwnAddresses(view)
    yield* judgeConfiguration(view)
    yield* whatIsNotKnown(view, endpoint)
  },
  remedy: providerCommand({
    eks: {
      argv: ['aws', 'eks', 'update-cluster-config', '--region', '{region}', '--name', '{cluster}', '--resources-vpc-config', 'endpointPublicAccess=false,endpointPrivateAccess=true'],
      undo: ['aws', 'eks', 'update-cluster-config', '--region', '{region}', '--name', '{cluster}', '--resources-vpc-config', 'endpointPublicAccess=true,endpointPrivateAccess=true'],
      risk: 'may-break', summary: 'turn public access to the endpoint off', mayBreak: LOCK_OUT,
    },
    gke: {
      argv: ['gcloud', 'container', 'clusters', 'update', '{cluster}', '--location', '{location}', '--enable-private-endpoint'],
      undo: ['gcloud', 'container', 'clusters', 'update', '{cluster}', '--location', '{location}', '--no-enable-private-endpoint'],
      risk: 'may-break', summary: 'leave only the private endpoint', mayBreak: [...LOCK_OUT, 'private nodes and authorized networks must be set up first, or the DNS endpoint be used instead'],
    },
    aks: 'a private API server is chosen when an AKS cluster is made (az aks create --enable-private-cluster), or comes with API Server VNet Integration; until then restrict it: az aks update --resource-group GROUP --name CLUSTER --api-server-authorized-ip-ranges RANGES',
    oke: {
      argv: ['oci', 'ce', 'cluster', 'update-endpoint-config', '--cluster-id', '{cluster}', '--is-public-ip-enabled', 'false', '--nsg-ids', '["{nsg}"]'],
      undo: ['oci', 'ce', 'cluster', 'update-endpoint-config', '--cluster-id', '{cluster}', '--is-public-ip-enabled', 'true', '--nsg-ids', '["{nsg}"]'],
      risk: 'may-break', summary: 'take the public address off the endpoint', mayBreak: LOCK_OUT, asks: { nsg: 'Which network security group (its OCID) guards the endpoint?' },
    },
  }, 'put the API servers behind an address of the private network, and let a firewall or the load balancer before them refuse port 6443 to everybody else'),
  verify: 'From outside the connection is refused; from inside /livez answers; all nodes stay Ready.',
})

function* judgeEndpoint(endpoint: EndpointFact): Iterable<Observation> {
  const found = endpoint.addresses.filter((one) => one.class === 'public').map((one) => one.address)
  if (found.length === 0) return
  const reached = endpoint.tls !== undefined || endpoint.scheme === 'http'
  yield {
    subject: CONTROL_PLANE, key: 'kubeconfig server', origin: 'workload', reason: 'has a public address', ...(!reached && { verdict: 'review' as const }),
    detail: `${endpoint.host} is ${found.join(', ')}${reached ? ', and answers from here' : `; no connection from here: ${endpoint.tlsError ?? 'not tried'}`}`, evidence: { addresses: found, reached },
  }
}

/** The API servers' own addresses, and those of the nodes they listen on: public ones count even where the kubeconfig names a private one. */
function* judgeOwnAddresses(view: EndpointView): Iterable<Observation> {
  for (const slice of apiServerSlices(view)) {
    const found = (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses).filter(isPublicAddress)
    if (found.length > 0) yield { subject: refOf(slice), at: ['endpoints'], origin: 'workload', reason: 'names public addresses of the API server', detail: found.join(', '), evidence: { addresses: found } }
  }
  for (const node of controlPlaneNodes(view)) {
    const found = publicAddresses(node)
    if (found.length === 0 || listensPrivately(view, node.metadata.name)) continue
    yield { subject: refOf(node), at: ['status', 'addresses'], origin: 'workload', reason: 'runs the API server and has a public address', detail: found.join(', '), evidence: { addresses: found } }
  }
}

/** Its API server is bound to one address that is not public. */
function listensPrivately(view: EndpointView, node: string): boolean {
  const instance = componentFlags(view, 'kube-apiserver').instances.find((one) => one.name === `kube-apiserver-${node}`)
  const address = instance?.flags.get('bind-address') ?? ''
  return address !== '' && address !== '0.0.0.0' && address !== '::' && !isPublicAddress(address)
}

function* judgeConfiguration(view: EndpointView): Iterable<Observation> {
  for (const file of view.all('ClusterConfiguration')) {
    const host = typeof file['controlPlaneEndpoint'] === 'string' ? hostOf(file['controlPlaneEndpoint']) : ''
    if (isPublicAddress(host)) yield { subject: refOf(file), at: ['controlPlaneEndpoint'], reason: 'gives the API server a public address', detail: host, evidence: { addresses: [host] } }
    const { certSANs } = (file['apiServer'] ?? {}) as { readonly certSANs?: unknown }
    const named = (Array.isArray(certSANs) ? certSANs.map(String) : []).filter(isPublicAddress)
    if (named.length > 0) yield { subject: refOf(file), at: ['apiServer', 'certSANs'], verdict: 'review', reason: 'has the API server answer for a public address', detail: named.join(', '), evidence: { addresses: named } }
  }
}

function* whatIsNotKnown(view: EndpointView, endpoint: EndpointFact | undefined): Iterable<Remark> {
  if (endpoint === undefined) {
    const unread = view.unread('Endpoint')
    yield { unknown: view.source.kind === 'live' ? (unread?.because ?? 'the address in the kubeconfig is not known') : 'files do not say where the API server can be reached from', answer: unread?.answer ?? 'scan the cluster itself' }
    return
  }
  const isPublic = endpoint.addresses.some((one) => one.class === 'public')
  const isPrivate = endpoint.addresses.some((one) => one.class === 'private' || one.class === 'carrier-grade')
  const { name, managed } = distribution(view)
  const ask = managed ? providerAnswer(name) : 'look up the address of the load balancer or firewall before the API servers, and try it from outside'
  if (isPublic) return
  if (!isPrivate) yield { unknown: endpoint.addresses.length === 0 ? `${endpoint.host} has no address here` : `${endpoint.host} is the end of a tunnel, or an address of this machine only`, answer: ask }
  else if (managed) yield { unknown: 'this address is private, but the provider may keep a public endpoint beside it', answer: ask }
  else yield { note: 'this address is private; a public one that leads here (a load balancer, address translation) could not be seen' }
  for (const what of ['EndpointSlice', 'Node'] as const) {
    const unread = view.unread(what)
    if (unread !== undefined) yield { unknown: `whether the API servers have public addresses of their own: ${unread.because}`, answer: unread.answer }
  }
}

