import { type PullSecretEvidence, scopePullSecrets } from '../../../remediations/pull-secret.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, SecretObject, View } from '../../model/index.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, workloads } from '../../objects/workloads.ts'

const DAY = 86_400_000
const MAX_AGE_DAYS = 180
/** One set of credentials under one name in this many namespaces was copied there. */
const COPIES = 3
const TYPES = new Set(['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg'])

export default control({
  title: 'Registry credentials must be scoped, rotated and present',
  severity: 'medium',
  why: 'A pull secret is a password that lies in every namespace it was copied to and works from anywhere. One that is old has been seen by many; one that is missing stops the next pod from starting.',
  references: [
    { standard: 'CIS-EKS', section: '5.1.2' },
    { standard: 'CIS-EKS', section: '5.1.3' },
    { standard: 'OWASP', section: '2022/K08' },
    { standard: 'KS', section: 'C-0222' },
    { standard: 'KS', section: 'C-0223' },
    { standard: 'KS', section: 'C-0250' },
    { standard: 'KS', section: 'C-0251' },
  ],
  reads: ['Secret', 'ServiceAccount'],
  consults: WORKLOAD_KINDS,
  *evaluate(view): Iterable<Observation<PullSecretEvidence> | Remark> {
    for (const remark of unreadWorkloads(view)) if ('unknown' in remark) yield remark
    yield* missing(view)
    const pullSecrets = view.all('Secret').filter((secret) => TYPES.has(secret.type ?? ''))
    yield* old(pullSecrets, view.now)
    yield* copied(pullSecrets)
    for (const account of view.all('ServiceAccount')) {
      const names = namesOf(account.imagePullSecrets)
      if (account.metadata.name !== 'default' || names.length === 0) continue
      yield {
        subject: refOf(account),
        at: ['imagePullSecrets'],
        reason: 'gives its registry credentials to every pod of the namespace',
        detail: names.join(', '),
        severity: 'low',
        evidence: { secrets: names },
      }
    }
  },
  remedy: scopePullSecrets,
  verify: 'Start a pod on a node that has not pulled the image before.',
})

/** What is named but not there. Files may leave Secrets out on purpose: there a human must judge. */
function* missing(view: View<'Secret' | 'ServiceAccount' | (typeof WORKLOAD_KINDS)[number]>): Iterable<Observation<PullSecretEvidence>> {
  const inFiles = view.source.kind !== 'live'
  const lacks = (namespace: string, name: string) => view.find('Secret', namespace, name) === undefined
  const common = { reason: 'names a pull secret that does not exist', ...(inFiles && { verdict: 'review' as const }) }
  for (const workload of workloads(view)) {
    for (const name of namesOf(workload.spec.imagePullSecrets).filter((one) => lacks(workload.namespace, one))) {
      yield {
        ...common,
        subject: workload.ref,
        ...(workload.at && { at: [...workload.at, 'imagePullSecrets'] }),
        key: name,
        detail: name,
        evidence: { secret: name },
      }
    }
  }
  for (const account of view.all('ServiceAccount')) {
    for (const name of namesOf(account.imagePullSecrets).filter((one) => lacks(account.metadata.namespace ?? 'default', one))) {
      yield { ...common, subject: refOf(account), at: ['imagePullSecrets'], key: name, detail: name, evidence: { secret: name } }
    }
  }
}

function* old(secrets: readonly SecretObject[], now: number): Iterable<Observation<PullSecretEvidence>> {
  for (const secret of secrets) {
    const days = Math.floor((now - Date.parse(secret.metadata.creationTimestamp ?? '')) / DAY)
    if (days > MAX_AGE_DAYS)
      yield {
        subject: refOf(secret),
        key: 'age',
        reason: `holds registry credentials older than ${MAX_AGE_DAYS} days`,
        detail: `${days} days`,
        severity: 'low',
        evidence: { days },
      }
  }
}

/** Content is never read: a name that repeats is a hint, not a proof. */
function* copied(secrets: readonly SecretObject[]): Iterable<Observation<PullSecretEvidence>> {
  for (const [name, copies] of Map.groupBy(secrets, (secret) => secret.metadata.name)) {
    if (copies.length < COPIES) continue
    const first = copies.toSorted((a, b) => (a.metadata.namespace ?? '').localeCompare(b.metadata.namespace ?? ''))[0]!
    yield {
      subject: refOf(first),
      key: 'copies',
      verdict: 'review',
      reason: 'seems to be copied to several namespaces',
      detail: `${name} in ${copies.length} namespaces`,
      evidence: { namespaces: copies.map((copy) => copy.metadata.namespace ?? '').sort() },
    }
  }
}

const namesOf = (references: readonly { readonly name?: string }[] | null | undefined): string[] =>
  (references ?? []).map((one) => one?.name).filter((name): name is string => typeof name === 'string' && name !== '')
