/** What is kept of a cluster of a kubeconfig: where it is, and whether it can be told from another. */
import type { KubeconfigCluster } from '../model/index.ts'
import { certificatesIn } from './certificates.ts'

export function reduceCluster(name: string, contexts: readonly string[], raw: Readonly<Record<string, unknown>>): KubeconfigCluster {
  const text = (field: string): string | undefined =>
    typeof raw[field] === 'string' && raw[field] !== '' ? (raw[field] as string) : undefined
  const data = text('certificate-authority-data')
  const proxy = text('proxy-url')
  const tlsServerName = text('tls-server-name')
  return {
    name,
    contexts,
    server: withoutUser(text('server') ?? '').url,
    insecureSkipTlsVerify: raw['insecure-skip-tls-verify'] === true,
    hasCa: data !== undefined || text('certificate-authority') !== undefined,
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(proxy !== undefined && { proxyUrl: withoutUser(proxy).url, proxyPassword: withoutUser(proxy).had }),
    authorities: data === undefined ? [] : certificatesIn(Buffer.from(data, 'base64').toString('latin1')),
  }
}

/** A password in an address must not be shown. kubectl takes an address without a scheme for http. */
function withoutUser(address: string): { readonly url: string; readonly had: boolean } {
  const text = address === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`
  if (!URL.canParse(text)) return { url: text.replace(/\/\/.*@/s, '//').slice(0, 200), had: text.includes('@') }
  const url = new URL(text)
  const had = url.username !== '' || url.password !== ''
  url.username = ''
  url.password = ''
  return { url: url.href.replace(/\/+$/, ''), had }
}
