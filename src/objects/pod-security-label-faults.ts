/** What is wrong with the Pod Security labels of a namespace (k8s.io/pod-security-admission/api/helpers.go, v0.37.2). */
import type { NamespaceObject } from '../model/index.ts'
import { isStricter, type PodSecurityLevel } from './pod-security.ts'
import { isLevel, levelLabel, type PodSecurityMode, versionLabel } from './pod-security-labels.ts'

export type LabelFault =
  /** No level. `enforce` then means restricted, `warn` and `audit` mean nothing at all. */
  | { readonly is: 'no-level'; readonly mode: PodSecurityMode; readonly label: string; readonly value: string }
  /** Neither `latest` nor `v1.N`: `latest` is taken. */
  | { readonly is: 'no-version'; readonly mode: PodSecurityMode; readonly label: string; readonly value: string }
  /** Enforced as of the server's own version: an upgrade may refuse what runs today. */
  | { readonly is: 'not-pinned'; readonly mode: 'enforce'; readonly label: string; readonly value: string | null }
  /** Pinned to a version so old that later checks are missed. */
  | { readonly is: 'old-pin'; readonly mode: 'enforce'; readonly label: string; readonly value: string }
  /** Says less than what is enforced. */
  | { readonly is: 'weaker'; readonly mode: 'warn' | 'audit'; readonly label: string; readonly value: string }
export type LabelFaultKind = LabelFault['is']

const MODES: readonly PodSecurityMode[] = ['enforce', 'warn', 'audit']
/** A pin this many versions behind the server belongs to a release that nobody supports any more. */
const OLD = 4

export function labelFaults({ metadata: { labels = {} } }: NamespaceObject, minor: number | undefined): LabelFault[] {
  const faults: LabelFault[] = []
  for (const mode of MODES) {
    const [level, version] = [labels[levelLabel(mode)], labels[versionLabel(mode)]]
    if (level !== undefined && !isLevel(level)) faults.push({ is: 'no-level', mode, label: levelLabel(mode), value: level })
    if (version !== undefined && pinOf(version) === undefined && version !== 'latest')
      faults.push({ is: 'no-version', mode, label: versionLabel(mode), value: version })
  }
  const enforced = enforcedBy(labels)
  if (enforced === undefined || enforced === 'privileged') return faults
  const version = labels[versionLabel('enforce')]
  const pin = pinOf(version)
  if (version === undefined || version === 'latest')
    faults.push({ is: 'not-pinned', mode: 'enforce', label: versionLabel('enforce'), value: version ?? null })
  else if (pin !== undefined && minor !== undefined && pin <= minor - OLD)
    faults.push({ is: 'old-pin', mode: 'enforce', label: versionLabel('enforce'), value: version })
  for (const mode of ['warn', 'audit'] as const) {
    const level = labels[levelLabel(mode)]
    // Without one, warn takes the level that is enforced.
    if (isLevel(level) && isStricter(enforced, level)) faults.push({ is: 'weaker', mode, label: levelLabel(mode), value: level })
  }
  return faults
}

/** What a namespace is held to by its own label. */
export function enforcedBy(labels: Readonly<Record<string, string>>): PodSecurityLevel | undefined {
  const label = labels[levelLabel('enforce')]
  return label === undefined ? undefined : isLevel(label) ? label : 'restricted'
}
const pinOf = (version: string | undefined): number | undefined => {
  const digits = /^v1\.(0|[1-9][0-9]*)$/.exec(version ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

// ── what PodSecurityPolicy left behind ─────────────────────────────────────────────────────────
/** The first server without PodSecurityPolicy. */
export const PSP_GONE = 25
const LEFTOVER =
  /^(kubernetes\.io\/psp|seccomp\.security\.alpha\.kubernetes\.io\/.+|container\.seccomp\.security\.alpha\.kubernetes\.io\/.+)$/
/** Annotations that nothing reads any more: who wrote them believes that they protect. */
export const leftoverAnnotations = (annotations: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(annotations).filter((key) => LEFTOVER.test(key))
