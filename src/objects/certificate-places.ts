/** Every certificate that is seen, and where: kubeconfigs, PKI directories, and what the API server trusts of webhooks and extensions. */
import type {
  CertificateSeen,
  ClientCertificate,
  KubeconfigCluster,
  KubeconfigUser,
  Metadata,
  ObjectRef,
  Path,
  View,
} from '../model/index.ts'
import { caExpiry } from './ca-bundle.ts'
import { refOf } from './ref.ts'
import { caEnd } from './webhooks.ts'

export interface CertificateEvidence {
  readonly is: 'leaf' | 'authority' | 'signing'
}
export interface PlacedCertificate {
  readonly subject: ObjectRef
  readonly at?: Path
  readonly certificate: CertificateSeen
  /** `the CA of cluster prod,`. */
  readonly what: string
  /** It renews by itself, or is there only to be trusted: then how long it has left says nothing but once it is over. */
  readonly renews: boolean
}
type Places = View<
  | 'KubeconfigFiles'
  | 'Kubeconfig'
  | 'CertificateFile'
  | 'MutatingWebhookConfiguration'
  | 'ValidatingWebhookConfiguration'
  | 'APIService'
  | 'CustomResourceDefinition'
>

export function certificatesSeen(view: Places): readonly PlacedCertificate[] {
  const own = (view.fact('KubeconfigFiles')?.files ?? []).flatMap(({ path, clusters, users }) =>
    inKubeconfig({ apiVersion: 'k8s-harden/v1', kind: 'KubeconfigFile', name: path }, clusters, users, false),
  )
  const inFiles = view.all('Kubeconfig').flatMap((file) => inKubeconfig(refOf(file), file.clusters ?? [], file.users, true))
  const pki = view.all('CertificateFile').flatMap((file) =>
    file.certificates.map((certificate) => ({
      subject: refOf(file),
      certificate,
      what: file.metadata.name,
      renews: isKubelets(certificate) && isRotated(file.metadata.name),
    })),
  )
  return [...own, ...inFiles, ...pki, ...trusted(view)]
}

function inKubeconfig(
  subject: ObjectRef,
  clusters: readonly KubeconfigCluster[],
  users: readonly KubeconfigUser[],
  hasPaths: boolean,
): readonly PlacedCertificate[] {
  const at = (...path: Path) => (hasPaths ? { at: path } : {})
  return [
    ...clusters.flatMap(({ name, authorities }) =>
      authorities.map((certificate) => ({
        subject,
        ...at('clusters', { name }),
        certificate,
        what: `CA of cluster ${name}:`,
        renews: false,
      })),
    ),
    ...users.flatMap(({ name, certificate }) =>
      certificate === undefined
        ? []
        : [{ subject, ...at('users', { name }), certificate: asSeen(certificate), what: `user ${name}:`, renews: false }],
    ),
  ]
}
const asSeen = ({ commonName, organizations, notBefore, notAfter }: ClientCertificate): CertificateSeen => ({
  subject: [...organizations.map((one) => `O=${one}`), `CN=${commonName}`].join(', '),
  isAuthority: false,
  notBefore,
  notAfter,
})
/** The kubelet renews what it asked for itself, in files that it names: kubelet-client-current.pem, kubelet-server-2026-11-23-10-00-00.pem. */
const isKubelets = ({ subject }: CertificateSeen): boolean => /(^|, )CN=system:node:/.test(subject)
const isRotated = (name: string): boolean => /(^|\/)kubelet-(client|server)-[^/]*\.pem$/.test(name)

function trusted(view: Places): readonly PlacedCertificate[] {
  const place = (
    object: { readonly apiVersion: string; readonly kind: string; readonly metadata: Metadata },
    at: Path,
    what: string,
    end: string | undefined,
  ) =>
    end === undefined
      ? []
      : [
          {
            subject: refOf(object),
            at,
            // Only its end is known, and operators that sign for themselves have authorities of a year.
            certificate: { subject: '', isAuthority: false, notBefore: end, notAfter: end },
            what,
            renews: isInjected(object.metadata),
          },
        ]
  const webhooks = (['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const).flatMap((kind) =>
    view.all(kind).flatMap((configuration) =>
      (configuration.webhooks ?? []).flatMap((webhook, index) => {
        const end = caEnd(webhook)
        // One that is over already is a fault of the webhook, and told as such (adm-webhook-safety).
        if (end !== undefined && Date.parse(end) < view.now) return []
        return place(configuration, ['webhooks', index, 'clientConfig', 'caBundle'], `CA of webhook ${webhook.name}`, end)
      }),
    ),
  )
  const services = view.all('APIService').flatMap((service) => {
    const { caBundle, caNotAfter } = service.spec ?? {}
    const end = typeof caNotAfter === 'string' ? caNotAfter : typeof caBundle === 'string' ? caExpiry(caBundle) : undefined
    return place(service, ['spec', 'caBundle'], `CA of API ${service.metadata.name}`, end)
  })
  const conversions = view
    .all('CustomResourceDefinition')
    .flatMap((definition) => place(definition, ['spec', 'conversion'], 'CA of its conversion webhook', definition.caNotAfter))
  return [...webhooks, ...services, ...conversions]
}

/** cert-manager and OpenShift put a new bundle in when the certificate changes. */
const isInjected = ({ annotations = {} }: Metadata): boolean =>
  Object.keys(annotations).some((key) => /^cert-manager\.io\/inject-|^service\.(beta|alpha)\.openshift\.io\/inject-cabundle/.test(key))
