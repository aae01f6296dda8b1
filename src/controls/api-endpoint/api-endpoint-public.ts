import { privateEndpoint } from '../../../remediations/endpoint-access.ts'
import { control } from '../../model/define.ts'
import type { EndpointFact, Observation, Remark, View } from '../../model/index.ts'
import { type PublicFace, publicFaces } from '../../objects/api-endpoint-faces.ts'
import { distribution } from '../../objects/distribution.ts'
import { CONTROL_PLANE, FLAG_LADDER } from '../../objects/flags.ts'
import { providerAnswer } from '../../objects/provider-names.ts'

const CONSULTS = ['Endpoint', 'EndpointSlice', ...FLAG_LADDER] as const
type EndpointView = View<(typeof CONSULTS)[number]>

export default control({
  title: 'The API endpoint must not be reachable from the public Internet',
  severity: 'high',
  why: 'An API server with a public address can be tried by everybody: with stolen credentials, and with whatever flaw is found in it next. A private address takes most of them away.',
  references: [
    ...['5.4.1', '5.4.2'].flatMap((section) => [
      { standard: 'CIS-EKS' as const, section },
      { standard: 'CIS-AKS' as const, section },
    ]),
    ...['5.6.3', '5.6.4'].map((section) => ({ standard: 'CIS-GKE' as const, section })),
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2025/K06' },
    ...['C-0227', 'C-0228', 'C-0247', 'C-0252'].map((section) => ({ standard: 'KS' as const, section })),
  ],
  reads: [],
  consults: CONSULTS,
  *evaluate(view) {
    const endpoint = view.fact('Endpoint')
    if (endpoint !== undefined) yield* judgeEndpoint(endpoint)
    yield* publicFaces(view).map(toObservation)
    yield* whatIsNotKnown(view, endpoint)
  },
  remedy: privateEndpoint,
  verify: 'From outside the connection is refused; from inside /livez answers; all nodes stay Ready.',
})

function* judgeEndpoint(endpoint: EndpointFact): Iterable<Observation> {
  const found = endpoint.addresses.filter((one) => one.class === 'public').map((one) => one.address)
  if (found.length === 0) return
  const reached = endpoint.tls !== undefined || endpoint.scheme === 'http'
  yield {
    subject: CONTROL_PLANE,
    key: 'kubeconfig server',
    origin: 'workload',
    reason: 'has a public address',
    ...(!reached && { verdict: 'review' as const }),
    detail: `${endpoint.host} is ${found.join(', ')}${reached ? ', and answers from here' : `; no connection from here: ${endpoint.tlsError ?? 'not tried'}`}`,
    evidence: { addresses: found, reached },
  }
}

const REASONS: Readonly<Record<PublicFace['by'], string>> = {
  endpoints: 'names public addresses of the API server',
  node: 'runs the API server and has a public address',
  configuration: 'gives the API server a public address',
  certificate: 'has the API server answer for a public address',
}
/** Public ones count even where the kubeconfig names a private one. */
const toObservation = ({ ref, at, addresses, by }: PublicFace): Observation => ({
  subject: ref,
  at,
  origin: 'workload',
  reason: REASONS[by],
  detail: addresses.join(', '),
  evidence: { addresses },
  ...(by === 'certificate' && { verdict: 'review' as const }),
})

function* whatIsNotKnown(view: EndpointView, endpoint: EndpointFact | undefined): Iterable<Remark> {
  if (endpoint === undefined) {
    const unread = view.unread('Endpoint')
    yield {
      unknown:
        view.source.kind === 'live'
          ? (unread?.because ?? 'the address in the kubeconfig is not known')
          : 'files do not say where the API server can be reached from',
      answer: unread?.answer ?? 'scan the cluster itself',
    }
    return
  }
  const isPublic = endpoint.addresses.some((one) => one.class === 'public')
  const isPrivate = endpoint.addresses.some((one) => one.class === 'private' || one.class === 'carrier-grade')
  const { managed } = distribution(view)
  const ask = managed
    ? providerAnswer(view)
    : 'look up the address of the load balancer or firewall before the API servers, and try it from outside'
  if (isPublic) return
  if (!isPrivate)
    yield {
      unknown:
        endpoint.addresses.length === 0
          ? `${endpoint.host} has no address here`
          : `${endpoint.host} is the end of a tunnel, or an address of this machine only`,
      answer: ask,
    }
  else if (managed) yield { unknown: 'this address is private, but the provider may keep a public endpoint beside it', answer: ask }
  else yield { note: 'this address is private; a public one that leads here (a load balancer, address translation) could not be seen' }
  for (const what of ['EndpointSlice', 'Node'] as const) {
    const unread = view.unread(what)
    if (unread !== undefined)
      yield { unknown: `whether the API servers have public addresses of their own: ${unread.because}`, answer: unread.answer }
  }
}
