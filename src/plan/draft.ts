/** One object's (or file's) changes while they are being gathered from findings. */
import type { Change, Json, KubeObject, ObjectRef, Readable, Risk, RoleObject, View } from '../model/index.ts'
import { applyEdits } from '../objects/path.ts'
import { united } from '../objects/rbac-compact.ts'
import { refOf, refText } from '../objects/ref.ts'
import { eachVolume, sourcesOf } from '../objects/volumes.ts'
import { templateOf } from '../objects/workloads.ts'
import { sameJson } from './canonical.ts'
import { mergeTexts } from './file-text.ts'
import { mergeActions } from './host-actions.ts'
import { CONFLICT, mergeThree } from './merge.ts'
import { mergeRunbooks } from './merge-runbooks.ts'
import { objectAt, objectKey } from './objects-by-ref.ts'
import { titleOfBoth } from './step-words.ts'

type FileChange = Extract<Change, { type: 'file' }>
type CommandChange = Extract<Change, { type: 'command' }>
type HostChange = Extract<Change, { type: 'host' }>

/** What is to become of one thing. `before`/`after` undefined: it is not there. */
export type Target =
  | { readonly is: 'object'; readonly ref: ObjectRef; readonly before: KubeObject | undefined; readonly after: KubeObject | undefined }
  | { readonly is: 'file'; readonly change: FileChange }
  | { readonly is: 'command'; readonly change: CommandChange }
  | { readonly is: 'host'; readonly change: HostChange }

/** Thrown while a proposal is taken in: it cannot be part of this plan, for the reason given. */
export class Refused extends Error {}

/** The targets of one proposal, in its order, each as this proposal alone would leave it. */
export function targetsOf(changes: readonly Change[], view: View<Readable>): Map<string, Target> {
  const targets = new Map<string, Target>()
  for (const change of changes) {
    const key = keyOfChange(change)
    targets.set(key, targetOf(change, targets.get(key), view))
  }
  for (const [key, target] of targets) if (target.is === 'object') targets.set(key, asReplacement(target))
  return targets
}

function keyOfChange(change: Change): string {
  switch (change.type) {
    case 'edit':
    case 'delete':
      return objectKey(change.target)
    case 'create':
      return objectKey(refOf(change.object))
    case 'file':
      return `file:${change.name}`
    case 'command':
      return `command:${change.where}:${JSON.stringify(change.argv)}`
    case 'host':
      return `host:${change.key}`
  }
}

function targetOf(change: Change, sofar: Target | undefined, view: View<Readable>): Target {
  if (change.type === 'file') return { is: 'file', change }
  if (change.type === 'command') return { is: 'command', change }
  if (change.type === 'host') return { is: 'host', change }
  const ref = change.type === 'create' ? refOf(change.object) : change.target
  const known = objectAt(view, ref)
  const { before, after } = sofar?.is === 'object' ? sofar : { before: known, after: known }
  switch (change.type) {
    case 'edit':
      if (after === undefined) throw new Refused(`${refText(ref)} is not there any more`)
      return { is: 'object', ref: before === undefined ? ref : refOf(before), before, after: applyEdits(after, change.edits) }
    case 'delete':
      if (after === undefined) throw new Refused(`${refText(ref)} is not there any more`)
      return { is: 'object', ref: refOf(before ?? after), before, after: undefined }
    case 'create':
      if (after !== undefined) throw new Refused(`${refText(ref)} exists already`)
      return { is: 'object', ref: before === undefined ? ref : refOf(before), before, after: change.object }
  }
}

/** A delete and a create of one object is a change of it: what the server wrote into the old one is not part of the change. */
function asReplacement(target: Extract<Target, { is: 'object' }>): Target {
  const { before, after } = target
  if (before === undefined || after === undefined || before.metadata === after.metadata) return target
  const { uid, resourceVersion, generation, creationTimestamp, managers, ownerReferences } = before.metadata
  const status = (before as { status?: Json }).status
  const metadata = { uid, resourceVersion, generation, creationTimestamp, managers, ownerReferences, ...after.metadata }
  return { ...target, after: { ...(status !== undefined && { status }), ...after, metadata } }
}

