/** What the CIS benchmark allows of files on a node (1.1.1 to 1.1.21, 4.1.1 to 4.1.10), by what each file is there for. */
import type { HostFileSeen } from '../model/index.ts'

export interface FileRule {
  /** The widest permission bits. */
  readonly mode: number
  owner(file: HostFileSeen): boolean
  /** It may be etcd's own instead of root's. */
  readonly etcd: boolean
  /** Plural, for a sentence. */
  readonly words: string
  /** Whoever reads it can be somebody. */
  readonly secret: boolean
}

const byRoot = ({ uid, gid }: HostFileSeen): boolean => uid === 0 && gid === 0
/** kubeadm runs etcd as root; distributions of etcd itself have a user for it. */
const byRootOrEtcd = (file: HostFileSeen): boolean => byRoot(file) || (file.owner === 'etcd' && file.group === 'etcd')

const RULES: Readonly<Record<NonNullable<HostFileSeen['role']>, FileRule | undefined>> = {
  'static-pod': { mode: 0o600, owner: byRoot, etcd: false, words: 'static pod manifests', secret: false },
  'static-pod-directory': { mode: 0o755, owner: byRoot, etcd: false, words: 'directories of static pod manifests', secret: false },
  kubeconfig: { mode: 0o600, owner: byRoot, etcd: false, words: 'kubeconfigs', secret: true },
  'kubelet-config': { mode: 0o600, owner: byRoot, etcd: false, words: 'kubelet configuration files', secret: false },
  'kubelet-service': { mode: 0o600, owner: byRoot, etcd: false, words: 'service files of the kubelet', secret: false },
  certificate: { mode: 0o644, owner: byRootOrEtcd, etcd: true, words: 'certificates', secret: false },
  key: { mode: 0o600, owner: byRootOrEtcd, etcd: true, words: 'private keys', secret: true },
  'pki-directory': { mode: 0o755, owner: byRootOrEtcd, etcd: true, words: 'directories of keys', secret: false },
  'etcd-data': { mode: 0o700, owner: byRootOrEtcd, etcd: true, words: 'directories of etcd data', secret: true },
  cni: { mode: 0o600, owner: byRoot, etcd: false, words: 'configurations of network plugins', secret: false },
  configuration: { mode: 0o600, owner: byRoot, etcd: false, words: 'configuration files of the API server', secret: true },
}

/** Undefined for what no rule is about. */
export const fileRule = ({ role }: HostFileSeen): FileRule | undefined => (role === undefined ? undefined : RULES[role])
