import { rewriteStored } from '../../../remediations/stored-rewrite.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, StoredForm } from '../../model/index.ts'
import { encryptionRules, signsOfConfiguration, writersOfSecrets } from '../../objects/encryption.ts'
import { decidedWrongly, differingConfigurations, meantPrefix } from '../../objects/encryption-coverage.ts'
import { lookNow, NOT_OF_NOW, writerSeen } from '../../objects/encryption-writer.ts'
import { CONTROL_PLANE, componentFlags, FLAG_LADDER } from '../../objects/flags.ts'
import { refOf } from '../../objects/ref.ts'
import { olderKeys, prefixOfSeries, prefixWords, seriesOf } from '../../objects/stored-form.ts'

interface Evidence {
  readonly grade: 'E1' | 'E3'
  readonly resource: string
  readonly seen: string
  readonly writes?: string
  readonly byHand?: string
  readonly newKey?: true
}

const ALL_ALIKE =
  'give every API server the very same EncryptionConfiguration, one that names every key that is in use, and wait until each has loaded it (apiserver_encryption_config_controller_last_config_info shows the same hash): until then one may write what another cannot read'
const UNREADABLE =
  'find the key that they were encrypted with, in an older EncryptionConfiguration or a backup of it, and add it after the first provider on every API server; without it these objects can only be deleted from etcd and made again'

export default control({
  title: 'All that is stored of Secrets must be encrypted, by one configuration',
  severity: 'medium',
  why: 'Turning encryption on changes nothing that is stored already: whatever was not written since lies in etcd and its backups as before.',
  references: [{ standard: 'CIS', section: '1.2.28' }],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics', 'ApiServerHealth', 'EncryptionConfiguration', 'ServedResources', 'StoredForm', 'Hosts'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    const { instances, unknown } = componentFlags(view, 'kube-apiserver')
    const subject = instances[0]?.subject ?? CONTROL_PLANE
    const files = view.all('EncryptionConfiguration')
    const samples = view.fact('ApiServerMetrics')?.samples
    const signs = signsOfConfiguration(samples, view.fact('ApiServerHealth')?.checks)
    const encrypts = [...writersOfSecrets(samples ?? [])].some((kind) => kind !== 'identity')
    if (signs.length === 0 && !encrypts && files.length === 0) {
      if (instances.length === 0) {
        if (unknown !== undefined) yield unknown
        return
      }
      if (instances.every(({ flags }) => !flags.get('encryption-provider-config')))
        return yield { notApplicable: 'nothing is encrypted: see sec-etcd-encryption' }
    }

    for (const file of files) {
      const rules = encryptionRules(file)
      for (const { resource, at, detail } of decidedWrongly(rules, view.fact('ServedResources')?.groups ?? []))
        yield {
          subject: refOf(file),
          at,
          key: resource,
          origin: 'workload',
          reason: `leaves ${resource} unencrypted`,
          detail,
          evidence: {
            grade: 'E1',
            resource,
            seen: `${file.metadata.name}: ${detail}`,
            byHand: `in the EncryptionConfiguration, let the first entry that covers ${resource} begin with the provider that encrypts Secrets, identity after it; give all API servers the same file, wait until they have loaded it, and store ${resource} anew (a StorageVersionMigration, or apply this control again)`,
          },
        }
    }
    for (const seen of differingConfigurations(samples ?? [], view.fact('Hosts')?.hosts ?? []))
      yield {
        subject,
        key: 'configurations',
        origin: 'workload',
        severity: 'high',
        reason: 'does not encrypt as another API server does',
        detail: seen,
        evidence: { grade: 'E1', resource: 'secrets', seen, byHand: ALL_ALIKE },
      }

    const stored = view.fact('StoredForm')
    for (const form of stored?.resources ?? []) yield* judge(form)
    if (stored === undefined || !stored.resources.some(({ resource }) => resource === 'secrets')) {
      const unread = view.unread('StoredForm')
      yield {
        unknown: `whether all that is stored is encrypted is not seen${unread === undefined ? '' : `: ${unread.because}`}`,
        answer: `${unread?.answer ?? 'scan the live cluster'}; or count in etcd what does not begin with k8s:enc: below /registry/secrets/`,
      }
    }

    function* judge(form: StoredForm): Iterable<Observation<Evidence> | Remark> {
      const { resource, objects, looked, read, newest, failed, doubt } = form
      // What the file says is what is meant; without it, what was written last tells, unless another configuration came after it.
      const meant = meantPrefix(files, resource)
      const now = writerSeen(samples ?? [], form, resource)
      const writes = meant ?? (now.isOfNow ? now.prefix : prefixOfSeries(newest))
      const on = { subject, origin: 'workload' as const }
      const evidence = { grade: 'E3' as const, resource }
      if (failed > 0)
        yield {
          ...on,
          key: `${resource} unreadable`,
          severity: 'high',
          reason: `cannot decrypt some of the ${resource} it stores`,
          detail: `${failed} of ${looked} that were read`,
          evidence: { ...evidence, seen: `${failed} reads from etcd without success`, byHand: UNREADABLE },
        }
      const wanted = writes === undefined || writes === '' ? [] : seriesOf(writes)
      const others = Object.entries({ ...newest, ...read }).filter(([series]) => !wanted.includes(series))
      const plain = (read[''] ?? 0) + (newest[''] ?? 0)
      if (wanted.length > 0 && others.length > 0)
        yield {
          ...on,
          key: `${resource} stale`,
          reason:
            plain > 0 ? `holds ${resource} in plain text from before it encrypted them` : `holds ${resource} encrypted with an older key`,
          detail: `of ${looked} that were read of ${objects}, ${others.map(([series, count]) => `${Math.min(count, looked)} are stored as ${prefixWords(series)}`).join(', ')}; now it writes ${writes}`,
          evidence: { ...evidence, seen: `read from etcd: ${others.map(([series]) => prefixWords(series)).join(', ')}`, writes: writes! },
        }
      else if (form.keys?.now !== undefined && olderKeys(form).length > 0 && writes !== undefined)
        yield {
          ...on,
          key: `${resource} older key`,
          reason: `holds ${resource} encrypted with an older key of the KMS`,
          detail: `what was read of ${looked} is encrypted with ${Object.keys(form.keys.read).length} keys of it; now it gives ${form.keys.now}`,
          evidence: { ...evidence, seen: `read from etcd: ${Object.keys(form.keys.read).join(', ')}`, writes, newKey: true },
        }
      else if (doubt !== undefined)
        yield {
          unknown: `in what form ${resource} are stored is not seen: ${doubt}`,
          answer: 'scan again, with a kubeconfig that names one API server',
        }
      else if (meant === '' && resource !== 'secrets')
        yield { note: `evidence E1: the EncryptionConfiguration has ${resource} written in plain text` }
      else if (wanted.length === 0)
        yield {
          unknown: `what ${resource} are written with now is not seen: the last one written is ${writes === '' ? 'plain text' : 'of several forms'}`,
          answer: `scan again, or ${lookNow(view)}`,
        }
      else if (meant === undefined && !now.isOfNow)
        yield { unknown: `${looked} of ${objects} ${resource} were read, all stored as ${writes}; ${NOT_OF_NOW}`, answer: lookNow(view) }
      else
        yield {
          note: `evidence E3: ${looked} of ${objects} ${resource} were read from etcd, all stored as ${writes}`,
        }
    }
  },
  remedy: rewriteStored<Evidence>(),
  verify: 'On an etcd node, no value below /registry/secrets/ begins with anything but k8s:enc: and the name of the key that is in use.',
})
