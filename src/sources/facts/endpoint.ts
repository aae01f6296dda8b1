import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { clean } from '../../apiserver/refusal.ts'
import type { AddressClass, EndpointFact } from '../../model/index.ts'
import { FACT_MS, type Fact } from './fact.ts'
import { handshake } from './tls-handshake.ts'

/** The address in the kubeconfig as seen from here: where its name leads, and what a TLS handshake shows. */
export const endpoint: Fact<'Endpoint'> = async ({ client, signal }) => {
  const { cluster } = client.context
  const url = new URL(client.server)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol === 'https:'
  const port = Number(url.port) || (secure ? 443 : 80)
  const proxyUrl = cluster['proxy-url'] || undefined
  const about = {
    url: client.server,
    scheme: secure ? ('https' as const) : ('http' as const),
    host,
    port,
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    hasCaData: Boolean(cluster['certificate-authority-data'] || cluster['certificate-authority']),
    ...(proxyUrl !== undefined && { proxyUrl: withoutPassword(proxyUrl) }),
  }
  // Behind a proxy the name is the proxy's to resolve and the way there is not ours: a handshake from here would show something else.
  if (proxyUrl !== undefined)
    return {
      value: { ...about, addresses: [], ...(secure && { tlsError: 'the kubeconfig names a proxy, so no direct handshake was tried' }) },
    }
  const addresses = await addressesOf(host)
  return { value: { ...about, addresses, ...(secure && (await tls(client, host, port, signal))) } }
}

async function tls(
  client: Parameters<typeof endpoint>[0]['client'],
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Pick<EndpointFact, 'tls' | 'tlsError'>> {
  try {
    return { tls: await handshake({ host, port, ...(await client.connection.trust()) }, signal) }
  } catch (error) {
    return { tlsError: clean((error as Error).message, 300) }
  }
}

async function addressesOf(host: string): Promise<EndpointFact['addresses']> {
  if (isIP(host)) return [{ address: host, class: classOf(host) }]
  const late = new Promise<[]>((resolve) => {
    setTimeout(resolve, FACT_MS, []).unref()
  })
  const found = await Promise.race([lookup(host, { all: true }).catch(() => []), late])
  return found.map(({ address }) => ({ address, class: classOf(address) }))
}

const CLASSES: Readonly<Record<string, AddressClass>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  carrierGradeNat: 'carrier-grade',
}
/** An IPv4 address inside IPv6 counts as itself. */
export function classOf(address: string): AddressClass {
  if (!ipaddr.isValid(address)) return 'other'
  return CLASSES[ipaddr.process(address).range()] ?? 'other'
}

function withoutPassword(proxy: string): string {
  if (!URL.canParse(proxy)) return clean(proxy.replace(/\/\/.*@/, '//'), 200)
  const url = new URL(proxy)
  url.username = ''
  url.password = ''
  return url.href
}
