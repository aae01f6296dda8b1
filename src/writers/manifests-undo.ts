/** What a written file needs to be taken back, as it goes through the journal. */
import { diffLines } from 'diff'
import { redact } from '../objects/yaml-redact.ts'
import type { WrittenState } from '../plan/writer.ts'
import { REMOVED, sha256 } from './manifests-disk.ts'
import { type Deed, type Draft, standingOf } from './manifests-draft.ts'

/** `was` at an offset of the text before; the offsets of all splices are of that same text. */
interface Splice {
  readonly at: number
  readonly was: string
  readonly now: string
}
/** What `Written.undo` says: enough to take the write back after a restart, and no secret. */
export interface Undo {
  readonly is: 'manifest'
  readonly file: string
  /** Of the whole file; null: there was none. */
  readonly before: string | null
  readonly after: string
  readonly mode: number
  /** Absent where they would hold a secret: `kept` then names the file that holds the old text. */
  readonly splices?: readonly Splice[]
  readonly kept?: string
  readonly deeds: readonly Deed[]
}
export function stateOf(now: string, undo: Undo): WrittenState {
  const hash = sha256(now)
  if (hash === undo.after) return 'after'
  if (hash === undo.before) return 'before'
  const standing = new Set(undo.deeds.map((deed) => standingOf(now, deed)))
  return standing.size === 1 ? [...standing][0]! : 'other'
}

export function undoOf({ file, before, text, mode, secretKeys, deeds }: Draft, after: string): Undo {
  const undo = { is: 'manifest', file, after: sha256(after), mode: before?.mode ?? mode } as const
  if (before === undefined) return { ...undo, before: null, deeds }
  const splices = splicesBetween(before.text, text)
  const hash = sha256(before.text)
  const shown = splicesBetween(redact(before.text), redact(text))
  const isSecret =
    secretKeys > 0 || JSON.stringify(shown.map(({ was, now }) => [was, now])) !== JSON.stringify(splices.map(({ was, now }) => [was, now]))
  if (!isSecret) return { ...undo, before: hash, splices, deeds }
  return {
    ...undo,
    before: hash,
    kept: `${REMOVED}/${hash.slice(0, 16)}`,
    deeds: deeds.map((deed) => (deed.did === 'delete' ? { did: deed.did, target: deed.target } : deed)),
  }
}

function splicesBetween(before: string, after: string): Splice[] {
  const splices: Splice[] = []
  let at = 0
  let open: { at: number; was: string; now: string } | undefined
  for (const { value, added, removed } of diffLines(before, after)) {
    if (!added && !removed) {
      if (open !== undefined) splices.push(open)
      open = undefined
      at += value.length
      continue
    }
    open ??= { at, was: '', now: '' }
    if (removed) {
      open.was += value
      at += value.length
    } else open.now += value
  }
  return open === undefined ? splices : [...splices, open]
}

/** The text before, from the text after. */
export const unspliced = (now: string, splices: readonly Splice[]): string =>
  splices.reduce((text, { at, was, now: made }) => text.slice(0, at) + was + text.slice(at + made.length), now)
