/** How people log in, as a kubeconfig (kubeconfig v1 `users`) and the API server (SelfSubjectReview) say it: never a token, a key, or a password. */

export interface CredentialFact {
  /** Whom the API server takes us for; absent where it did not say (before 1.28, or refused). */
  readonly me?: { readonly user: string; readonly groups: readonly string[] }
  /** Why `me` is absent. */
  readonly unsaid?: string
  /** The user of the chosen context. */
  readonly current: KubeconfigUser
  /** The other users of the same kubeconfig whom a context joins with the same server, or whom no context names. */
  readonly others: readonly KubeconfigUser[]
}
export type LoginWay = 'client-certificate' | 'token' | 'service-account' | 'exec' | 'auth-provider' | 'basic'
export interface KubeconfigUser {
  /** As the kubeconfig calls it. */
  readonly name: string
  /** Empty: no credentials at all. `service-account`: the token that a pod is given. */
  readonly ways: readonly LoginWay[]
  /** Of the credential plugin: the program's name, and what kubectl is told to run (`kubectl oidc-login`). */
  readonly command?: string
  readonly provider?: string
  /** Whom it acts as (kubeconfig `as`): then that is who the API server takes it for. */
  readonly as?: string
  /** Absent although it logs in with one: it could not be read. */
  readonly certificate?: ClientCertificate
  /** Absent although it logs in with one: it could not be read. */
  readonly token?: TokenKind
  /** What stands in the kubeconfig itself: whoever reads the file has it. */
  readonly inside?: readonly ('token' | 'password')[]
  /** Path of the credential plugin, where it is relative: then it is looked for beside the kubeconfig. */
  readonly relativeCommand?: string
}
/** One cluster of a kubeconfig (v1 `clusters`), as far as it says how safe the way there is. */
export interface KubeconfigCluster {
  readonly name: string
  /** Those that take it. */
  readonly contexts: readonly string[]
  /** Without user and password. */
  readonly server: string
  readonly insecureSkipTlsVerify: boolean
  readonly hasCa: boolean
  readonly tlsServerName?: string
  /** Without user and password; `proxyPassword` says whether there is one. */
  readonly proxyUrl?: string
  readonly proxyPassword?: boolean
  /** Of the certificate authority, where it could be read. */
  readonly authorities: readonly CertificateSeen[]
}
/** A kubeconfig of the operator, on the machine that scans. */
export interface KubeconfigFile {
  readonly path: string
  /** Permission bits, `0o600`; absent where the system has none (Windows). */
  readonly mode?: number
  /** Root of the git work tree that it lies in. */
  readonly gitRoot?: string
  /** Why there is no more: it could not be read, or is none. */
  readonly problem?: string
  readonly clusters: readonly KubeconfigCluster[]
  readonly users: readonly KubeconfigUser[]
  /** Keys and tokens in files of their own that it names. */
  readonly keyFiles: readonly { readonly path: string; readonly mode?: number }[]
}
/** What an X.509 certificate says of itself (RFC 5280). Times ISO 8601. */
export interface CertificateSeen {
  /** `CN=kube-apiserver`, `O=system:masters, CN=admin`. */
  readonly subject: string
  readonly isAuthority: boolean
  readonly notBefore: string
  readonly notAfter: string
}
/** Of a client certificate what Kubernetes reads, and its time (ISO 8601). */
export interface ClientCertificate {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly notBefore: string
  readonly notAfter: string
}
export interface TokenKind {
  readonly jwt: boolean
  readonly issuer?: string
  /** `namespace/name`, where it is a service account's. */
  readonly serviceAccount?: string
  /** Does it have `exp`? Known of JSON Web Tokens only. */
  readonly expires?: boolean
}
