/** Is a namespace held to a Pod Security level, by its label, the cluster's default or a policy engine, and how certain is it that it is not? */
import type { NamespaceObject, Unread } from '../model/index.ts'
import { fewOf } from './few-of.ts'
import { type ClusterDefault, defaultLevel, isExempt } from './pod-security-default.ts'
import type { Engines } from './pod-security-engines.ts'
import { ENFORCE, isAtLeastBaseline, isLevel } from './pod-security-labels.ts'

/** The API server was asked, and would have taken in a privileged pod: whoever should refuse it does not. */
export const isOpen = ({ metadata: { name, labels } }: NamespaceObject, byDefault: ClusterDefault): boolean =>
  labels?.[ENFORCE] === undefined && byDefault.answers.get(name)?.is === 'admitted'

export function isHeld(namespace: NamespaceObject, byDefault: ClusterDefault, others: Engines): boolean {
  const { name, labels } = namespace.metadata
  if (isOpen(namespace, byDefault)) return false
  if (others.covering(name) !== undefined) return true
  if ('off' in byDefault || isExempt(name, byDefault)) return false
  const label = labels?.[ENFORCE]
  // A value that is no level holds the namespace to restricted: the plugin fails closed (psa-label-quality reports it).
  if (label !== undefined) return !isLevel(label) || isAtLeastBaseline(label)
  return defaultLevel(name, byDefault) !== undefined
}

/** Why it is not certain that nothing holds it. */
export function doubtsOf(namespace: NamespaceObject, byDefault: ClusterDefault, others: Engines, unread: readonly Unread[]): string[] {
  const { name, labels } = namespace.metadata
  const covering = others.covering(name)
  if (isOpen(namespace, byDefault)) return covering === undefined ? [] : [`${covering}, so see whether it is down, or you are exempt`]
  const partial = others.partialIn(name)
  const lacks = others.lacksIn(name)
  const engine = byDefault.answers.get(name)?.engine
  return [
    ...(engine === undefined ? [] : [`${engine} refused a dry run of a privileged pod: judge whether it refuses all of them`]),
    ...(lacks === undefined ? [] : [`Gatekeeper refuses some there, but is not seen to refuse pods that ${fewOf(lacks, 4)}`]),
    ...(partial.length > 0 ? [`judge whether this amounts to a level: ${partial.slice(0, 5).join(', ')}`] : []),
    ...('unseen' in byDefault && labels?.[ENFORCE] === undefined ? [unseenText(byDefault)] : []),
    ...unread.map(({ because }) => because),
  ]
}

function unseenText({ answers }: ClusterDefault): string {
  const held = [...answers.values()].filter(({ is }) => is === 'refused').map(({ namespace }) => namespace)
  return held.length === 0
    ? 'a cluster-wide default may hold'
    : `the cluster's default holds in ${held.join(', ')}, and here unless it is exempt`
}
