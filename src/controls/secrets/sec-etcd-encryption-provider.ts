import { strengthenEncryption } from '../../../remediations/encryption-provider.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { plainReadsOfSecrets, signsOfConfiguration, writersOfSecrets } from '../../objects/encryption.ts'
import { type ProviderEvidence, WEAK, weakModes, weaknesses } from '../../objects/encryption-weakness.ts'
import { lookNow, NOT_OF_NOW, writerSeen, writtenByOne } from '../../objects/encryption-writer.ts'
import { filesNotSeen } from '../../objects/flag-files.ts'
import { CONTROL_PLANE, componentFlags, FLAG_LADDER } from '../../objects/flags.ts'
import { encryptionAnswer } from '../../objects/provider-names.ts'

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
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'ApiServerHealth', 'EncryptionConfiguration', 'StoredForm', 'Hosts'],
  *evaluate(view): Iterable<Observation<ProviderEvidence> | Remark> {
    const files = view.all('EncryptionConfiguration')
    const samples = view.fact('ApiServerMetrics')?.samples
    const plain = plainReadsOfSecrets(samples ?? [])
    for (const file of files) yield* weaknesses(file, plain)
    for (const host of view.fact('Hosts')?.hosts ?? []) yield* weakModes(host)
    const { instances, unknown } = componentFlags(view, 'kube-apiserver')
    if (files.length > 0) return yield* filesNotSeen(view.unread('EncryptionConfiguration'), files, instances, 'encryption-provider-config')

    const form = view.fact('StoredForm')?.resources.find(({ resource }) => resource === 'secrets')
    const writers = [...writersOfSecrets(samples ?? [])]
    const askFile = distribution(view).managed ? encryptionAnswer(view) : ASK_FILE
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    if (writers.length === 1) {
      const weak = WEAK[writers[0]!]
      const now = writerSeen(samples ?? [], form, 'secrets')
      if (weak === undefined && (!now.isOfNow || now.prefix === ''))
        yield { unknown: `the API server that answered has written Secrets with ${writers[0]}; ${NOT_OF_NOW}`, answer: lookNow(view) }
      else if (weak === undefined && writers[0] !== 'kms-v2')
        yield {
          unknown: `the API server that answered writes Secrets with ${writers[0]}; whether its key is a random one, and who may read its file, is not seen`,
          answer: askFile,
        }
      else if (weak === undefined)
        yield writtenByOne(view, form, `evidence E3: the API server that answered writes Secrets with ${writers[0]}`)
      else
        yield {
          subject: instances[0]?.subject ?? CONTROL_PLANE,
          key: 'writes',
          origin: 'workload',
          ...weak,
          evidence: { grade: 'E3', about: 'writer', provider: writers[0]! },
        }
    } else if (writers.length > 1)
      yield {
        unknown: `${writers.join(' and ')} have written Secrets since the API server was started, and nothing says which does now`,
        answer: askFile,
      }
    else if (instances.length > 0 && instances.every((instance) => !instance.flags.get('encryption-provider-config')))
      yield { notApplicable: 'nothing is encrypted: see sec-etcd-encryption' }
    else if (instances.length > 0 || signs.length > 0)
      yield { unknown: 'encryption is configured, but not with what', answer: `${askFile}; or allow get on /metrics` }
    else if (unknown !== undefined) yield unknown
  },
  remedy: strengthenEncryption<ProviderEvidence>(),
  verify:
    'The counter apiserver_storage_transformation_operations_total of new writes carries the prefix k8s:enc:secretbox:v1: or k8s:enc:kms:v2:.',
})

const ASK_FILE =
  'scan the EncryptionConfiguration file of a control-plane node with --host or --manifests (of its keys only whether they are of the right length and random is looked at)'
