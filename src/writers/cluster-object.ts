/** Objects as they can be sent again, compared, and shown: without what the API server and its controllers write into them. */
import { createTwoFilesPatch } from 'diff'
import { stringify } from 'yaml'
import type { Json, KubeObject, PodSpec } from '../model/index.ts'
import { sameJson } from '../plan/canonical.ts'
import { lastingPart } from '../plan/digest.ts'

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** A live object as it would be created again. */
export function recreatable(object: KubeObject): KubeObject {
  const lasting = lastingPart(object)
  if (object.kind !== 'Pod') return lasting
  return { ...lasting, spec: podSpecOf(object as KubeObject & { spec: PodSpec }) } as KubeObject
}

/** What the scheduler and admission put into a pod must not be sent again: they would be kept although the pod changed. */
function podSpecOf(pod: KubeObject & { readonly spec: PodSpec }): Record<string, unknown> {
  const { nodeName, ephemeralContainers: _cannotBeCreated, volumes, containers, initContainers, ...rest } = pod.spec
  const injected = new Set(
    (volumes ?? [])
      .filter((volume) => /^kube-api-access-[a-z0-9]{5}$/.test(volume.name) && volume.projected !== undefined)
      .map((volume) => volume.name),
  )
  const trimmed = (list: PodSpec['containers']) =>
    list.map(({ volumeMounts, ...container }) => {
      const kept = volumeMounts?.filter((mount) => !injected.has(mount.name))
      return kept === undefined || kept.length === 0 ? container : { ...container, volumeMounts: kept }
    })
  const left = volumes?.filter((volume) => !injected.has(volume.name))
  return {
    ...rest,
    containers: trimmed(containers),
    ...(initContainers !== undefined && { initContainers: trimmed(initContainers) }),
    ...(left !== undefined && left.length > 0 && { volumes: left }),
    ...(nodeName !== undefined && chosenByItsMaker(pod) && { nodeName }),
  }
}

/** A binding by the scheduler leaves no trace in managedFields; a node name written by a person does. */
function chosenByItsMaker({ metadata }: KubeObject): boolean {
  const fields = (metadata as { managedFields?: { fieldsV1?: { 'f:spec'?: Record<string, unknown> } }[] }).managedFields ?? []
  return fields.some((entry) => entry.fieldsV1?.['f:spec']?.['f:nodeName'] !== undefined)
}

/** Unified diff of two states of one object, as YAML, without secrets. */
export function objectDiff(title: string, before: KubeObject | undefined, after: KubeObject | undefined): string {
  const [old, made] = [before === undefined ? '' : shown(before), after === undefined ? '' : shown(after)]
  return old === made
    ? ''
    : createTwoFilesPatch(title, title, old, made, before === undefined ? 'absent' : 'now', after === undefined ? 'deleted' : 'after', {
        context: 3,
      })
}

function shown(object: KubeObject): string {
  const lasting = lastingPart(object)
  const { [LAST_APPLIED]: _notShown, ...annotations } = lasting.metadata.annotations ?? {}
  const metadata = { ...lasting.metadata, annotations: Object.keys(annotations).length > 0 ? annotations : undefined }
  return stringify(redacted({ ...lasting, metadata }), { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false })
}

const CREDENTIAL =
  /(^|[^a-z])(pass(word|wd|phrase)?|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credentials?|auth)([^a-z]|$)/i
const IN_TEXT = /((?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\w-]*["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi
const IN_URL = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi
export const REDACTED = '‹redacted›'

/** A copy without credentials: Secret data, environment values that look like one, passwords in arguments and URLs. */
export function redacted(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(IN_TEXT, `$1${REDACTED}`).replace(IN_URL, `$1${REDACTED}@`)
  if (Array.isArray(value)) return value.map(redacted)
  if (value === null || typeof value !== 'object') return value
  const mapping = value as Record<string, unknown>
  const isSecret = mapping['kind'] === 'Secret'
  return Object.fromEntries(
    Object.entries(mapping).map(([key, child]) => {
      if (isSecret && (key === 'data' || key === 'stringData')) return [key, REDACTED]
      if (
        key === 'value' &&
        typeof mapping['name'] === 'string' &&
        typeof child === 'string' &&
        child !== '' &&
        CREDENTIAL.test(mapping['name'])
      )
        return [key, REDACTED]
      return [key, redacted(child)]
    }),
  )
}

/** True where a journal line with this value would hold a credential (safety law 9). */
export const holdsCredential = (value: Json | KubeObject | undefined): boolean => value !== undefined && !sameJson(value, redacted(value))
