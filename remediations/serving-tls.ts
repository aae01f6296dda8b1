/** The API server's own TLS: protocol and suites by flag; certificates are issued by an operator. */
import type { Proposal, Remedy } from '../src/model/index.ts'
import { strongSuites } from '../src/objects/tls.ts'
import { type FlagChange, setFlags } from './apiserver-flag.ts'

export interface ServingTlsEvidence {
  readonly grade: 'E1' | 'E2'
  readonly flag?: string
  readonly value?: string
  readonly host?: string
  readonly notAfter?: string
}

export const mendServingTls: Remedy<ServingTlsEvidence> = setFlags<ServingTlsEvidence>(mend)

function mend({ evidence }: { readonly evidence: ServingTlsEvidence }): FlagChange | Proposal {
  switch (evidence.flag) {
    case 'tls-min-version':
      return { flags: { 'tls-min-version': 'VersionTLS12' }, mayBreak: ['clients that only speak TLS 1.0 or 1.1 are refused'] }
    case 'tls-cipher-suites':
      return {
        flags: { 'tls-cipher-suites': (now) => strongSuites((now ?? '').split(',').map((suite) => suite.trim()))?.join(',') ?? null },
        mayBreak: ['clients that know only the suites taken away are refused'],
      }
    case 'tls-cert-file':
      return {
        byHand:
          'issue a serving certificate from the cluster CA with every name and address of the API server (kubeadm init phase certs apiserver), and set --tls-cert-file and --tls-private-key-file to it',
      }
    case 'client-ca-file':
      return {
        byHand:
          'set --client-ca-file to the CA that signs the client certificates of nodes and administrators (kubeadm: /etc/kubernetes/pki/ca.crt)',
      }
    default:
      return {
        byHand:
          'renew the serving certificate for the name in use, from the CA that the kubeconfigs hold (kubeadm certs renew apiserver on each control-plane node, then restart the API server); with a load balancer in front, look at the certificate and protocols it has itself',
      }
  }
}
