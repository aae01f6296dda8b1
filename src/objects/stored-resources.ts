/** What the API server itself keeps in etcd, by the names that an EncryptionConfiguration has for it. */
import type { View } from '../model/index.ts'

/**
 * `secrets`, `deployments.apps`: what `*.*` stands for. Groups that servers of their own answer for are stored by those, each in its own
 * way. Undefined where that is not known. Events are named in the core group only (apiserver, `EncryptionConfiguration` validation).
 */
export function storedNames(view: View<'ServedResources' | 'APIService'>): readonly string[] | undefined {
  const groups = view.fact('ServedResources')?.groups
  if (groups === undefined || view.unread('APIService') !== undefined || groups.some(({ kept }) => kept === undefined)) return undefined
  const elsewhere = new Set(view.all('APIService').flatMap(({ spec }) => (spec?.['service'] == null ? [] : [String(spec['group'] ?? '')])))
  return groups
    .filter(({ group }) => !elsewhere.has(group))
    .flatMap(({ group, kept = [] }) => kept.map((plural) => (group === '' ? plural : `${plural}.${group}`)))
    .filter((name) => name !== 'events.events.k8s.io')
    .sort()
}
