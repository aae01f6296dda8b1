/** What is weak about an EncryptionConfiguration: who writes, its keys, plain text that is still read, who may read the file. */
import type { ConfigFile, HostSeen, Observation, Path, Remark, Severity } from '../model/index.ts'
import { type EncryptionProvider, encryptionRules, type ProviderKind, ruleForSecrets } from './encryption.ts'
import { isEncryptionFile } from './encryption-file.ts'
import { refOf } from './ref.ts'

/** `writer`: who writes is weak. `key`: a key is. `identity`: plain text is still read. `mode`: others may read the file. */
export type ProviderFault = 'writer' | 'key' | 'identity' | 'mode'
export interface ProviderEvidence {
  readonly grade: 'E1' | 'E3'
  readonly about: ProviderFault
  readonly provider: ProviderKind
  readonly keyName?: string
  readonly keyBytes?: number
  /** Of `mode`: whose it is. */
  readonly node?: string
  readonly path?: string
}
export const WEAK: Partial<Record<ProviderKind, { readonly severity: Severity; readonly reason: string; readonly detail: string }>> = {
  identity: { severity: 'critical', reason: 'writes Secrets unencrypted', detail: 'identity is the first provider' },
  none: {
    severity: 'critical',
    reason: 'has no provider that Kubernetes knows first',
    detail: 'the first provider is none of kms, secretbox, aescbc, aesgcm',
  },
  'kms-v1': {
    severity: 'high',
    reason: 'encrypts with version 1 of the KMS plugin interface',
    detail: 'deprecated since 1.28 and off by default since 1.29: use kms with apiVersion v2',
  },
  aescbc: {
    severity: 'medium',
    reason: 'encrypts in a mode that padding oracles may open',
    detail: 'aescbc is the first provider: use secretbox or kms v2',
  },
  aesgcm: {
    severity: 'medium',
    reason: 'encrypts in a mode that is unsafe without frequent key rotation',
    detail: 'aesgcm must have a new key at least every 200,000 writes: use secretbox or kms v2',
  },
}

const LOCAL: ReadonlySet<ProviderKind> = new Set(['secretbox', 'aescbc', 'aesgcm'])

/** Who can read the file has the keys. */
export function* weakModes({ node, files }: HostSeen): Iterable<Observation<ProviderEvidence>> {
  for (const { path, text, mode, uid, owner } of files) {
    if (!isEncryptionFile(text) || ((mode & 0o077) === 0 && uid === 0)) continue
    const octal = mode.toString(8).padStart(4, '0')
    yield {
      subject: { apiVersion: 'v1', kind: 'Node', name: node },
      key: `mode ${path}`,
      origin: 'workload',
      reason: 'has encryption keys in a file that others than root may read',
      detail: `${path} has mode ${octal} and belongs to ${owner ?? `uid ${uid}`}: it must be 0600 and root's`,
      evidence: { grade: 'E1', about: 'mode', provider: 'none', node, path },
    }
  }
}

/** `plain`: whether plain text was read from etcd since the API server was started; undefined where that is not known. */
export function* weaknesses(file: ConfigFile, plain: boolean | undefined): Iterable<Observation<ProviderEvidence> | Remark> {
  const rule = ruleForSecrets(encryptionRules(file))
  const first = rule?.providers[0]
  const at = (path: Path) => ({ subject: refOf(file), at: path, origin: 'workload' as const })
  if (rule === undefined || first === undefined) {
    yield {
      ...at(rule?.at ?? ['resources']),
      reason: 'does not cover Secrets',
      severity: 'critical',
      evidence: { grade: 'E1', about: 'writer', provider: 'none' },
    }
    return
  }
  const weak = WEAK[first.kind]
  if (weak !== undefined) yield { ...at(first.at), ...weak, evidence: { grade: 'E1', about: 'writer', provider: first.kind } }
  for (const provider of rule.providers) yield* judgeKeys(provider)
  const identity = rule.providers.find((provider) => provider.kind === 'identity')
  if (identity !== undefined && first.kind !== 'identity' && plain === false)
    yield {
      ...at(identity.at),
      key: 'identity',
      severity: 'low',
      reason: 'still takes plain text from etcd',
      detail: 'nothing is read in plain text any more, but what somebody puts into etcd in plain text would be',
      evidence: { grade: 'E1', about: 'identity', provider: first.kind },
    }
  else if (identity !== undefined && first.kind !== 'identity')
    yield {
      note: 'identity is still among the providers: take it out once everything is rewritten and a backup cycle has passed, so that plain text in etcd is refused',
    }

  function* judgeKeys(provider: EncryptionProvider): Iterable<Observation<ProviderEvidence>> {
    if (LOCAL.has(provider.kind) && provider.keys.length === 0)
      yield {
        ...at(provider.at),
        key: 'none',
        severity: 'high',
        reason: 'has a provider without a key',
        detail: `${provider.kind} has none: API servers do not start with it`,
        evidence: { grade: 'E1', about: 'key', provider: provider.kind },
      }
    for (const [index, key] of provider.keys.entries()) {
      if (key.placeholder) continue
      const on = at([...provider.at, 'keys', index, 'secret'])
      const evidence: ProviderEvidence = {
        grade: 'E1',
        about: 'key',
        provider: provider.kind,
        keyName: key.name,
        ...(key.bytes !== undefined && { keyBytes: key.bytes }),
      }
      if (key.bytes !== 32)
        yield {
          ...on,
          key: 'length',
          reason: 'has a key that is not 32 bytes long',
          detail: key.bytes === undefined ? `key ${key.name} is no base64` : `key ${key.name} has ${key.bytes} bytes`,
          evidence,
        }
      if (key.look === 'printable')
        yield {
          ...on,
          key: 'printable',
          verdict: 'review',
          severity: 'low',
          reason: 'has a key that is made of letters and digits',
          detail: `key ${key.name}: 32 random bytes hold more, and whether a generator made it is not seen`,
          evidence,
        }
      if (key.look === 'guessable')
        yield {
          ...on,
          key: 'guessable',
          severity: 'critical',
          reason: 'has a key that is no random number',
          detail: `key ${key.name} decodes to text: a phrase or a sample from the documentation`,
          evidence,
        }
    }
  }
}
