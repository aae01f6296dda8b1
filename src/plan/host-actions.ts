/** What two findings want of one node, in one action; and whether they can both have it. */
import type { Edit, FileAction, FlagsAction, HostAction, HostMount, NodeFile } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { sameJson } from './canonical.ts'
import { mergeTexts } from './file-text.ts'

/** Both actions in one, or why there is none: a clause that ends in what differs. */
export function mergeActions(ours: HostAction, theirs: HostAction): HostAction | { readonly conflict: string } {
  if (sameJson(ours, theirs)) return ours
  if (ours.do === 'flags' && theirs.do === 'flags') return mergeFlags(ours, theirs)
  if (ours.do === 'file' && theirs.do === 'file') return mergeEdits(ours, theirs)
  return { conflict: 'another content' }
}

function mergeFlags(ours: FlagsAction, theirs: FlagsAction): FlagsAction | { readonly conflict: string } {
  const other = Object.keys(theirs.flags).find((flag) => Object.hasOwn(ours.flags, flag) && ours.flags[flag] !== theirs.flags[flag])
  if (other !== undefined) return { conflict: `another --${other}` }
  const [edits, more] = [ours.edits ?? [], theirs.edits ?? []]
  const clash = clashOf(edits, more)
  if (clash !== undefined) return { conflict: `another ${formatPath(pathOf(clash))}` }
  const file = theirs.files.find((one) => ours.files.some((own) => own.path === one.path && !sameJson(own, one)))
  if (file !== undefined) return { conflict: `another ${file.path}` }
  return {
    ...ours,
    flags: { ...ours.flags, ...theirs.flags },
    ...(edits.length + more.length > 0 && { edits: union(edits, more) }),
    mounts: byPath<HostMount>(ours.mounts, theirs.mounts),
    files: byPath<NodeFile>(ours.files, theirs.files),
  }
}
const byPath = <T extends { readonly path: string }>(ours: readonly T[], theirs: readonly T[]): readonly T[] => [
  ...ours,
  ...theirs.filter(({ path }) => !ours.some((own) => own.path === path)),
]

function mergeEdits(ours: FileAction, theirs: FileAction): FileAction | { readonly conflict: string } {
  if (typeof ours.to !== 'string' && 'text' in ours.to && typeof theirs.to !== 'string' && 'text' in theirs.to) {
    const merged = ours.to.mode === theirs.to.mode ? mergeTexts({ text: ours.to.text }, { text: theirs.to.text }) : undefined
    return merged === undefined || ours.noticedBy !== theirs.noticedBy
      ? { conflict: 'another content' }
      : { ...ours, to: { text: merged.text, mode: ours.to.mode } }
  }
  if (typeof ours.to === 'string' || typeof theirs.to === 'string' || !('edits' in ours.to) || !('edits' in theirs.to))
    return { conflict: 'another content' }
  const own = ours.to.edits
  const clash = clashOf(own, theirs.to.edits)
  if (clash !== undefined) return { conflict: `another ${formatPath(pathOf(clash))}` }
  if (ours.noticedBy !== theirs.noticedBy && ours.noticedBy !== 'nobody' && theirs.noticedBy !== 'nobody')
    return { conflict: 'somebody else to take notice' }
  return {
    ...ours,
    noticedBy: ours.noticedBy === 'nobody' ? theirs.noticedBy : ours.noticedBy,
    to: { edits: union(own, theirs.to.edits) },
  }
}
const clashOf = (ours: readonly Edit[], theirs: readonly Edit[]): Edit | undefined =>
  theirs.find((edit) => ours.some((one) => overlap(one, edit) && !sameJson(one, edit)))
const union = (ours: readonly Edit[], theirs: readonly Edit[]): readonly Edit[] => [
  ...ours,
  ...theirs.filter((edit) => !ours.some((one) => sameJson(one, edit))),
]
const pathOf = (edit: Edit) => ('set' in edit ? edit.set : edit.unset)
/** One is at the other, or above it. */
function overlap(a: Edit, b: Edit): boolean {
  const [left, right] = [pathOf(a), pathOf(b)]
  return Array.from({ length: Math.min(left.length, right.length) }, (_, index) => index).every((index) =>
    sameJson(left[index], right[index]),
  )
}
