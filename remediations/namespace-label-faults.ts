/** Mends Pod Security labels so that they say what holds, and clears away what PodSecurityPolicy left behind. */
import { remedy } from '../src/model/define.ts'
import type { Edit, Finding, Json, NamespaceObject, Proposal, Readable, Remedy, RoleObject, View } from '../src/model/index.ts'
import { serverMinor } from '../src/objects/flags.ts'
import { isStricter } from '../src/objects/pod-security.ts'
import { enforcedBy } from '../src/objects/pod-security-label-faults.ts'
import { levelLabel, type PodSecurityMode, versionLabel } from '../src/objects/pod-security-labels.ts'
import { namespaceFitness } from '../src/objects/pod-security-namespace.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { WORKLOAD_KINDS } from '../src/objects/workloads.ts'
import { HARMLESS, isPlace, templateChange, templatePlace } from './pod-template.ts'
import { objectOf } from './role-binding.ts'

interface Evidence {
  readonly is: string
  readonly value: string | null
}

export const mendLabels = (): Remedy<Evidence> =>
  remedy<Evidence>({
    family: 'namespace-label',
    reads: ['Namespace', 'Role', 'ClusterRole', ...WORKLOAD_KINDS, 'ServerVersion'],
    propose(finding, { view }): Proposal {
      const { is } = finding.evidence
      if (is === 'without-effect')
        return { byHand: `${finding.detail}: change the admission configuration of the API server, or take the labels off` }
      if (is === 'leftover-rule') return withoutRule(finding, view)
      if (is === 'leftover-annotation') return withoutAnnotation(finding, view)
      const namespace = objectOf(view, finding.subject) as NamespaceObject | undefined
      if (namespace === undefined) return { refused: `there is no namespace ${finding.subject.name} any more` }
      const label = String(finding.at?.at(-1))
      const mode = (['enforce', 'warn', 'audit'] as const).find((one) => label === levelLabel(one) || label === versionLabel(one))!
      if (is === 'no-level' || is === 'weaker') return levelOf(namespace, mode)
      return versionOf(namespace, mode, is, view)
    },
  })

const labelled = (namespace: NamespaceObject, edits: readonly Edit[], summary: string, words: readonly string[] = []): Proposal => ({
  changes: [{ type: 'edit', target: refOf(namespace), edits }],
  summary: `${summary} in namespace ${namespace.metadata.name}`,
  risk: words.length > 0 ? 'may-break' : 'safe',
  ...(words.length > 0 && { mayBreak: words }),
})
const set = (key: string, to: string): Edit => ({ set: ['metadata', 'labels', key], to })

/** For enforce the level that holds already: who meant another one must say so. */
const levelOf = (namespace: NamespaceObject, mode: PodSecurityMode): Proposal =>
  mode === 'enforce'
    ? labelled(namespace, [set(levelLabel(mode), 'restricted')], 'write down that restricted is enforced, which it is already')
    : labelled(
        namespace,
        [set(levelLabel(mode), 'restricted'), set(versionLabel(mode), 'latest')],
        `let ${mode} tell of all that is not restricted`,
      )

function versionOf(namespace: NamespaceObject, mode: PodSecurityMode, is: string, view: View<Readable>): Proposal {
  if (mode !== 'enforce') return labelled(namespace, [set(versionLabel(mode), 'latest')], `let ${mode} follow the newest version`)
  const minor = serverMinor(view)
  if (minor === undefined) return { byHand: `label the namespace ${versionLabel('enforce')}=v1.N, N being the minor version of the server` }
  const edit = set(versionLabel('enforce'), `v1.${minor}`)
  // What is not pinned is judged by the server's own version now: nothing changes but the next upgrade.
  if (is !== 'old-pin') return labelled(namespace, [edit], `pin what is enforced to v1.${minor}`)
  const unread = WORKLOAD_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)
  const fitness = namespaceFitness(view).get(namespace.metadata.name)
  const enforced = enforcedBy(namespace.metadata.labels ?? {})
  const refused = fitness !== undefined && enforced !== undefined && isStricter(enforced, fitness.level)
  return labelled(namespace, [edit], `enforce the level as v1.${minor} knows it`, [
    ...(refused
      ? [
          `pods of these workloads are refused when they are next created: ${fitness.blockers.map(({ workload }) => refText(workload)).join(', ')}`,
        ]
      : []),
    ...(unread === undefined ? [] : [`not all workloads could be checked: ${unread.because}`]),
  ])
}

function withoutRule({ subject }: Finding<Evidence>, view: View<Readable>): Proposal {
  const role = objectOf(view, subject) as RoleObject | undefined
  if (role === undefined) return { refused: `${refText(subject)} is not there any more` }
  const rules = (role.rules ?? []).flatMap((rule) => {
    const resources = rule.resources?.filter((resource) => resource !== 'podsecuritypolicies')
    if (resources === undefined || resources.length === rule.resources?.length) return [rule]
    return resources.length === 0 ? [] : [{ ...rule, resources }]
  })
  if (rules.length === 0) return { byHand: `${refText(subject)} grants nothing else: delete it and the bindings that name it` }
  return {
    changes: [{ type: 'edit', target: subject, edits: [{ set: ['rules'], to: rules as unknown as Json }] }],
    summary: `take PodSecurityPolicies out of ${refText(subject)}`,
    risk: 'safe',
  }
}

function withoutAnnotation(finding: Finding<Evidence>, view: View<Readable>): Proposal {
  const key = finding.evidence.value ?? ''
  const place = templatePlace(finding, view, `take the annotation ${key} off`)
  if (!isPlace(place)) return place
  return templateChange(
    place,
    [{ unset: [...place.at.slice(0, -1), 'metadata', 'annotations', key] }],
    `take off the annotation ${key}, which nothing reads; pod-seccomp says which profile holds`,
    HARMLESS,
  )
}
