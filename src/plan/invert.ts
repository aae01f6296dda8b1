import type { Change, KubeObject } from '../model/index.ts'
import { invertEdits } from '../objects/path.ts'
import { refOf } from '../objects/ref.ts'

/** What takes a change back, given the object before it; nothing for files and commands without an undo. */
export function invertChange(change: Change, before: KubeObject | undefined): readonly Change[] {
  switch (change.type) {
    case 'edit':
      return [{ ...change, edits: invertEdits(before, change.edits) }]
    case 'create':
      return [{ type: 'delete', target: refOf(change.object) }]
    case 'delete':
      return before === undefined ? [] : [{ type: 'create', object: before }]
    case 'command':
      return change.undo === undefined ? [] : [{ type: 'command', argv: change.undo, undo: change.argv, where: change.where }]
    // Their writer alone knows what was there: it is never in the snapshot as a whole.
    case 'host':
    case 'file':
      return []
  }
}
