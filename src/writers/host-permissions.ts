/** Mode and owner of one file or directory of a node, changed where they are what was seen, and put back. */
import { sameRights } from '../hosts/host.ts'
import type { FileRights, Json, PermissionsAction, Written } from '../model/index.ts'
import { WriteConflict, WriteRefused, type WrittenState } from '../plan/writer.ts'
import type { HostWorld, Performer } from './host-performer.ts'

/** As journalled. */
interface Undo {
  readonly is: 'host'
  readonly do: 'permissions'
  readonly node: string
  readonly path: string
  readonly before: FileRights
  readonly after: FileRights
}
const undoOf = ({ undo }: Written): Undo => undo as unknown as Undo

/** `before`: as they are found. */
interface Prepared {
  readonly before: FileRights
}

export const performPermissions: Performer<PermissionsAction, Prepared> = {
  async rehearse({ node, path, from, to }, world) {
    const before = await rightsAt(node, path, world)
    if (before === undefined) throw new WriteRefused(node, `${path} is not there any more`)
    if (sameRights(before, to)) return { diff: '', warnings: [`${path} on ${node} is so already`], prepared: { before } }
    if (!sameRights(before, from)) throw new WriteConflict(`${path} on ${node} has ${words(before)} by now, not ${words(from)}: scan again`)
    return { diff: `- ${node}:${path} ${words(before)}\n+ ${node}:${path} ${words(to)}\n`, warnings: [], prepared: { before } }
  },

  async intent({ node, path, to }, { before }) {
    if (sameRights(before, to)) return []
    const undo: Undo = { is: 'host', do: 'permissions', node, path, before, after: to }
    return [
      {
        target: { apiVersion: 'k8s-harden/v1', kind: 'NodeFile', name: `${node}:${path}` },
        before: { ...before },
        after: { ...to },
        undo: undo as unknown as Json,
      },
    ]
  },

  async commit({ node, path, to }, { before }, written, world) {
    if (written.length === 0) return []
    if (world.signal.aborted) throw new WriteRefused('you', 'the run was interrupted before anything was changed')
    await world.host(node).permit(path, to, before)
    return []
  },

  async state(written, world): Promise<WrittenState> {
    const { node, path, before, after } = undoOf(written)
    const now = await rightsAt(node, path, world)
    return now === undefined ? 'gone' : standing(now, before, after)
  },

  async undo(written, dryRun, world) {
    const [undo] = written.map(undoOf)
    if (undo === undefined) return
    const { node, path, before, after } = undo
    const now = await rightsAt(node, path, world)
    const state = now === undefined ? 'gone' : standing(now, before, after)
    if (state === 'gone') throw new WriteConflict(`${path} on ${node} was removed since: there is nothing to take the change back from`)
    if (state === 'other')
      throw new WriteConflict(`${path} on ${node} has ${words(now!)} by now: taking our change back would overwrite what somebody else did`)
    if (!dryRun && state === 'after') await world.host(node).permit(path, before, now!)
  },
}

/** Undefined: not there. A link is refused. */
async function rightsAt(node: string, path: string, world: HostWorld): Promise<FileRights | undefined> {
  const stat = await world.host(node).stat(path)
  if (stat?.is === 'link') throw new WriteRefused(node, `${path} is a link by now: what it leads to is left alone`)
  return stat && { mode: stat.mode, uid: stat.uid, gid: stat.gid }
}

/** The owner is changed first: a crash may leave the old mode with the new owner. */
function standing(now: FileRights, before: FileRights, after: FileRights): 'before' | 'after' | 'other' {
  if (sameRights(now, after) || (sameRights(now, { ...after, mode: before.mode }) && !sameRights(now, before))) return 'after'
  return sameRights(now, before) ? 'before' : 'other'
}

const words = ({ mode, uid, gid }: FileRights): string => `mode ${mode.toString(8).padStart(4, '0')}, owner ${uid}:${gid}`
