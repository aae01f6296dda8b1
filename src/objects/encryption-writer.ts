/** With what a resource is written now, as the API server that answered shows it: its counters, and the value written last. */
import type { MetricSample, Remark, StoredForm, View } from '../model/index.ts'
import { type ApiServersView, shownByOne } from './api-servers.ts'
import { distribution } from './distribution.ts'
import { encryptionAnswer } from './provider-names.ts'
import { prefixOfSeries, transformations } from './stored-form.ts'

export interface WriterSeen {
  /** `k8s:enc:secretbox:v1:key1:`; '' is plain text; undefined where nothing tells, or where it is of several forms. */
  readonly prefix: string | undefined
  /** It was written with the configuration that is loaded now: no other one came after it. */
  readonly isOfNow: boolean
}

const FAMILY = 'apiserver_encryption_config_controller_automatic_reload'

/**
 * Counters run from the start of the process, over all configurations that it has loaded since. So they tell what is written now where there was
 * no other one; else the value written last does, if that was after the last one was loaded.
 */
export function writerSeen(samples: readonly MetricSample[], form: StoredForm | undefined, resource: string): WriterSeen {
  const counted = Object.fromEntries(transformations(samples, resource, 'to').byPrefix)
  const reloads = samples.filter(({ name, labels, value }) => name === `${FAMILY}s_total` && labels['status'] === 'success' && value > 0)
  if (reloads.length === 0 && Object.keys(counted).length > 0) {
    const prefix = prefixOfSeries(counted)
    return { prefix, isOfNow: prefix !== undefined }
  }
  const last = form === undefined || form.doubt !== undefined ? undefined : prefixOfSeries(form.newest)
  const loaded = loadedAt(samples)
  const written = form?.newestAt === undefined ? Number.NaN : Date.parse(form.newestAt) / 1000
  // To the second; what was written in the same second may be from before.
  return { prefix: last ?? prefixOfSeries(counted), isOfNow: last !== undefined && loaded !== undefined && written > loaded + 1 }
}

/** Seconds since 1970. */
function loadedAt(samples: readonly MetricSample[]): number | undefined {
  const times = samples
    .filter(
      ({ name, labels }) =>
        name === 'process_start_time_seconds' || (name === `${FAMILY}_last_timestamp_seconds` && labels['status'] === 'success'),
    )
    .map(({ value }) => value)
  return times.length === 0 ? undefined : Math.max(...times)
}

/** One API server answers for itself: of others, whose files nobody saw, only what is stored tells. */
export const writtenByOne = (view: ApiServersView, form: StoredForm | undefined, note: string): Remark =>
  form !== undefined && form.doubt === undefined ? { note } : shownByOne(view, note)
/** Why what was written last does not tell, and what would. */
export const NOT_OF_NOW = 'the configuration was loaded anew since, and nothing says that it is still the one that writes'
/** Nobody gets at the files of a control plane that a provider runs; k3s and RKE2 write theirs themselves, and `secrets-encrypt disable` leaves flag and annotation (k3s pkg/secretsencrypt/config.go). */
export function lookNow(view: View<'Pod' | 'Node' | 'ConfigMap' | 'ServerVersion'>): string {
  const { name, managed } = distribution(view)
  const own = name === 'k3s' || name === 'rke2' ? `run "${name} secrets-encrypt status" on a server; or ` : ''
  const look = managed ? encryptionAnswer(view) : 'look at the EncryptionConfiguration with --host or --manifests'
  return `${own}${look}; or create a Secret, scan again, and delete it`
}
