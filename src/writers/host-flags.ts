/** Flags of a static pod's component, set in its manifest on one node. */
import type { FlagsAction } from '../model/index.ts'
import { commitComponent, intentOf, proveComponent, rehearseComponent, stateOfComponent, undoComponent } from './host-component.ts'
import type { ComponentPrepared } from './host-component-record.ts'
import type { Performer } from './host-performer.ts'
import { type FileWish, readForChange } from './host-placing.ts'

export const performFlags: Performer<FlagsAction, ComponentPrepared> = {
  async rehearse({ node, component, flags, mounts, edits = [], files }, world) {
    const host = world.host(node)
    const wishes: FileWish[] = []
    for (const { path, text, mode } of files) wishes.push({ path, before: await readForChange(host, path), after: { text, mode } })
    return rehearseComponent({ do: 'flags', node, component, flags, mounts, edits, files: wishes }, world)
  },
  intent: async (_action, prepared, step, world) => intentOf(prepared, step, world),
  commit: (_action, prepared, written, world) => commitComponent(prepared, written, world),
  state: stateOfComponent,
  prove: proveComponent,
  undo: undoComponent,
}
