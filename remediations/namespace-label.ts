/** Labels a namespace for Pod Security admission: enforces what everything in it passes already, else warns and says what stands between. */

import { remedy } from '../src/model/define.ts'
import type { Edit, NamespaceObject, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import type { PodSecurityLevel } from '../src/objects/pod-security.ts'
import { heldTo, levelLabel, type PodSecurityMode, tellsOf, versionLabel, warnsOf } from '../src/objects/pod-security-labels.ts'
import { type Blocker, type NamespaceFitness, namespaceFitness, pinOf } from '../src/objects/pod-security-namespace.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { WORKLOAD_KINDS } from '../src/objects/workloads.ts'
import { objectOf } from './role-binding.ts'

/** `labelsCount`: false where the admission plugin is off or the namespace is exempt from it. */
type Evidence = { readonly labelsCount: boolean }
type Telling = 'warn' | 'audit'

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
      rung: {
        describe: 'How far to climb in one go',
        default: 'enforce',
        choices: [
          { value: 'enforce', label: 'enforce the level, warn of and audit the restricted one', risk: 'safe' },
          { value: 'audit', label: 'warn and audit: nothing is refused yet', risk: 'safe' },
          { value: 'warn', label: 'warn whoever makes such a pod, nothing else', risk: 'safe' },
        ],
      },
    },
    propose({ subject, reason, evidence }, { view, options }): Proposal {
      const namespace = objectOf(view, subject) as NamespaceObject | undefined
      if (namespace === undefined) return { refused: `there is no namespace ${subject.name} any more` }
      if (!evidence.labelsCount)
        return { byHand: `labels have no effect here: the namespace ${reason}; change the admission configuration of the API server` }
      const { level, rung } = options
      if (rung === 'warn' || rung === 'audit')
        return tellOnly(namespace, rung === 'warn' ? ['warn'] : ['warn', 'audit'], level === 'baseline' ? 'baseline' : 'restricted')
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
  const refused = fitness?.blockersAt(level) ?? []
  const words = [
    ...(refused.length > 0 ? [`pods of these workloads are refused when they are next created: ${blockersText(refused)}`] : []),
    ...(unread === undefined ? [] : [`not all workloads could be checked: ${unread}`]),
  ]
  const { version } = pinOf(view, namespace)
  const edits = [...labels(namespace, 'enforce', level, version), ...warnings(namespace)]
  if (edits.length === 0) return { refused: `it enforces ${level}:${heldTo(namespace)?.version} already` }
  const ahead = level === 'baseline' && fitness?.next === 'restricted' ? `; before restricted: ${blockersText(fitness.blockers)}` : ''
  return change(namespace, edits, `enforce the ${level} level in namespace ${namespace.metadata.name}${ahead}`, words)
}

function warnOnly(namespace: NamespaceObject, fitness: NamespaceFitness | undefined, unread: string | undefined): Proposal {
  const between =
    unread !== undefined
      ? `not all workloads could be checked (${unread})`
      : fitness?.level === 'privileged'
        ? `not even baseline is passed by ${blockersText(fitness.blockers)}`
        : undefined
  if (warnsOf(namespace)) return { byHand: `it warns already${between === undefined ? '' : `; before it can enforce a level: ${between}`}` }
  return change(
    namespace,
    warnings(namespace),
    `warn about pods that are not restricted in namespace ${namespace.metadata.name}${between === undefined ? '' : `; it cannot enforce a level yet: ${between}`}`,
    [],
  )
}

/** The lower rungs: nothing is refused, somebody is told. */
function tellOnly(namespace: NamespaceObject, modes: readonly Telling[], level: PodSecurityLevel): Proposal {
  const edits = warnings(namespace, modes, level)
  if (edits.length === 0) return { byHand: `it stands on that rung already: the next one is ${modes.length === 1 ? 'audit' : 'enforce'}` }
  return change(
    namespace,
    edits,
    `${modes.length > 1 ? 'warn about and audit' : 'warn about'} pods that are not ${level} in namespace ${namespace.metadata.name}`,
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
const warnings = (
  namespace: NamespaceObject,
  modes: readonly Telling[] = ['warn', 'audit'],
  level: PodSecurityLevel = 'restricted',
): Edit[] => modes.flatMap((mode) => (tellsOf(namespace, mode, level) ? [] : labels(namespace, mode, level, 'latest')))

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
