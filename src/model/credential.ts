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
