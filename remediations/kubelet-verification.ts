/** The API server towards kubelets: its own certificate is named where kubeadm made one; theirs are verified once all have one. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'
import { proposeFlags } from './apiserver-flag.ts'
import { SERVING_READS, verifyKubelets } from './kubelet-serving.ts'
import { PROVIDER_OPTIONS } from './provider-command.ts'

export interface KubeletTlsEvidence {
  readonly grade: 'E1'
  readonly flag: string
  /** Where kubeadm keeps its certificates, when the other flags point there. */
  readonly pki: string | null
}

export const mendKubeletVerification: Remedy<KubeletTlsEvidence> = remedy<KubeletTlsEvidence>({
  family: 'apiserver-flag',
  reads: SERVING_READS,
  options: PROVIDER_OPTIONS,
  propose(finding, context) {
    const { flag, pki } = finding.evidence
    if (flag === 'kubelet-certificate-authority') return verifyKubelets(finding, context)
    if (pki === null)
      return {
        byHand:
          'make a client certificate for the API server (O=kubeadm:cluster-admins or a group of its own that may use nodes/proxy, signed by the CA that kubelets trust in authentication.x509.clientCAFile), and name it with --kubelet-client-certificate and --kubelet-client-key',
      }
    return proposeFlags(
      {
        flags: {
          'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
          'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
        },
        mayBreak: [
          'the files must be there on the node (kubeadm init phase certs apiserver-kubelet-client): a name that is not keeps it down',
        ],
      },
      finding,
      context,
    )
  },
})
