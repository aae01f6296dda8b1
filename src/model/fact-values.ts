/** What facts are made of (seen.ts). */

export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
export interface ServedGroup {
  readonly group: string
  readonly resources: readonly string[]
  /** Those of `resources`, without subresources, that stand in no namespace; absent where that was not asked. */
  readonly clusterScoped?: readonly string[]
  /** Those of `resources` that can be listed, read and written again: what a server keeps somewhere; absent where that was not asked. */
  readonly kept?: readonly string[]
}
export interface KubeletAnswer {
  readonly node: string
  readonly config?: Readonly<Record<string, unknown>>
  readonly refused?: string
}
export interface ImageConfig {
  /** As containers name it. */
  readonly image: string
  /** Raw: '' (root), '1000', '1000:1000', 'nginx', 'app:app'. Absent where it could not be read. */
  readonly user?: string
  /** Paths the image declares as VOLUME. */
  readonly volumes: readonly string[]
  /** '80/tcp'. */
  readonly exposedPorts: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly workingDir?: string
  /** `sha256:…` of the index and of the manifest this was read by: what a kubelet may report in `imageID`. */
  readonly digests?: readonly string[]
  /** What was asked: a registry, or a file. */
  readonly from: 'registry' | 'file'
  /** Why it is not known: "the registry refused (401)". */
  readonly problem?: string
}
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local' | 'carrier-grade' | 'other'
export interface EndpointFact {
  readonly url: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly addresses: readonly { readonly address: string; readonly class: AddressClass }[]
  readonly insecureSkipTlsVerify: boolean
  readonly hasCaData: boolean
  readonly proxyUrl?: string
  readonly tls?: {
    readonly protocol: string
    readonly cipher: string
    /** Verified against the kubeconfig's CA for the host used. */
    readonly verified: boolean
    readonly problem?: string
    readonly notBefore: string
    readonly notAfter: string
    readonly names: readonly string[]
    /** Protocols below TLS 1.2 that a handshake was tried with: true accepted, false refused, absent could not be tried. */
    readonly old: Readonly<Record<'TLSv1' | 'TLSv1.1', boolean | undefined>>
  }
  readonly tlsError?: string
}
