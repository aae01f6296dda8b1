/** TLS of etcd and of the way to it: switches are set, certificates that kubeadm makes are named; the rest is an operator's work. */
import type { Proposal, Remedy } from '../src/model/index.ts'
import type { EtcdTlsEvidence } from '../src/objects/etcd-tls.ts'
import { isLoopbackUrl } from '../src/objects/tls.ts'
import { type FlagChange, setFlags } from './apiserver-flag.ts'

export const mendEtcdTls: Remedy<EtcdTlsEvidence> = setFlags<EtcdTlsEvidence>(mend)

/** Switches only; certificates that are not there cannot be conjured up. */
function mend({ evidence: { component, flag, value, pki, ready } }: { readonly evidence: EtcdTlsEvidence }): FlagChange | Proposal {
  const certificates = (flags: Record<string, string>): FlagChange => ({
    component,
    flags,
    mayBreak: ['the files must be there on the node (kubeadm makes them): a name that is not keeps it down'],
  })
  switch (flag) {
    case 'client-cert-auth':
    case 'peer-client-cert-auth':
      if (!ready) break
      return {
        component,
        flags: { [flag]: 'true' },
        mayBreak: ['whoever connects without a certificate of the trusted CA is refused: backup jobs, monitoring'],
      }
    case 'auto-tls':
    case 'peer-auto-tls':
      return { component, flags: { [flag]: null } }
    case 'listen-metrics-urls':
      return {
        component,
        flags: {
          [flag]: (value ?? '')
            .split(',')
            .map((url) => (/^http:/i.test(url) && !isLoopbackUrl(url) ? 'http://127.0.0.1:2381' : url))
            .filter((url, index, all) => all.indexOf(url) === index)
            .join(','),
        },
        mayBreak: ['whoever scrapes etcd from outside its node loses it'],
      }
    case 'etcd-cafile':
      if (pki !== null) return certificates({ 'etcd-cafile': `${pki}/etcd/ca.crt` })
      break
    case 'etcd-certfile':
      if (pki !== null)
        return certificates({ 'etcd-certfile': `${pki}/apiserver-etcd-client.crt`, 'etcd-keyfile': `${pki}/apiserver-etcd-client.key` })
      break
    case 'cert-file':
      if (pki !== null) return certificates({ 'cert-file': `${pki}/etcd/server.crt`, 'key-file': `${pki}/etcd/server.key` })
      break
    case 'peer-cert-file':
      if (pki !== null) return certificates({ 'peer-cert-file': `${pki}/etcd/peer.crt`, 'peer-key-file': `${pki}/etcd/peer.key` })
  }
  return {
    byHand:
      'make a CA for etcd alone and certificates for its members, its peers and the API server (kubeadm init phase certs etcd-ca, etcd-server, etcd-peer, apiserver-etcd-client); take an etcd snapshot; then change one member after the other, the addresses last (etcdctl member update), and the API servers once all members serve TLS',
  }
}
