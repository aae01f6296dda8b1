/** Certificates of kubelets that nobody renews: switched on where it is a setting, looked at by a human where it is a decision. */
import { remedy } from '../src/model/define.ts'
import type { Json, Proposal, Remedy } from '../src/model/index.ts'
import { proposeFlags } from './apiserver-flag.ts'
import { proposeKubelet } from './kubelet-config.ts'
import { proposeServing, SERVING_READS } from './kubelet-serving.ts'
import { PROVIDER_OPTIONS } from './provider-command.ts'

export interface RotationEvidence {
  readonly setting: string
  readonly value: Json
}

export const mendRotation: Remedy<RotationEvidence> = remedy<RotationEvidence>({
  family: 'kubelet-config',
  reads: SERVING_READS,
  options: PROVIDER_OPTIONS,
  propose(finding, context): Proposal {
    const { setting } = finding.evidence
    switch (setting) {
      case 'request':
        return {
          byHand: `look at it (kubectl get csr ${finding.subject.name} -o yaml): where the requestor is system:node:NODE and the names are those of that Node alone, kubectl certificate approve ${finding.subject.name}; and install an approver, or the next one waits as well`,
        }
      case 'feature-gates':
        return proposeFlags(
          {
            component: 'kube-controller-manager',
            flags: { 'feature-gates': (gates) => withoutGate(gates ?? '') },
            summary: 'let kubelets renew their serving certificates',
          },
          finding,
          context,
        )
      case 'serverTLSBootstrap':
        return finding.verdict === 'review'
          ? {
              byHand:
                'see to it that whoever makes the file of tlsCertFile renews it in time; or take tlsCertFile and tlsPrivateKeyFile out and set serverTLSBootstrap: true',
            }
          : proposeServing(finding, context)
      case 'rotateCertificates':
        return proposeKubelet(
          {
            set: { rotateCertificates: true },
            summary: 'renew the client certificate',
            mayBreak: [
              'the kubelet must have got its certificate by a bootstrap (kubeadm does), and --rotate-certificates needs the controller manager to sign: where neither is so, it goes on with the old certificate',
            ],
            verify: ['/var/lib/kubelet/pki/kubelet-client-current.pem is there, and the kubeconfig of the kubelet names it'],
          },
          finding,
          context,
        )
      default:
        return proposeKubelet({ set: { [setting]: true }, summary: 'let the serving certificate be renewed' }, finding, context)
    }
  },
})

/** Without what turns it off; where AllBeta does, it is turned on by its own name. */
const withoutGate = (gates: string): string | null => {
  const kept = gates.split(',').filter((gate) => !/^\s*(\w+:)?RotateKubeletServerCertificate=/i.test(gate))
  if (kept.some((gate) => /^\s*(\w+:)?AllBeta=(0|f|false)\s*$/i.test(gate))) kept.push('RotateKubeletServerCertificate=true')
  return kept.length === 0 ? null : kept.join(',')
}
