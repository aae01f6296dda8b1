import { encryptSecrets } from '../../../remediations/encryption-config.ts'
import { control } from '../../model/define.ts'
import type { ConfigFile, Observation, PodObject, Readable, Remark, View } from '../../model/index.ts'
import { distribution, providerAnswer } from '../../objects/distribution.ts'
import { encryptionRules, ruleForSecrets, signsOfConfiguration, writersOfSecrets } from '../../objects/encryption.ts'
import { configurationIn } from '../../objects/encryption-file.ts'
import { hasLoadedEncrypting } from '../../objects/encryption-hosts.ts'
import { forgottenByKubeadm } from '../../objects/encryption-kubeadm.ts'
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
import { refOf, sameObject } from '../../objects/ref.ts'

const FLAG = 'encryption-provider-config'
interface Evidence {
  readonly grade: 'E1' | 'E3'
  readonly configured: boolean
  readonly seen: string
}

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
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'ApiServerHealth', 'EncryptionConfiguration', 'Hosts'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown, notes } = componentFlags(view, 'kube-apiserver')
    const samples = view.fact('ApiServerMetrics')?.samples
    const writers = writersOfSecrets(samples ?? [])
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    for (const instance of instances) yield* judge(instance, ownFile(instance, view) ?? view.all('EncryptionConfiguration'))
    for (const note of notes) yield { note }
    yield* forgottenByKubeadm(instances, view)

    const encrypted = [...writers].filter((provider) => provider !== 'identity')
    const on = { subject: instances[0]?.subject ?? CONTROL_PLANE, key: 'writes', origin: 'workload' as const }
    const configured = instances.some((instance) => instance.flags.get(FLAG)) || instances.length === 0
    if (configured && writers.has('identity') && encrypted.length === 0) {
      yield {
        ...on,
        reason: 'writes Secrets to etcd unencrypted',
        detail: 'the API server that answered counts writes with identity first',
        evidence: { grade: 'E3', configured: true, seen: 'transformer_prefix="" on to_storage of secrets' },
      }
    } else if (configured && writers.has('identity') && hasLoadedEncrypting(view)) {
      yield {
        note: `evidence E1: the API server that answered has by now loaded the file that has ${encrypted.join(', ')} write; what it wrote unencrypted before is sec-etcd-encryption-coverage's`,
      }
    } else if (configured && writers.has('identity')) {
      yield {
        ...on,
        reason: 'wrote Secrets both encrypted and unencrypted since it was started',
        verdict: 'review',
        evidence: { grade: 'E3', configured: true, seen: `to_storage of secrets by ${[...writers].join(', ')}` },
      }
    } else if (encrypted.length > 0) yield { note: `evidence E3: the API server that answered writes Secrets with ${encrypted.join(', ')}` }

    if (instances.length > 0 || writers.size > 0) return
    if (signs.length > 0) yield { note: `evidence E3: ${signs.join(', ')}; what the configuration says is not seen` }
    else yield* nothingSeen()

    function* nothingSeen(): Iterable<Remark> {
      const { name, certain } = distribution(view)
      // https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html
      if (name === 'eks' && certain && (serverMinor(view) ?? 0) >= 28)
        yield {
          attested: `EKS encrypts all API data from 1.28 on with a key that AWS owns; a key of your own: ${providerAnswer(name)} --query cluster.encryptionConfig`,
        }
      else if (unknown !== undefined)
        yield { ...unknown, answer: `${unknown.answer}; or allow get on /metrics, where the encryption counters stand` }
    }
  },
  remedy: encryptSecrets<Evidence>(),
  verify: 'On an etcd node, etcdctl get /registry/secrets/NAMESPACE/NAME begins with k8s:enc: for every Secret.',
})

/** On its own node, where that is reached: while a change is under way the files of two nodes differ, and have one name. */
function ownFile({ subject, flags }: ComponentInstance, view: View<Readable>): readonly ConfigFile[] | undefined {
  const pod = view.all('Pod').find((one) => sameObject(refOf(one), subject)) as PodObject | undefined
  const path = flags.get(FLAG)
  const host = view.fact('Hosts')?.hosts.find(({ node }) => node === pod?.spec.nodeName)
  const text = host?.files.find((one) => one.path === path)?.text
  const configuration = text === undefined ? '' : configurationIn(text)
  const name = path?.split('/').at(-1) ?? ''
  return typeof configuration === 'string' ? undefined : [{ ...configuration, metadata: { name } } as unknown as ConfigFile]
}

function* judge(instance: ComponentInstance, files: readonly ConfigFile[]): Iterable<Observation<Evidence> | Remark> {
  const { value } = effectiveFlag(instance, FLAG, undefined)
  const on = flagFinding(instance, FLAG)
  if (value === undefined) {
    yield {
      ...on,
      reason: 'stores Secrets in etcd unencrypted',
      detail: `--${FLAG} is not set`,
      evidence: { grade: 'E1', configured: false, seen: `${instance.source}: --${FLAG} unset` },
    }
    return
  }
  const named = filesNamed(files, instance, value)
  if (named.length === 0) {
    yield { note: `evidence E1: --${FLAG}=${value}; what the file says is not seen` }
    return
  }
  for (const file of named) {
    const first = ruleForSecrets(encryptionRules(file))?.providers[0]?.kind
    if (first !== undefined && first !== 'identity' && first !== 'none') continue
    yield {
      ...on,
      reason: 'stores Secrets in etcd unencrypted',
      detail: first === undefined ? `${file.metadata.name} does not cover secrets` : `${file.metadata.name} has ${first} first`,
      evidence: { grade: 'E1', configured: true, seen: `${file.metadata.name}: ${first ?? 'secrets not covered'}` },
    }
    return
  }
}
