import { clean, type Refusal } from '../../apiserver/refusal.ts'
import type { Unread } from '../../model/index.ts'
import { FACT_MS, type Fact } from './fact.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const HOSTNAME = 'kubernetes.io/hostname'
/** Renewed every 10 s and deleted after an hour: one that is so far behind the last one is of a server that is gone. Clocks of theirs may differ. */
const GONE_MS = 5 * 60_000

interface Lease {
  readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly renewTime?: string }
}
interface Slice {
  readonly endpoints?: readonly { readonly addresses?: readonly string[] }[] | null
}
interface List<Item> {
  readonly items?: readonly Item[] | null
}

/**
 * Every API server renews a Lease (on by default since 1.26, KEP-1965) and writes its `--advertise-address` to the endpoints of
 * `default/kubernetes`. Several may be told by either; that there is but one only by the Leases, since several may advertise one balancer.
 */
export const apiServers: Fact<'ApiServers'> = async ({ client, signal }) => {
  const options = (labelSelector: string) => ({ signal, limitMs: FACT_MS, query: { labelSelector } })
  const [leases, slices] = await Promise.all([
    client.get<List<Lease>>(LEASES, options('apiserver.kubernetes.io/identity=kube-apiserver')),
    client.get<List<Slice>>(SLICES, options('kubernetes.io/service-name=kubernetes')),
  ])
  const endpoints = slices.ok ? (slices.body?.items ?? []).flatMap((slice) => slice.endpoints ?? []) : []
  const addresses = [...new Set(endpoints.flatMap((endpoint) => endpoint.addresses ?? []))].map((one) => clean(one, 100)).sort()
  if (!leases.ok && addresses.length < 2) return { unread: refused(leases.refusal) }
  return { value: { leases: leases.ok ? holders(leases.body?.items ?? []) : [], addresses } }
}

function holders(leases: readonly Lease[]): readonly string[] {
  const renewed = ({ spec }: Lease): number => Date.parse(spec?.renewTime ?? '')
  const last = Math.max(...leases.map(renewed).filter((time) => !Number.isNaN(time)))
  return leases
    .filter((lease) => !(renewed(lease) < last - GONE_MS))
    .map(({ metadata: { name = '', labels = {} } = {} }) => clean(labels[HOSTNAME] || name, 100))
    .sort()
}

const refused = ({ kind, message }: Refusal): Omit<Unread, 'what'> =>
  kind === 'forbidden'
    ? { why: 'forbidden', because: 'the API server refused to list leases in namespace kube-system (403)', answer: ALLOW }
    : { why: 'unreachable', because: `leases in namespace kube-system could not be read: ${message}`, answer: 'scan again' }

const ALLOW = 'allow list on leases in API group coordination.k8s.io in namespace kube-system, one of which each API server renews'
