/** What the next `kubeadm upgrade` would make of encryption at rest. */
import type { ConfigMapObject, View } from '../model/index.ts'
import { ENCRYPTION_FLAG } from './encryption-hosts.ts'
import { kubeadmFlags, parsed } from './flag-kubeadm.ts'

/** Of a live cluster. */
const kubeadmConfig = (view: View<'ConfigMap'>): ConfigMapObject | undefined =>
  view.source.kind === 'live' ? (view.find('ConfigMap', 'kube-system', 'kubeadm-config') as ConfigMapObject | undefined) : undefined

const givenByKubeadm = (view: View<'ConfigMap'>): string | undefined => {
  const configuration = parsed(kubeadmConfig(view)?.data?.['ClusterConfiguration'])
  return configuration && kubeadmFlags(configuration, 'kube-apiserver')?.get(ENCRYPTION_FLAG)
}

/** API servers would be given a file again that they run without. */
export const isBroughtBackByKubeadm = (view: View<'ConfigMap'>): boolean => (givenByKubeadm(view) ?? '') !== ''

/** Its ClusterConfiguration does not give API servers this file: they would start without the keys to what is stored. */
export const isForgottenByKubeadm = (path: string, view: View<'ConfigMap'>): boolean =>
  parsed(kubeadmConfig(view)?.data?.['ClusterConfiguration']) !== undefined && givenByKubeadm(view) !== path
