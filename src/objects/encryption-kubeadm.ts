/** What the next `kubeadm upgrade` would make of encryption at rest. */
import type { ConfigMapObject, Observation, Readable, View } from '../model/index.ts'
import { ENCRYPTION_FLAG } from './encryption-hosts.ts'
import { kubeadmFlags, parsed } from './flag-kubeadm.ts'
import type { ComponentInstance } from './flags.ts'
import { refOf } from './ref.ts'

/** Key of a finding about it. */
export const KUBEADM = 'kubeadm'

interface Evidence {
  readonly grade: 'E1'
  readonly configured: true
  readonly seen: string
}

/** Of a live cluster. */
const kubeadmConfig = (view: View<'ConfigMap'>): ConfigMapObject | undefined =>
  view.source.kind === 'live' ? (view.find('ConfigMap', 'kube-system', 'kubeadm-config') as ConfigMapObject | undefined) : undefined

/** Its ClusterConfiguration does not give API servers this file: they would start without the keys to what is stored. */
export function isForgottenByKubeadm(path: string, view: View<'ConfigMap'>): boolean {
  const configuration = parsed(kubeadmConfig(view)?.data?.['ClusterConfiguration'])
  return configuration !== undefined && kubeadmFlags(configuration, 'kube-apiserver')?.get(ENCRYPTION_FLAG) !== path
}

/** Interrupted after the flags, or set by hand in the manifest alone: it works until somebody upgrades. */
export function* forgottenByKubeadm(instances: readonly ComponentInstance[], view: View<Readable>): Iterable<Observation<Evidence>> {
  const paths = new Set(instances.map(({ flags }) => flags.get(ENCRYPTION_FLAG) ?? ''))
  const [path = ''] = paths
  // Where they differ, that is to be mended first.
  if (paths.size > 1 || path === '' || !isForgottenByKubeadm(path, view)) return
  yield {
    subject: refOf(kubeadmConfig(view)!),
    key: KUBEADM,
    origin: 'workload',
    verdict: 'review',
    reason: `does not have --${ENCRYPTION_FLAG}, which API servers run with`,
    detail:
      'unless the flag stands in patches that you give to kubeadm, its next upgrade starts API servers without the keys, and they cannot read any Secret',
    evidence: { grade: 'E1', configured: true, seen: `kubeadm-config: no --${ENCRYPTION_FLAG}=${path}` },
  }
}
