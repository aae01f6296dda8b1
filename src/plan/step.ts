import type { Change, Finding, KubeObject, Risk, Snapshot, Step, StepId } from '../model/index.ts'
import { releaseOf } from '../objects/helm.ts'
import { managedBy } from '../objects/ownership.ts'
import { refOf, refText } from '../objects/ref.ts'
import { sameJson } from './canonical.ts'
import type { Target } from './draft.ts'
import { objectInFile } from './file-text.ts'
import { invertChange } from './invert.ts'
import { editsBetween } from './merge.ts'
import { kindOf, objectAt } from './objects-by-ref.ts'
import { allowedBecause, isOtherChoice, saidOnce, withoutSubject } from './step-words.ts'

/** A step in the making. */
export interface Draft {
  readonly key: string
  readonly id: StepId
  readonly target: Target
  /** Whose last change this is: they are mended once it is made. */
  readonly findings: readonly Finding[]
  /** Whom it serves at all: also those that need another step after it. */
  readonly serves: readonly Finding[]
  readonly risk: Risk
  readonly mayBreak: readonly string[]
  readonly summaries: readonly string[]
  readonly after: ReadonlySet<string>
}

export const unchanged = (target: Target): boolean => target.is === 'object' && sameJson(target.before, target.after)

export function stepOf(draft: Draft, ids: ReadonlyMap<string, StepId>, view: Snapshot): Step {
  const owner = draft.target.is === 'object' && draft.target.before !== undefined ? managedBy(draft.target.before) : ''
  const release = owner === 'helm' && draft.target.is === 'object' ? releaseOf(draft.target.before!) : undefined
  const change = changeOf(draft.target)
  return {
    id: draft.id,
    title: titleOf(draft, change),
    practices: [...new Set(draft.serves.map((finding) => finding.practice))],
    controls: [...new Set(draft.serves.map((finding) => finding.control))],
    risk: draft.risk,
    // What may break comes first, then what could be chosen instead.
    mayBreak: saidOnce(draft.mayBreak).toSorted((a, b) => Number(isOtherChoice(a)) - Number(isOtherChoice(b))),
    changes: [change],
    inverse: inverseOf(draft.target, change, view),
    mends: draft.findings.map((finding) => finding.id),
    after: [...draft.after].map((key) => ids.get(key)).filter((id) => id !== undefined),
    managedBy: owner,
    ...(release !== undefined && { release }),
    carriedOut: carriedOut(change, owner, view),
  }
}

function changeOf(target: Target): Change {
  if (target.is !== 'object') return target.change
  const { ref, before, after } = target
  if (before === undefined) return { type: 'create', object: after! }
  return after === undefined ? { type: 'delete', target: ref } : { type: 'edit', target: ref, edits: editsBetween(before, after) }
}

function inverseOf(target: Target, change: Change, view: Snapshot): readonly Change[] {
  if (change.type !== 'file') return invertChange(change, target.is === 'object' ? target.before : undefined)
  const object = objectInFile(change.name, change.text)
  if (object === undefined || kindOf(object) === undefined) return []
  const before: KubeObject | undefined = objectAt(view, refOf(object))
  return [before === undefined ? { type: 'delete', target: refOf(object) } : { type: 'create', object: before }]
}

/** A live patch of what others own would be reverted; what no API can do is a file wherever it is placed by hand. */
function carriedOut(change: Change, owner: Step['managedBy'], view: Snapshot): Step['carriedOut'] {
  if (change.type === 'command') return 'file'
  // What Helm renders is rendered anew: its file is not the place.
  if ('target' in change && change.target.helm !== undefined) return 'file'
  return view.source.kind === 'live' && (owner !== '' || change.type === 'file') ? 'file' : 'live'
}

/** More would not be read: the change itself is shown below it. */
const SUMMARIES = 3

function titleOf(draft: Draft, change: Change): string {
  if (change.type === 'host') return change.title
  const what =
    change.type === 'create'
      ? refText(refOf(change.object))
      : change.type === 'file'
        ? change.name
        : change.type === 'command'
          ? change.where
          : refText(change.target)
  const verb = { create: 'create', delete: 'delete', edit: 'change', file: 'write', command: 'run' }[change.type]
  const evident = change.type === 'create' ? allowedBecause(change.object) : []
  const said = saidOnce(draft.summaries.length > 0 ? draft.summaries : evident).map((summary) => withoutSubject(summary, what))
  const more = said.length - SUMMARIES
  const shown = more > 0 ? [...said.slice(0, SUMMARIES), `and ${more} more ${more === 1 ? 'change' : 'changes'}`] : said
  const done = (shown.length > 0 ? shown : [verb]).join('; ')
  if (!isKubeadms(draft.target)) return `${what}: ${done}`
  return `${what}: have kubeadm upgrade keep ${shown.length > 0 ? `this: ${done}` : 'what the steps before it set'}`
}

/** What is written there changes nothing that runs: kubeadm makes the manifests from it when it upgrades. */
const isKubeadms = (target: Target): boolean =>
  target.is === 'object' &&
  target.ref.kind === 'ConfigMap' &&
  target.ref.namespace === 'kube-system' &&
  target.ref.name === 'kubeadm-config'
