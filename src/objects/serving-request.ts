/** Whether a request for a kubelet's serving certificate asks for no more than its own node is: what upstream's approvers check. */
import type { NodeObject } from '../model/index.ts'

export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving'
/** On by default since 1.12. */
export const SERVING_GATE = 'RotateKubeletServerCertificate'

/** Of a CertificateSigningRequest: who asked, for what, and what stands in the PKCS#10 request itself. */
export interface ServingRequest {
  readonly username: string
  readonly groups: readonly string[]
  readonly signerName: string
  readonly usages: readonly string[]
  readonly commonNames: readonly string[]
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ips: readonly string[]
  /** Names of other sorts: mail addresses, URIs. */
  readonly others: readonly string[]
}

/**
 * Why it must not be approved, each a clause about the request; empty where it may be. Names must be those of the Node's status, all of
 * them and no others (the kubelet asks for exactly these: pkg/kubelet/certificate/kubelet.go).
 */
export function faultsOfServing(request: ServingRequest, node: NodeObject): readonly string[] {
  const user = `system:node:${node.metadata.name}`
  const { dnsNames, ips } = namesOf(node)
  const faults: string[] = []
  const want = (fine: boolean, fault: string) => {
    if (!fine) faults.push(fault)
  }
  want(request.signerName === SERVING_SIGNER, `asks ${request.signerName} to sign`)
  want(request.username === user, `was made by ${request.username}, not by ${user}`)
  want(request.groups.includes('system:nodes'), 'was made by somebody outside the group system:nodes')
  want(isSame(request.commonNames, [user]), `names the subject ${request.commonNames.join(', ') || 'nobody'}, not ${user}`)
  want(
    isSame(request.organizations, ['system:nodes']),
    `names the organization ${request.organizations.join(', ') || 'none'}, not system:nodes`,
  )
  const usages = request.usages.filter((usage) => usage !== 'key encipherment')
  want(isSame(usages, ['digital signature', 'server auth']), `asks for the usages ${request.usages.join(', ') || 'none'}`)
  want(request.others.length === 0, `names ${request.others.join(', ')}`)
  const foreign = [...without(request.dnsNames, dnsNames), ...without(request.ips, ips)]
  want(foreign.length === 0, `names ${foreign.join(', ')}, which the Node does not have`)
  const missing = [...without(dnsNames, request.dnsNames), ...without(ips, request.ips)]
  want(missing.length === 0, `leaves out ${missing.join(', ')} of the Node`)
  want(request.dnsNames.length + request.ips.length > 0, 'names no address')
  return faults
}

/** As the kubelet sorts its addresses into names. */
function namesOf(node: NodeObject): { readonly dnsNames: readonly string[]; readonly ips: readonly string[] } {
  const addresses = node.status?.addresses ?? []
  const isIp = (address: string) => /^[\d.]+$/.test(address) || address.includes(':')
  const ips = addresses.filter(({ type, address }) => ['InternalIP', 'ExternalIP', 'Hostname'].includes(type) && isIp(address))
  const names = addresses.filter(({ type, address }) => ['Hostname', 'InternalDNS', 'ExternalDNS'].includes(type) && !isIp(address))
  const of = (list: readonly { readonly address: string }[]) => [
    ...new Set(list.map(({ address }) => plain(address)).filter((one) => one !== '')),
  ]
  return { dnsNames: of(names), ips: of(ips) }
}

/** One spelling for an address of version 6. */
function plain(name: string): string {
  if (!name.includes(':')) return name.toLowerCase()
  const host = URL.canParse(`http://[${name}]`) ? new URL(`http://[${name}]`).hostname : name
  return host.replace(/^\[|\]$/g, '')
}
const without = (names: readonly string[], others: readonly string[]): readonly string[] => {
  const known = new Set(others.map(plain))
  return [...new Set(names.map(plain))].filter((name) => !known.has(name))
}
const isSame = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join('\0') === [...b].sort().join('\0')
