/** What is unsafe in a kubeconfig: the way to its clusters, and what it holds of its users. */
import type { AddressClass, KubeconfigCluster, KubeconfigUser, Observation } from '../model/index.ts'
import { addressClass, hostOf } from './address.ts'

/** `path` and `mode`: of a file whose permissions are too wide. */
export interface KubeconfigEvidence {
  readonly fault: 'permissions' | 'git' | 'tls' | 'plain' | 'authority' | 'name' | 'proxy' | 'inside' | 'provider' | 'plugin'
  readonly path?: string
  readonly mode?: number
}
export type Fault = Pick<Observation<KubeconfigEvidence>, 'reason' | 'detail' | 'evidence' | 'severity' | 'verdict'> & {
  readonly key: string
}

/** `classes`: of the addresses that its name leads to, where that is known. */
export function* clusterFaults(cluster: KubeconfigCluster, classes: readonly AddressClass[] = []): Iterable<Fault> {
  const { name, server, contexts, tlsServerName, proxyUrl } = cluster
  if (server === '') return
  const url = URL.canParse(server) ? new URL(server) : undefined
  const host = hostOf(url?.hostname ?? server)
  const known = addressClass(host) ?? (host === 'localhost' ? 'loopback' : undefined)
  const all = known === undefined ? classes : [known]
  const isHere = all.length > 0 && all.every((one) => one === 'loopback')
  const where = `cluster ${name} at ${server}${contexts.length > 0 ? `, context ${contexts.join(', ')}` : ''}`
  const fault = (is: KubeconfigEvidence['fault'], reason: string, more: Partial<Fault> = {}): Fault => ({
    key: `cluster ${name}: ${is}`,
    reason,
    detail: where,
    evidence: { fault: is },
    ...more,
  })
  const review = { verdict: 'review' as const, severity: 'low' as const }
  if (url?.protocol !== 'https:') {
    // A proxy on this machine (kubectl proxy) is no way that others could listen on.
    yield fault('plain', 'talks to a cluster without TLS', isHere ? review : { severity: 'critical' })
    return
  }
  if (cluster.insecureSkipTlsVerify)
    yield fault('tls', 'does not verify the certificate of a cluster', {
      ...(isHere && { severity: 'medium' as const }),
      ...(all.includes('public') && { severity: 'critical' as const }),
    })
  else {
    if (!cluster.hasCa) yield fault('authority', 'takes any certificate authority of the system for a cluster', review)
    if (tlsServerName !== undefined && tlsServerName !== host)
      yield fault('name', 'expects a certificate for another name than it connects to', { ...review, detail: `${where}: ${tlsServerName}` })
  }
  if (proxyUrl === undefined || !URL.canParse(proxyUrl)) return
  const proxy = new URL(proxyUrl)
  const proxyHost = hostOf(proxy.hostname)
  if (proxy.protocol === 'https:' || proxyHost === 'localhost' || addressClass(proxyHost) === 'loopback') return
  yield fault('proxy', 'talks to a proxy without TLS', {
    detail: `${where}, through ${proxyUrl}${cluster.proxyPassword === true ? ', with a password' : ''}`,
    severity: cluster.proxyPassword === true ? 'medium' : 'low',
  })
}

export function* userFaults({ name, inside = [], token, provider, relativeCommand }: KubeconfigUser): Iterable<Fault> {
  const fault = (is: KubeconfigEvidence['fault'], what: string, reason: string, more: Partial<Fault> = {}): Fault => ({
    key: `user ${name}: ${what}`,
    reason,
    detail: `user ${name}`,
    evidence: { fault: is },
    ...more,
  })
  if (inside.includes('password')) yield fault('inside', 'password', 'holds a password')
  if (inside.includes('token'))
    yield token?.expires === true
      ? fault('inside', 'token', 'holds a token', { severity: 'medium', detail: `user ${name}; the token expires by itself` })
      : fault('inside', 'token', 'holds a token that does not say that it expires')
  if (provider !== undefined)
    yield fault('provider', 'auth-provider', 'names an auth-provider, which kubectl does not know any more', {
      severity: 'medium',
      detail: `user ${name}: ${provider}, removed in 1.26; what it kept of tokens still stands there`,
    })
  if (relativeCommand !== undefined)
    yield fault('plugin', 'exec', 'runs a credential plugin from a relative path', {
      severity: 'medium',
      detail: `user ${name}: ${relativeCommand}, which whoever writes beside the kubeconfig can replace`,
    })
}

/** `mode` are permission bits; only those of group and others count. */
export function modeFault(path: string, mode: number | undefined, holds: string): Fault | undefined {
  if (mode === undefined || (mode & 0o077) === 0) return undefined
  const isWritten = (mode & 0o022) !== 0
  return {
    key: `permissions of ${path}`,
    reason: isWritten ? 'can be changed by other users of the machine' : 'can be read by other users of the machine',
    detail: `${path}, ${holds}, has mode ${mode.toString(8).padStart(4, '0')}`,
    // Who writes it has kubectl run any program, as its user.
    ...(!isWritten && (mode & 0o007) === 0 && { severity: 'medium' as const }),
    evidence: { fault: 'permissions', path, mode },
  }
}
