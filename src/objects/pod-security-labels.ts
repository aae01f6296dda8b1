/** The labels by which a namespace asks for Pod Security admission. */
import type { NamespaceObject } from '../model/index.ts'
import { isStricter, POD_SECURITY_LEVELS, type PodSecurityLevel } from './pod-security.ts'

const PREFIX = 'pod-security.kubernetes.io/'
export type PodSecurityMode = 'enforce' | 'warn' | 'audit'
export const levelLabel = (mode: PodSecurityMode): string => `${PREFIX}${mode}`
export const versionLabel = (mode: PodSecurityMode): string => `${PREFIX}${mode}-version`
export const ENFORCE = levelLabel('enforce')

export const isLevel = (text: string | undefined): text is PodSecurityLevel =>
  text !== undefined && (POD_SECURITY_LEVELS as readonly string[]).includes(text)
export const isAtLeastBaseline = (text: string | undefined): boolean => text === 'baseline' || text === 'restricted'

/** Does the namespace say, to the client or in the audit log, what a level at least as strict as this would refuse? */
export function tellsOf({ metadata: { labels = {} } }: NamespaceObject, mode: 'warn' | 'audit', level: PodSecurityLevel): boolean {
  const told = labels[levelLabel(mode)]
  return isLevel(told) && !isStricter(level, told)
}
/** Does it tell both? */
export const warnsOf = (namespace: NamespaceObject): boolean =>
  tellsOf(namespace, 'warn', 'baseline') && tellsOf(namespace, 'audit', 'baseline')

/** The minor of `v1.25`; undefined for `latest`, for no label, and for what is no version, which the plugin takes as `latest`. */
export const pinnedMinor = (version: string | undefined): number | undefined =>
  version !== undefined && /^v1\.(0|[1-9]\d*)$/.test(version) ? Number(version.slice(3)) : undefined

export interface HeldTo {
  readonly level: PodSecurityLevel
  /** As the plugin writes it: `v1.25`, `latest`. */
  readonly version: string
}
/** What its own labels hold a namespace to; undefined: the cluster's default does. A value that is no level means restricted. */
export function heldTo({ metadata: { labels = {} } }: NamespaceObject): HeldTo | undefined {
  const level = labels[ENFORCE]
  const version = labels[versionLabel('enforce')]
  if (level === undefined) return undefined
  return { level: isLevel(level) ? level : 'restricted', version: pinnedMinor(version) === undefined ? 'latest' : version! }
}
