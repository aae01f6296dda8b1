import { control } from '../../model/define.ts'
import type { ObjectRef, Observation, Remark } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { refOf } from '../../objects/ref.ts'
import { secretStoreAddOns, staticLogin } from '../../objects/secret-stores.ts'

interface Evidence {
  readonly is: 'no-store' | 'static-login' | 'synced'
}
const CLUSTER: ObjectRef = { apiVersion: 'k8s-harden/v1', kind: 'Cluster', name: 'secrets' }
const KINDS = ['SecretStore', 'ClusterSecretStore', 'SecretProviderClass'] as const

export default control({
  title: 'A secret store outside of the cluster should be considered, and must not be opened with one more lasting secret',
  severity: 'info',
  why: 'A store of its own renews secrets, says who read them, and keeps them out of etcd and Git. That is little worth where a key that opens it lies in the cluster for good.',
  references: [
    { standard: 'CIS', section: '5.4.2' },
    { standard: 'KS', section: 'C-0208' },
    { standard: 'KS', section: 'C-0234' },
  ],
  reads: ['CustomResourceDefinition'],
  consults: [...KINDS, 'Secret', 'MutatingWebhookConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const addOns = secretStoreAddOns(view)
    for (const kind of ['SecretStore', 'ClusterSecretStore'] as const)
      for (const store of view.all(kind)) {
        const login = staticLogin(store)
        if (login === undefined) continue
        yield {
          subject: refOf(store),
          at: login.at,
          severity: 'low',
          reason: 'logs in to its store with a lasting credential from a Secret',
          detail: `of Secret ${fewOf(login.names)}`,
          evidence: { is: 'static-login' },
        }
      }
    for (const one of view.all('SecretProviderClass')) {
      const copies = one.spec?.['secretObjects']
      if (!Array.isArray(copies) || copies.length === 0) continue
      yield {
        subject: refOf(one),
        at: ['spec', 'secretObjects'],
        verdict: 'review',
        reason: 'copies what it fetches into Secrets, and so into etcd',
        detail: fewOf(copies.map((copy) => String((copy as { secretName?: unknown } | null)?.secretName ?? '?'))),
        evidence: { is: 'synced' },
      }
    }
    for (const kind of [...KINDS, 'MutatingWebhookConfiguration'] as const) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    if (addOns.length > 0) yield { note: `${addOns.join(', ')} ${addOns.length === 1 ? 'is' : 'are'} installed` }
    else if (
      KINDS.every((kind) => view.all(kind).length === 0) &&
      view.all('Secret').some(({ type }) => type === 'Opaque' || type === undefined)
    )
      yield {
        subject: CLUSTER,
        origin: 'workload',
        verdict: 'review',
        reason: 'keeps its secrets in the API alone',
        detail: 'no add-on for a store outside of the cluster is installed',
        evidence: { is: 'no-store' },
      }
  },
  remedy: {
    byHand:
      'let the add-on log in as a service account (serviceAccountRef with the identity of the cloud, or the Kubernetes login of Vault) instead of with a key from a Secret; mount what a SecretProviderClass fetches rather than copying it; where there is no store yet, External Secrets Operator, the Secrets Store CSI driver and Sealed Secrets are the usual ones',
  },
  verify: 'kubectl get secretstores -A shows Valid after the key was taken away.',
})
