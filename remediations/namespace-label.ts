/** Labels a namespace for Pod Security admission: enforces what everything in it passes already, else warns and says what stands between. */

import { remedy } from '../src/model/define.ts'
import type { Edit, NamespaceObject, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { isStricter, type PodSecurityLevel } from '../src/objects/pod-security.ts'
import { isAtLeastBaseline, levelLabel, type PodSecurityMode, versionLabel, warnsOf } from '../src/objects/pod-security-labels.ts'
import { type Blocker, type NamespaceFitness, namespaceFitness, policyMinor } from '../src/objects/pod-security-namespace.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { WORKLOAD_KINDS } from '../src/objects/workloads.ts'

/** `labelsCount`: false where the admission plugin is off or the namespace is exempt from it. */
type Evidence = { readonly enforce: string | null; readonly workloads: number; readonly labelsCount: boolean }

export const podSecurityLabels = (): Remedy<Evidence> =>
  remedy<Evidence>({
    family: 'namespace-label',
    reads: ['Namespace', ...WORKLOAD_KINDS, 'ServerVersion'],
    options: {
      level: {
        describe: 'The level to enforce',
        default: 'strictest',
        choices: [
          {
            value: 'strictest',
            label: 'the strictest that everything in the namespace passes; warnings only where not even baseline is passed',
            risk: 'safe',
          },
          { value: 'baseline', label: 'baseline, whatever runs there', risk: 'may-break' },
          { value: 'restricted', label: 'restricted, whatever runs there', risk: 'may-break' },
          { value: 'warn', label: 'none: warn and audit only', risk: 'safe' },
        ],
      },
    },
    propose({ subject, reason, evidence }, { view, options }): Proposal {
      const namespace = view.find('Namespace', undefined, subject.name)
      if (namespace === undefined) return { refused: `there is no namespace ${subject.name} any more` }
      if (!evidence.labelsCount)
        return { byHand: `labels have no effect here: the namespace ${reason}; change the admission configuration of the API server` }
      const level = String(options['level'])
      const unread = WORKLOAD_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)
      const fitness = namespaceFitness(view).get(subject.name)
      if (level === 'baseline' || level === 'restricted') return enforce(namespace, level, view, fitness, unread?.because)
      const fits = fitness?.level ?? 'baseline'
      if (level === 'strictest' && fits !== 'privileged' && unread === undefined) return enforce(namespace, fits, view, fitness, undefined)
      return warnOnly(namespace, fitness, unread?.because)
    },
  })

function enforce(
  namespace: NamespaceObject,
  level: PodSecurityLevel,
  view: View<Readable>,
  fitness: NamespaceFitness | undefined,
  unread: string | undefined,
): Proposal {
  const refused = fitness !== undefined && isStricter(level, fitness.level)
  const words = [
    ...(refused ? [`pods of these workloads are refused when they are next created: ${blockersText(fitness.blockers)}`] : []),
    ...(unread === undefined ? [] : [`not all workloads could be checked: ${unread}`]),
  ]
  const edits = [...labels(namespace, 'enforce', level, pinned(view)), ...warnings(namespace)]
  return change(namespace, edits, `enforce the ${level} level in namespace ${namespace.metadata.name}`, words)
}

function warnOnly(namespace: NamespaceObject, fitness: NamespaceFitness | undefined, unread: string | undefined): Proposal {
  const between =
    unread !== undefined
      ? `not all workloads could be checked (${unread})`
      : `not even baseline is passed by ${blockersText(fitness?.blockers ?? [])}`
  if (warnsOf(namespace)) return { byHand: `it warns already; before it can enforce a level: ${between}` }
  return change(
    namespace,
    warnings(namespace),
    `warn about pods that are not restricted in namespace ${namespace.metadata.name}; it cannot enforce a level yet: ${between}`,
    [],
  )
}

function change(namespace: NamespaceObject, edits: readonly Edit[], summary: string, words: readonly string[]): Proposal {
  return {
    changes: [{ type: 'edit', target: refOf(namespace), edits }],
    summary,
    risk: words.length > 0 ? 'may-break' : 'safe',
    ...(words.length > 0 && { mayBreak: words }),
  }
}

/** Warnings follow the newest version of the standards, so that an upgrade announces what it will ask for. */
const warnings = (namespace: NamespaceObject): Edit[] =>
  (['warn', 'audit'] as const).flatMap((mode) =>
    isAtLeastBaseline(namespace.metadata.labels?.[levelLabel(mode)]) ? [] : labels(namespace, mode, 'restricted', 'latest'),
  )

/** A level that is enforced is pinned, so that an upgrade refuses nothing that runs today. */
const pinned = (view: View<Readable>): string => (policyMinor(view) === undefined ? 'latest' : `v1.${policyMinor(view)}`)

function labels({ metadata }: NamespaceObject, mode: PodSecurityMode, level: PodSecurityLevel, version: string): Edit[] {
  const wanted = [
    [levelLabel(mode), level],
    [versionLabel(mode), version],
  ] as const
  return wanted
    .filter(([key, value]) => metadata.labels?.[key] !== value)
    .map(([key, value]) => ({ set: ['metadata', 'labels', key], to: value }))
}

const blockersText = (blockers: readonly Blocker[]): string =>
  blockers
    .slice(0, 5)
    .map(({ workload, violations }) => `${refText(workload)} (${violations.map((one) => one.check).join(', ')})`)
    .join(', ') + (blockers.length > 5 ? ` and ${blockers.length - 5} more` : '')
