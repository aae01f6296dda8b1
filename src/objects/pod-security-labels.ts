/** The labels by which a namespace asks for Pod Security admission. */
import type { NamespaceObject } from '../model/index.ts'
import { POD_SECURITY_LEVELS, type PodSecurityLevel } from './pod-security.ts'

const PREFIX = 'pod-security.kubernetes.io/'
export type PodSecurityMode = 'enforce' | 'warn' | 'audit'
export const levelLabel = (mode: PodSecurityMode): string => `${PREFIX}${mode}`
export const versionLabel = (mode: PodSecurityMode): string => `${PREFIX}${mode}-version`
export const ENFORCE = levelLabel('enforce')

export const isLevel = (text: string | undefined): text is PodSecurityLevel =>
  text !== undefined && (POD_SECURITY_LEVELS as readonly string[]).includes(text)
export const isAtLeastBaseline = (text: string | undefined): boolean => text === 'baseline' || text === 'restricted'

/** Does the namespace at least say, to the client and in the audit log, what a level would refuse? */
export const warnsOf = ({ metadata: { labels = {} } }: NamespaceObject): boolean =>
  isAtLeastBaseline(labels[levelLabel('warn')]) && isAtLeastBaseline(labels[levelLabel('audit')])
