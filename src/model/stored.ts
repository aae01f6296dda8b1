/** In what form etcd holds things. */

/**
 * Told by what the API server counted while objects were read from etcd: all, or where there are many those whose last write is the longest
 * ago and some of the others.
 */
export interface StoredForm {
  /** `secrets` */
  readonly resource: string
  /** All there are, and how many of them were read. */
  readonly objects: number
  readonly looked: number
  /** What the stored values begin with, by how many; a local key stands beside its provider, by its name (`key1:`). '' is plain text. */
  readonly read: Readonly<Record<string, number>>
  /** The same of the one written last. */
  readonly newest: Readonly<Record<string, number>>
  /** When that one was written at the earliest: its creation, or a later change that its managed fields tell (RFC 3339). */
  readonly newestAt?: string
  /** Hashes of the key ids of a KMS (v2) with which what was read is encrypted, by how many, and of the key that it gives now. */
  readonly keys?: { readonly read: Readonly<Record<string, number>>; readonly now: string | undefined }
  /** No provider could decrypt them. */
  readonly failed: number
  /** Why the counts cannot be relied on. */
  readonly doubt?: string
}
