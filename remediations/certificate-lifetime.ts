/** Certificates are renewed by whoever made them; the controller manager is told to sign for less long. */
import { remedy } from '../src/model/define.ts'
import type { Proposal } from '../src/model/index.ts'
import type { CertificateEvidence } from '../src/objects/certificate-places.ts'
import { FLAG_LADDER } from '../src/objects/flags.ts'
import { proposeFlags } from './apiserver-flag.ts'

export const renewCertificates = remedy<CertificateEvidence>({
  family: 'apiserver-flag',
  reads: FLAG_LADDER,
  propose(finding, context): Proposal {
    const { evidence, subject } = finding
    if (evidence.is === 'signing')
      return proposeFlags(
        {
          component: 'kube-controller-manager',
          flags: { 'cluster-signing-duration': '8760h0m0s' },
          mayBreak: ['certificates that are signed from then on are good for a year: whoever asks for one by hand must ask again in time'],
        },
        finding,
        context,
      )
    if (subject.kind.endsWith('WebhookConfiguration') || subject.kind === 'APIService' || subject.kind === 'CustomResourceDefinition')
      return {
        byHand:
          'have the certificate of its server made anew by whoever made it (cert-manager, the chart, the operator), and put the CA in caBundle; cert-manager does both: cert-manager.io/inject-ca-from',
      }
    if (evidence.is === 'authority')
      return {
        byHand:
          'plan a change of the certificate authority, which takes weeks: both CAs are trusted side by side first, then everything is signed anew, then the old one goes (Kubernetes documentation: manual rotation of CA certificates)',
      }
    return {
      byHand: finding.reason.includes('398 days')
        ? 'replace it by one that is good for a year at most: kubeadm certs renew for what kubeadm made, a CertificateSigningRequest with expirationSeconds or a login through an identity provider for people'
        : 'kubeadm certs renew all on every control-plane node, one after the other, then restart its static pods (move the manifests out of the directory for 20 seconds); a kubeconfig that holds a copy of a certificate needs the new one: kubeadm kubeconfig user, or the new admin.conf',
    }
  },
})
