/** Nodes reached through a carrier: what is seen of their files, and what is done there (architecture.md, src/hosts). */
import type { Edit } from './names.ts'

/** How a node's files are reached. `container`: docker, podman or another program with their `exec`. */
export type Carrier = 'local' | 'ssh' | 'container' | 'helper-pod'

/** What one node showed. A path that is neither in `files` nor in `unread` was looked for and is not there. */
export interface HostSeen {
  readonly node: string
  readonly carrier: Carrier
  /** It runs static pods of the control plane. */
  readonly controlPlane: boolean
  readonly files: readonly HostFileSeen[]
  readonly unread: readonly { readonly path: string; readonly because: string }[]
  /** How its kubelet was started; absent where that is not known. */
  readonly kubelet?: KubeletStart
  /** Why the kubelet's own arguments are not known; then kubeadm's places were looked at. */
  readonly assumed?: string
  /** k3s or RKE2 stands on it. */
  readonly rancher?: RancherSeen
  /** Why nothing of it could be read: "ssh: connection refused". */
  readonly refused?: string
}
/** How k3s or RKE2 is told to start on a node; what runs is what stood there at its last start. */
export interface RancherSeen {
  readonly program: 'k3s' | 'rke2'
  /** A control plane runs on it; without one it only runs pods. */
  readonly server: boolean
  /** Its --data-dir. */
  readonly data: string
  /** In the order in which they count: config.yaml, config.yaml.d by name, the command line of the service. */
  readonly settings: readonly RancherSetting[]
}
export interface RancherSetting {
  /** Path of the file that says it. */
  readonly at: string
  /** Of it nothing can be written in a file: it stands on the command line, in the unit of the service. */
  readonly isUnit?: true
  /** Without dashes and without the plus. */
  readonly key: string
  /** `key+`: added to what came before, instead of in its place. */
  readonly adds: boolean
  /** Empty for keys that may hold a credential. */
  readonly values: readonly string[]
}
export interface KubeletStart {
  /** --config; absent where there is none: then the defaults of its flags hold, which let anybody in. */
  readonly config?: string
  /** --config-dir: what ends in `.conf` anywhere below it is merged over that. */
  readonly dropIns?: string
  /** Flags that say what a configuration says too, by name: they win. Never one that may hold a credential. */
  readonly flags: Readonly<Record<string, string>>
}
export interface HostFileSeen {
  /** Absolute, on the node. */
  readonly path: string
  /** What it is there for, as the arguments say that name it. */
  readonly role?: HostFileRole
  readonly is: 'file' | 'directory'
  /** Permission bits, `0o600`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** What is there is a link: the rights are those of what it leads to. */
  readonly link?: true
  /** Names on the node; absent where it knows none. */
  readonly owner?: string
  readonly group?: string
  /** Hex; of files whose content was read. */
  readonly sha256?: string
  /** Of YAML that controls judge; keys of an EncryptionConfiguration are replaced by stand-ins of the same length and quality. Never of private keys. */
  readonly text?: string
}

export type HostFileRole =
  | 'static-pod'
  | 'static-pod-directory'
  | 'kubeconfig'
  | 'kubelet-config'
  | 'kubelet-service'
  | 'certificate'
  | 'key'
  | 'pki-directory'
  | 'etcd-data'
  | 'cni'
  /** What an API server's flag names: EncryptionConfiguration, audit policy and their like. */
  | 'configuration'

/** A directory or file of the node that a component must see, at the same path inside. */
export interface HostMount {
  readonly name: string
  readonly path: string
  readonly type: 'Directory' | 'DirectoryOrCreate' | 'File' | 'FileOrCreate'
  readonly readOnly: boolean
}

/** A file of the node, written whole. Its directory is made where it is missing: 0700, root. */
export interface NodeFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** The components whose static pods have flags. */
export type ControlPlaneComponent = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd'

/** One thing done on one node through its carrier, or to what etcd stores. Each is a step of its own. */
export type HostAction = FlagsAction | FileAction | PermissionsAction | EncryptionAction | RewriteAction | ServingAction

