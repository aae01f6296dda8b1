import { encryptSecrets } from '../../../remediations/encryption-config.ts'
import { control } from '../../model/define.ts'
import type { ConfigFile, Observation, Remark } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { encryptionRules, ruleForSecrets, signsOfConfiguration, writersOfSecrets } from '../../objects/encryption.ts'
import { meantPrefix } from '../../objects/encryption-coverage.ts'
import { hasLoadedEncrypting, ownFile } from '../../objects/encryption-hosts.ts'
import { lookNow, NOT_OF_NOW, writerSeen, writtenByOne } from '../../objects/encryption-writer.ts'
import { filesNamed } from '../../objects/flag-files.ts'
import {
  CONTROL_PLANE,
  type ComponentInstance,
  componentFlags,
  effectiveFlag,
  FLAG_LADDER,
  flagFinding,
  serverMinor,
} from '../../objects/flags.ts'
import { encryptionAnswer } from '../../objects/provider-names.ts'

const FLAG = 'encryption-provider-config'
interface Evidence {
  readonly grade: 'E1' | 'E3'
  readonly configured: boolean
  readonly seen: string
  /** What is stored in plain text from before, and what is written now: `k8s:enc:secretbox:v1:key1:`. */
  readonly resource?: string
  readonly writes?: string
}
/** How an API server writes Secrets; `unseen`: only that its flag is set. */
type Judged = 'encrypts' | 'plain' | 'mixed' | 'unseen'

export default control({
  title: 'Secrets must be encrypted at rest',
  severity: 'high',
  why: 'Without it everybody who gets at a disk, a snapshot or a backup of etcd reads every Secret in plain text.',
  references: [
    { standard: 'CIS', section: '1.2.27' },
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'OWASP', section: '2025/K03' },
    { standard: 'KS', section: 'C-0066' },
    { standard: 'KS', section: 'C-0141' },
    { standard: 'KS', section: 'C-0244' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'ApiServerHealth', 'EncryptionConfiguration', 'StoredForm', 'Hosts'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const samples = view.fact('ApiServerMetrics')?.samples
    const writers = writersOfSecrets(samples ?? [])
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    const seen = new Set<Judged>()
    for (const instance of instances) seen.add(yield* judge(instance, ownFile(instance, view) ?? view.all('EncryptionConfiguration')))
    yield* remarks

    const encrypted = [...writers].filter((provider) => provider !== 'identity')
    const on = { subject: instances[0]?.subject ?? CONTROL_PLANE, origin: 'workload' as const }
    const configured = instances.some((instance) => instance.flags.get(FLAG)) || instances.length === 0
    const form = view.fact('StoredForm')?.resources.find(({ resource }) => resource === 'secrets')
    const isLoaded = hasLoadedEncrypting(view)
    const now = writerSeen(samples ?? [], form, 'secrets')
    if (isLoaded && writers.has('identity'))
      yield { note: 'evidence E1: the API server that answered has by now loaded the file that has a key write' }
    else if (configured && writers.has('identity') && encrypted.length === 0) {
      seen.add('plain')
      yield {
        ...on,
        key: 'writes',
        reason: 'writes Secrets to etcd unencrypted',
        detail: 'the API server that answered counts writes with identity first',
        evidence: { grade: 'E3', configured: true, seen: 'transformer_prefix="" on to_storage of secrets' },
      }
    } else if (configured && writers.has('identity') && !(now.isOfNow && now.prefix !== '')) {
      seen.add('mixed')
      yield {
        ...on,
        key: 'writes',
        reason: 'wrote Secrets both encrypted and unencrypted since it was started',
        verdict: 'review',
        evidence: { grade: 'E3', configured: true, seen: `to_storage of secrets by ${[...writers].join(', ')}` },
      }
    } else if (encrypted.length > 0) yield { note: `evidence E3: the API server that answered writes Secrets with ${encrypted.join(', ')}` }

    // Whoever else reads meanwhile is counted too.
    const plain = Math.min(form?.read[''] ?? form?.newest[''] ?? 0, form?.looked ?? 0)
    const writes = meantPrefix(view.all('EncryptionConfiguration'), 'secrets') ?? now.prefix
    if (plain > 0 && !seen.has('plain'))
      yield {
        ...on,
        key: 'stored',
        reason: 'holds Secrets in etcd unencrypted',
        detail: `of ${form!.looked} that were read of ${form!.objects}, ${plain} are stored in plain text, as they were written before`,
        evidence: {
          grade: 'E3',
          configured: true,
          seen: 'transformer_prefix="identity" on from_storage of secrets',
          resource: 'secrets',
          ...(writes && { writes }),
        },
      }
    if (plain > 0 || seen.has('plain') || seen.has('mixed')) return
    const isUnseen = instances.length === 0 || seen.has('unseen')
    if (instances.length === 0 && writers.size === 0 && signs.length === 0) yield* nothingSeen()
    else if (isUnseen && !isLoaded && !(now.isOfNow && now.prefix !== ''))
      yield {
        unknown: `an EncryptionConfiguration is in use (${signs[0] ?? `--${FLAG}`}), and ${now.prefix === undefined ? 'nothing says whether it has Secrets encrypted' : NOT_OF_NOW}`,
        answer: `${lookNow(view)}${samples === undefined ? '; or allow get on /metrics' : ''}`,
      }
    else if (isUnseen) yield writtenByOne(view, form, 'evidence E3: an API server encrypts what it writes')

    function* nothingSeen(): Iterable<Remark> {
      const { name, managed, certain } = distribution(view)
      // https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html
      if (name === 'eks' && certain && (serverMinor(view) ?? 0) >= 28)
        yield { attested: `EKS encrypts all API data from 1.28 on with a key that AWS owns; ${encryptionAnswer(view)}` }
      else if (unknown !== undefined)
        yield {
          ...unknown,
          answer: `${managed ? encryptionAnswer(view) : unknown.answer}; or allow get on /metrics, where the encryption counters stand`,
        }
    }
  },
  remedy: encryptSecrets<Evidence>(),
  verify: 'On an etcd node, etcdctl get /registry/secrets/NAMESPACE/NAME begins with k8s:enc: for every Secret.',
})

function* judge(instance: ComponentInstance, files: readonly ConfigFile[]): Generator<Observation<Evidence> | Remark, Judged> {
  const { value } = effectiveFlag(instance, FLAG, undefined)
  const on = flagFinding(instance, FLAG)
  const reason = 'stores Secrets in etcd unencrypted'
  if (value === undefined) {
    yield {
      ...on,
      reason,
      detail: `--${FLAG} is not set`,
      evidence: { grade: 'E1', configured: false, seen: `${instance.source}: --${FLAG} unset` },
    }
    return 'plain'
  }
  const named = filesNamed(files, instance, value)
  if (named.length === 0) {
    yield { note: `evidence E1: --${FLAG}=${value}; what the file says is not seen` }
    return 'unseen'
  }
  for (const file of named) {
    const first = ruleForSecrets(encryptionRules(file))?.providers[0]?.kind
    if (first !== undefined && first !== 'identity' && first !== 'none') continue
    yield {
      ...on,
      reason,
      detail: first === undefined ? `${file.metadata.name} does not cover secrets` : `${file.metadata.name} has ${first} first`,
      evidence: { grade: 'E1', configured: true, seen: `${file.metadata.name}: ${first ?? 'secrets not covered'}` },
    }
    return 'plain'
  }
  return 'encrypts'
}
