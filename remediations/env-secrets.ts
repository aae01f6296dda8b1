/** Secrets that reach a container through its environment: words and a generated template patch, since only the application's owner can make it read files. */
import { stringify } from 'yaml'
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
    propose({ evidence, container }): Proposal {
      const secrets = [...new Set(evidence.references.map((reference) => reference.secret))]
      const patch = {
        volumes: secrets.map((secret) => ({ name: volumeName(secret), secret: { secretName: secret, defaultMode: 0o440 } })),
        containers: [
          {
            name: container ?? '',
            volumeMounts: secrets.map((secret) => ({ name: volumeName(secret), mountPath: `/etc/secrets/${secret}`, readOnly: true })),
          },
        ],
      }
      const files = evidence.references.map(({ secret, key, variable }) =>
        key === undefined ? `/etc/secrets/${secret}/` : `${variable} from /etc/secrets/${secret}/${key}`,
      )
      return {
        byHand: `let the application read ${files.join(', ')} instead (many take a variable that ends in _FILE), mount ${secrets.join(', ')} as below, and take the variables out once it does:\n${stringify(patch, { lineWidth: 0 }).trimEnd()}`,
      }
    },
  })

const volumeName = (secret: string): string => `secret-${secret.replaceAll('.', '-')}`.slice(0, 63).replace(/-+$/, '')