/** Both changes made to one thing; throws `Refused` where they cannot both be. */
export function mergeTargets(ours: Target | undefined, theirs: Target, what: string): Target {
  if (ours === undefined) return theirs
  if (ours.is === 'object' && theirs.is === 'object') return mergeObjects(ours, theirs, what)
  if (ours.is === 'file' && theirs.is === 'file') {
    const text = mergeTexts(ours.change.text, theirs.change.text)
    if (text === undefined || ours.change.mode !== theirs.change.mode)
      throw new Refused(`${what} is already written by this plan with another content: apply that first`)
    return {
      is: 'file',
      change: {
        ...ours.change,
        text,
        runbook: mergeRunbooks(ours.change.runbook, theirs.change.runbook),
        rollback: mergeRunbooks(ours.change.rollback, theirs.change.rollback),
      },
    }
  }
  if (ours.is === 'host' && theirs.is === 'host') return { is: 'host', change: mergeHost(ours.change, theirs.change, what) }
  return ours
}

function mergeHost(ours: HostChange, theirs: HostChange, what: string): HostChange {
  const action = mergeActions(ours.action, theirs.action)
  if ('conflict' in action) throw new Refused(`another finding of this plan wants ${action.conflict} in ${what}: apply that first`)
  return { ...ours, action, title: titleOfBoth(ours.title, theirs.title) }
}

function mergeObjects(ours: Extract<Target, { is: 'object' }>, theirs: Extract<Target, { is: 'object' }>, what: string): Target {
  // What is deleted needs no mending: the deletion mends this finding too.
  if (ours.before !== undefined && (ours.after === undefined || theirs.after === undefined)) return { ...ours, after: undefined }
  const role = ours.before === undefined ? bothRoles(ours.after, theirs.after) : undefined
  if (role !== undefined) return { ...ours, after: role }
  if (ours.before === undefined && !sameJson(ours.after, theirs.after))
    throw new Refused(`this plan already creates ${what} with another content: apply that first`)
  const after = mergeThree(ours.before, ours.after, theirs.after)
  if (after === CONFLICT) throw new Refused(`another finding of this plan wants a different value in ${what}: apply that first`)
  if (hasMixedVolume(after as KubeObject, [ours.after!, theirs.after!]))
    throw new Refused(`another finding of this plan puts something else in the place of a volume of ${what}: apply that first`)
  return { ...ours, after: after as KubeObject }
}

/** A role that two findings make, each with what somebody goes on needing, grants both. */
function bothRoles(ours: KubeObject | undefined, theirs: KubeObject | undefined): KubeObject | undefined {
  if (ours === undefined || theirs === undefined || !ROLES.has(ours.kind) || !sameJson({ ...ours, rules: 0 }, { ...theirs, rules: 0 }))
    return undefined
  return { ...ours, rules: united((ours as RoleObject).rules ?? [], (theirs as RoleObject).rules ?? []) } as RoleObject
}
const ROLES = new Set(['Role', 'ClusterRole'])

/** Each side gave a volume a source of its own: the API server takes one. */
function hasMixedVolume(merged: KubeObject, sides: readonly KubeObject[]): boolean {
  const mixed = (object: KubeObject) =>
    eachVolume(templateOf(object)?.spec ?? { containers: [] }).filter(({ volume }) => sourcesOf(volume).length > 1)
  return mixed(merged).length > 0 && sides.every((side) => mixed(side).length === 0)
}

export const RISKS: readonly Risk[] = ['safe', 'restarts-pods', 'may-break']
export const higherRisk = (a: Risk, b: Risk): Risk => (RISKS.indexOf(a) >= RISKS.indexOf(b) ? a : b)
