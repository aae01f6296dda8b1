import { control } from '../../model/define.ts'
import type { ConfigFile, Observation, Path, Remark, Severity } from '../../model/index.ts'
import {
  type EncryptionProvider,
  encryptionRules,
  type ProviderKind,
  ruleForSecrets,
  signsOfConfiguration,
  writersOfSecrets,
} from '../../objects/encryption.ts'
import { CONTROL_PLANE, componentFlags, FLAG_LADDER } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'

interface Evidence {
  readonly grade: 'E1' | 'E3'
  readonly provider: ProviderKind
  readonly keyName?: string
  readonly keyBytes?: number
}
const WEAK: Partial<Record<ProviderKind, { readonly severity: Severity; readonly reason: string; readonly detail: string }>> = {
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

export default control({
  title: 'Encryption at rest must use a strong provider and a random key',
  severity: 'medium',
  why: 'The first provider of the configuration writes; a weak mode, a guessable key, or identity in that place protects little or nothing.',
  references: [
    { standard: 'CIS', section: '1.2.28' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0142' },
    { standard: 'KS', section: 'C-0208' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'ApiServerHealth', 'EncryptionConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const files = view.all('EncryptionConfiguration')
    for (const file of files) yield* judge(file)
    if (files.length > 0) return

    const { instances, unknown } = componentFlags(view, 'kube-apiserver')
    const samples = view.fact('ApiServerMetrics')?.samples
    const writers = [...writersOfSecrets(samples ?? [])]
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    if (writers.length === 1) {
      const weak = WEAK[writers[0]!]
      if (weak === undefined) yield { note: `evidence E3: the API server that answered writes Secrets with ${writers[0]}` }
      else
        yield {
          subject: instances[0]?.subject ?? CONTROL_PLANE,
          key: 'writes',
          origin: 'workload',
          ...weak,
          evidence: { grade: 'E3', provider: writers[0]! },
        }
    } else if (writers.length > 1)
      yield {
        unknown: `${writers.join(' and ')} have written Secrets since the API server was started, and nothing says which does now`,
        answer: ASK_FILE,
      }
    else if (instances.length > 0 && instances.every((instance) => !instance.flags.get('encryption-provider-config')))
      yield { notApplicable: 'nothing is encrypted: see sec-etcd-encryption' }
    else if (instances.length > 0 || signs.length > 0)
      yield { unknown: 'encryption is configured, but not with what', answer: `${ASK_FILE}; or allow get on /metrics` }
    else if (unknown !== undefined) yield unknown
  },
  remedy: {
    byHand:
      'add a new secretbox key (32 random bytes, base64) or a kms v2 provider after the present first one, let every API server load it, move it to the first place, let every API server load that, rewrite all Secrets, and only then remove what was first; keep a copy of each key until the backups made with it are gone',
  },
  verify:
    'The counter apiserver_storage_transformation_operations_total of new writes carries the prefix k8s:enc:secretbox:v1: or k8s:enc:kms:v2:.',
})

const ASK_FILE =
  'scan the EncryptionConfiguration file of a control-plane node with --manifests (only the first provider and the length of its keys are looked at)'

function* judge(file: ConfigFile): Iterable<Observation<Evidence> | Remark> {
  const rule = ruleForSecrets(encryptionRules(file))
  const first = rule?.providers[0]
  const at = (path: Path) => ({ subject: refOf(file), at: path, origin: 'workload' as const })
  if (rule === undefined || first === undefined) {
    yield {
      ...at(rule?.at ?? ['resources']),
      reason: 'does not cover Secrets',
      severity: 'critical',
      evidence: { grade: 'E1', provider: 'none' },
    }
    return
  }
  const weak = WEAK[first.kind]
  if (weak !== undefined) yield { ...at(first.at), ...weak, evidence: { grade: 'E1', provider: first.kind } }
  for (const provider of rule.providers) yield* judgeKeys(provider)
  if (rule.providers.length > 1 && rule.providers.some((provider) => provider.kind === 'identity') && first.kind !== 'identity')
    yield {
      note: 'identity is still among the providers: take it out once everything is rewritten and a backup cycle has passed, so that plain text in etcd is refused',
    }

  function* judgeKeys(provider: EncryptionProvider): Iterable<Observation<Evidence>> {
    for (const [index, key] of provider.keys.entries()) {
      if (key.placeholder) continue
      const on = at([...provider.at, 'keys', index, 'secret'])
      const evidence: Evidence = {
        grade: 'E1',
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
      if (key.guessable)
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
