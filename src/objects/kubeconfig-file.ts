/** Users of the kubeconfigs among files, such as those that kubeadm writes to /etc/kubernetes. */
import type { KubeconfigUser, ObjectRef, Path, View } from '../model/index.ts'
import { refOf } from './ref.ts'

export interface FileUser {
  readonly user: KubeconfigUser
  readonly subject: ObjectRef
  readonly at: Path
  /** The one that the file's current context takes, or its only one. */
  readonly isCurrent: boolean
  /** A component's own way in, not a person's. */
  readonly isComponent: boolean
  /** What there is to say of the file itself; empty for most. */
  readonly place: string
}

export function usersInFiles(view: View<'Kubeconfig'>): readonly FileUser[] {
  return view.all('Kubeconfig').flatMap((file) =>
    file.users.map((user) => ({
      user,
      subject: refOf(file),
      at: ['users', { name: user.name }],
      isCurrent: file.users.length === 1 || file.current === user.name,
      isComponent: isComponent(user),
      place: placeOf(user, file.metadata.name),
    })),
  )
}

/** kubeadm 1.29 and later write super-admin.conf beside admin.conf. */
export const placeOf = ({ name }: KubeconfigUser, file?: string): string =>
  file === 'super-admin.conf' || name === 'kubernetes-super-admin' ? '; super-admin.conf is for emergencies, and belongs offline' : ''

/** By its certificate, where it can be read: a name alone is anybody's to choose. kubelet.conf names a file that the kubelet renews. */
function isComponent({ name, certificate }: KubeconfigUser): boolean {
  if (certificate === undefined) return name === 'default-auth' || name.startsWith('system:node:')
  const { commonName, organizations } = certificate
  return (
    (/^system:(kube-controller-manager|kube-scheduler|kube-proxy)$/.test(commonName) && organizations.length === 0) ||
    (commonName.startsWith('system:node:') && organizations.every((group) => group === 'system:nodes'))
  )
}
