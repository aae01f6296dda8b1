/** Secrets that reach a container through its environment: words, since only the application's owner can make it read files. */
import { remedy } from '../src/model/define.ts'
import type { Proposal, Remedy } from '../src/model/index.ts'

/** One reference: a single variable, or a whole Secret (`key` absent). */
export interface EnvReference {
  readonly secret: string
  readonly variable?: string
  readonly key?: string
}

export const mountInstead = <E extends { readonly references: readonly EnvReference[] }>(): Remedy<E> =>
  remedy<E>({
    family: 'env-secrets',
    reads: [],
    propose({ evidence }): Proposal {
      const secrets = [...new Set(evidence.references.map((reference) => reference.secret))]
      if (secrets.length === 0) return { byHand: 'let the application read the file itself, from a volume that only it mounts' }
      const files = evidence.references.map(({ secret, key, variable }) =>
        key === undefined ? `all of ${secret}` : `${variable} from /etc/secrets/${secret}/${key}`,
      )
      return {
        byHand: `mount ${secrets.map((secret) => `Secret ${secret} as /etc/secrets/${secret}`).join(', ')}, read-only and with mode 0440; let the application read ${files.join(', ')} (many take a variable that ends in _FILE); then take the variables out`,
      }
    },
  })
