/** One setting of a kubelet: what it works with, and where a finding about it stands. */
import type { Json, ObjectRef, Observation, Path, Remark } from '../model/index.ts'
import { type KubeletInstance, type KubeletView, kubelets } from './kubelet-config.ts'
import { valueAt } from './path.ts'

/** What kubelet defaults to when it reads a configuration file. Without one the legacy defaults of its flags hold; configz shows those itself. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  'authentication.anonymous.enabled': false,
  'authentication.webhook.enabled': true,
  'authorization.mode': 'Webhook',
  readOnlyPort: 0,
  eventRecordQPS: 50,
  makeIPTablesUtilChains: true,
  podPidsLimit: -1,
  protectKernelDefaults: false,
  rotateCertificates: false,
  seccompDefault: false,
  serverTLSBootstrap: false,
  streamingConnectionIdleTimeout: '4h0m0s',
}
/** For these an empty value in a file is no value: the kubelet puts its default there (`SetDefaults_KubeletConfiguration`). */
const EMPTY: Readonly<Record<string, (value: unknown) => boolean>> = {
  'authorization.mode': (value) => value === '',
  streamingConnectionIdleTimeout: (value) => isZeroDuration(value),
}

/** Go's durations: `0`, `0s`, `0h0m0s`. */
export const isZeroDuration = (value: unknown): boolean =>
  value === 0 || (typeof value === 'string' && /^(0+(\.0+)?(ns|us|µs|ms|s|m|h)?)+$/.test(value))

/** A setting as the kubelet works with it. `unseen`: a drop-in that does not mention it. */
export function kubeletSetting(
  instance: Pick<KubeletInstance, 'config' | 'partial' | 'effective' | 'flagged'>,
  path: readonly string[],
): { readonly value: unknown; readonly from: 'set' | 'default' | 'unset' | 'unseen' } {
  const value = valueAt(instance.config, path)
  const key = path.join('.')
  const isEmpty = !instance.effective && instance.flagged?.includes(key) !== true && EMPTY[key]?.(value) === true
  if (value !== undefined && value !== null && !isEmpty) return { value, from: 'set' }
  if (instance.partial) return { value: undefined, from: 'unseen' }
  return Object.hasOwn(DEFAULTS, key) ? { value: DEFAULTS[key], from: 'default' } : { value: undefined, from: 'unset' }
}

/**
 * Serves a certificate that it signed itself. It stands at this path, and a kubelet shows it as if somebody had set it (InitializeTLS);
 * somebody may also have placed one there.
 */
export function signsItself(instance: KubeletInstance): boolean {
  const asks = kubeletSetting(instance, ['serverTLSBootstrap'])
  if (asks.from === 'unseen' || asks.value === true) return false
  const file = kubeletSetting(instance, ['tlsCertFile']).value
  return typeof file !== 'string' || file === '' || (instance.effective && file.endsWith('/pki/kubelet.crt'))
}

/** The parts of an observation that say where; the node's settings are the operator's to change, so they are scored even on a kube-system ConfigMap. */
export function kubeletFinding(
  instance: KubeletInstance,
  path: readonly string[],
): { readonly subject: ObjectRef; readonly at?: Path; readonly key: string; readonly origin: 'workload' } {
  // Of a node there is no object that holds it.
  const at: Path | undefined = instance.source === 'file' && instance.at !== undefined ? path : instance.at
  return { subject: instance.subject, ...(at !== undefined && { at }), key: path.join('.'), origin: 'workload' }
}

export interface SettingEvidence {
  readonly grade: 'E1'
  readonly source: KubeletInstance['source']
  /** By dotted path. */
  readonly setting: string
  /** Null where it is not set. */
  readonly value: Json
}

/** An observation about one setting. */
export function settingFound(
  instance: KubeletInstance,
  setting: string,
  reason: string,
  more: Pick<Observation, 'severity' | 'verdict' | 'detail'> = {},
): Observation<SettingEvidence> {
  const path = setting.split('.')
  const { value } = kubeletSetting(instance, path)
  const shown = (value ?? null) as Json
  return {
    ...kubeletFinding(instance, path),
    reason,
    detail: shown === null ? `${setting} is not set` : `${setting}: ${Array.isArray(shown) ? shown.join(', ') : String(shown)}`,
    ...more,
    evidence: { grade: 'E1', source: instance.source, setting, value: shown },
  }
}

/**
 * Judges every kubelet that can be seen by itself; says with a pass how many were, and that it is unknown where none was.
 * `linux`: what a kubelet on Windows does not do, so that those are left out.
 */
export function perKubelet<E>(
  judge: (instance: KubeletInstance) => Iterable<Observation<E> | Remark>,
  { linux = false } = {},
): (view: KubeletView) => Iterable<Observation<E> | Remark> {
  return function* (view) {
    const { instances, unknown, notes, missing } = kubelets(view)
    const judged = linux ? instances.filter(({ windows }) => !windows) : instances
    for (const instance of judged) yield* judge(instance)
    if (judged.length < instances.length)
      yield judged.length === 0
        ? missing === 0
          ? { notApplicable: 'it does nothing on Windows, which all nodes run' }
          : { unknown: 'only nodes with Windows were seen, where it does nothing', answer: 'let the other nodes answer configz' }
        : { note: `${instances.length - judged.length} nodes run Windows, where it does nothing` }
    for (const note of notes) yield { note }
    if (unknown !== undefined) yield unknown
  }
}