/** Flags of a static pod's component, in its manifest; the kubelet restarts it, and it must come back or the old manifest does. */
export interface FlagsAction {
  readonly do: 'flags'
  readonly node: string
  readonly component: ControlPlaneComponent
  /** New values by flag; null takes a flag away. */
  readonly flags: Readonly<Record<string, string | null>>
  /** Mounted where they are not yet. */
  readonly mounts: readonly HostMount[]
  /** What else changes in the same write of the manifest, from the root of its Pod: the address that a probe asks. */
  readonly edits?: readonly Edit[]
  /** Placed before the manifest is touched; one that is there with the same text is left alone, with another text it is replaced. */
  readonly files: readonly NodeFile[]
}

/** A file of the node: written whole, edited in place with comments and order kept, or removed. */
export interface FileAction {
  readonly do: 'file'
  readonly node: string
  readonly path: string
  readonly to: { readonly text: string; readonly mode: number } | { readonly edits: readonly Edit[] } | 'removed'
  /** Who must take notice. `reader`: whoever reads it does so by himself. `kubelet`: it is restarted. A component: its static pod is. */
  readonly noticedBy: 'nobody' | 'reader' | 'kubelet' | ControlPlaneComponent
}

/** Mode and owner of a file or directory of the node; what is in it stays as it is. A link is not followed. */
export interface PermissionsAction {
  readonly do: 'permissions'
  readonly node: string
  readonly path: string
  /** As they were seen: with any others nothing is changed. */
  readonly from: FileRights
  readonly to: FileRights
}
export interface FileRights {
  /** Permission bits, `0o600`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/**
 * The EncryptionConfiguration of one node brought to a stage. Keys are taken, by name, from the file of whichever node has them; one that
 * none has is drawn from the CSPRNG. Key bytes are neither shown nor journalled.
 */
export interface EncryptionAction {
  readonly do: 'encryption'
  readonly node: string
  /** Every node that runs an API server of this cluster, `node` included. */
  readonly nodes: readonly string[]
  /** Of the file, the same on all nodes. */
  readonly path: string
  readonly rules: readonly EncryptionStageRule[]
  /** The API server of the node takes it up by itself before the step is done; or not yet, since its flags come later. */
  readonly loadedBy: 'reload' | 'later'
}
export interface EncryptionStageRule {
  readonly resources: readonly string[]
  /** In order: the first writes, all read. */
  readonly providers: readonly EncryptionStageProvider[]
}
export type EncryptionStageProvider =
  | { readonly kind: 'identity' }
  /** Keys in order: the first writes. */
  | { readonly kind: 'secretbox' | 'aescbc' | 'aesgcm'; readonly keys: readonly string[] }
  | {
      readonly kind: 'kms'
      readonly apiVersion: 'v1' | 'v2'
      readonly name: string
      readonly endpoint: string
      /** As Go durations: `3s`. */
      readonly timeout?: string
      readonly cachesize?: number
    }

/**
 * Everything that is stored of these resources is stored anew, by whatever provider writes now. It may be stopped at any time and
 * taken up again. Its undo is the same: what is stored is stored anew by the provider that writes then.
 */
export interface RewriteAction {
  readonly do: 'rewrite'
  /** `secrets`, `configmaps`, `widgets.example.com`. */
  readonly resources: readonly string[]
  /** What every stored value begins with afterwards (`k8s:enc:secretbox:v1:key-20261126:`); '' is plain text. */
  readonly prefix: string
  /** Nodes that run an API server, through which etcd may be looked at. */
  readonly nodes: readonly string[]
  /** `prefix` is a KMS's, which has a new key of its own: none of what is stored may be left under another one than that of now. */
  readonly newKey?: true
  /** Nothing is to be stored anew when the step is taken, only when it is taken back: then with `prefix`. */
  readonly onlyUndo?: true
}

/**
 * The certificate that a node's kubelet serves: its request is waited for, checked, approved, and the kubelet must serve what was issued.
 * Where it serves such a certificate already nothing is done. It cannot be taken back: the certificate runs out by itself.
 */
export interface ServingAction {
  readonly do: 'approve-serving'
  readonly node: string
}
