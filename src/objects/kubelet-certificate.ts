/** The serving certificate that a kubelet is given by files (tlsCertFile): whether the API server could verify it, as far as both are seen. */
import ipaddr from 'ipaddr.js'
import type { Json, NodeObject, Readable, View } from '../model/index.ts'
import { chainFaults, namesHost } from './certificates.ts'
import { componentFlags, effectiveFlag, FLAG_LADDER, serverMinor } from './flags.ts'
import { KUBELET_LADDER, type KubeletInstance } from './kubelet-config.ts'
import { kubeletSetting, signsItself } from './kubelet-settings.ts'

/** What a control that judges such certificates lists under `consults`. */
export const CERTIFICATE_LADDER = [...new Set([...KUBELET_LADDER, ...FLAG_LADDER, 'CertificateFile' as const])] satisfies Readable[]
type CertificateView = View<(typeof CERTIFICATE_LADDER)[number]>

const AUTHORITY = 'kubelet-certificate-authority'
/** What --kubelet-preferred-address-types is where nobody sets it. */
const PREFERRED = 'Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP'

/** The file of the certificate; undefined where the kubelet asks the cluster for one (that wins), signs its own, or does not show it. */
export function givenCertificate(instance: KubeletInstance): string | undefined {
  const asks = kubeletSetting(instance, ['serverTLSBootstrap'])
  if (asks.value === true || signsItself(instance)) return undefined
  const file: unknown = kubeletSetting(instance, ['tlsCertFile']).value
  return typeof file === 'string' && file !== '' ? file : undefined
}

export interface GivenJudged {
  /** Clauses about the certificate: why no API server, or not this one, accepts it. */
  readonly faults: readonly string[]
  /** What was not seen, so that it may have faults of that sort as well. */
  readonly unseen: readonly string[]
}

/** `authority`: the path of the CA on the control plane's nodes; else that of the API servers' own flag. */
export function judgeGiven(file: string, instance: KubeletInstance, view: CertificateView, authority?: string): GivenJudged {
  const pem = view.find('CertificateFile', undefined, `${instance.name}:${file}`)?.pem
  if (pem === undefined) return { faults: [], unseen: [`${file} of ${instance.name} was not read`] }
  const faults: string[] = []
  const unseen: string[] = []
  const node = view.find('Node', undefined, instance.name)
  for (const types of preferences(view)) {
    const address = addressOf(node, types)
    if (address === undefined) unseen.push(`the addresses of ${instance.name} were not seen`)
    else if (!namesHost(pem, address, ipaddr.isValid(address))) faults.push(`does not name ${address}, where the API server calls the node`)
  }
  const paths = authority === undefined ? authoritiesOf(view) : [authority]
  const bundles = paths.map((path) => [path, bundlesAt(path, view)] as const)
  for (const [path, read] of bundles) if (read.length === 0) unseen.push(`${path} of the control plane was not read`)
  const trusted = bundles.flatMap(([, read]) => read)
  if (trusted.length === 0) faults.push(...chainFaults(pem, undefined, view.now))
  for (const bundle of trusted) faults.push(...chainFaults(pem, bundle, view.now))
  if (paths.length === 0 && componentFlags(view, 'kube-apiserver').unknown !== undefined)
    unseen.push('what the API server verifies it with is not known')
  return { faults: [...new Set(faults)], unseen: [...new Set(unseen)] }
}

/** The setting as a finding shows it. */
export const givenValue = (instance: KubeletInstance): Json => (kubeletSetting(instance, ['tlsCertFile']).value ?? null) as Json

/** Of every API server that is seen; the usual ones where none is. */
function preferences(view: CertificateView): readonly (readonly string[])[] {
  const set = componentFlags(view, 'kube-apiserver').instances.map(
    (instance) => effectiveFlag(instance, 'kubelet-preferred-address-types', serverMinor(view)).value ?? PREFERRED,
  )
  return [...new Set(set.length === 0 ? [PREFERRED] : set)].map((types) => types.split(',').map((type) => type.trim()))
}

function addressOf(node: NodeObject | undefined, types: readonly string[]): string | undefined {
  for (const type of types) {
    const found = (node?.status?.addresses ?? []).find((one) => one.type === type && one.address !== '')
    if (found !== undefined) return found.address
  }
  return undefined
}

const authoritiesOf = (view: CertificateView): readonly string[] => [
  ...new Set(
    componentFlags(view, 'kube-apiserver').instances.flatMap((instance) => {
      const path = effectiveFlag(instance, AUTHORITY, serverMinor(view)).value
      return path === undefined ? [] : [path]
    }),
  ),
]

/** One for each node of the control plane that has it: API servers need not have the same. */
const bundlesAt = (path: string, view: CertificateView): readonly string[] => {
  const servers = (view.fact('Hosts')?.hosts ?? []).filter(({ controlPlane }) => controlPlane)
  const read = servers.map(({ node }) => view.find('CertificateFile', undefined, `${node}:${path}`)?.pem)
  return read.every((pem) => pem !== undefined) ? [...new Set(read)] : []
}
