/** A file of a node, written whole, edited in place or removed; whoever must take notice does, or it is put back. */
import type { Host, ReadFile } from '../hosts/host.ts'
import type { Edit, FileAction, Json, Written } from '../model/index.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'
import { editYaml, YamlEditRefused } from '../objects/yaml-edit.ts'
import { editsBetween } from '../plan/merge.ts'
import { WriteConflict, WriteRefused, WriteUncertain, type WrittenState } from '../plan/writer.ts'
import { type Entry, editsBack, entriesOf, standing } from './cluster-patch.ts'
import { commitComponent, intentOf, rehearseComponent, stateOfComponent, undoComponent } from './host-component.ts'
import type { ComponentPrepared, ComponentUndo } from './host-component-record.ts'
import { whyUnread } from './host-flag-checks.ts'
import { restartedKubelet, shownByKubelet } from './host-kubelet.ts'
import { whyKubeletRefuses } from './host-kubelet-checks.ts'
import type { HostWorld, Performer } from './host-performer.ts'
import {
  backUp,
  diffOf,
  dropBackup,
  type FileWish,
  isChange,
  type Placing,
  place,
  placingOf,
  putBack,
  readForChange,
  standingOf,
  sweep,
} from './host-placing.ts'

type Prepared =
  | { readonly is: 'component'; readonly prepared: ComponentPrepared }
  | { readonly is: 'alone'; readonly wish: FileWish; readonly entries: readonly Entry[] }

/** `entries`: the values that edits changed, for a file that others change too. */
type Alone = Placing & {
  readonly is: 'host'
  readonly do: 'file'
  readonly role: 'alone'
  readonly node: string
  readonly noticedBy: 'nobody' | 'reader' | 'kubelet'
  readonly entries: readonly Entry[]
}
type Undo = Alone | ComponentUndo
const undoOf = (written: Written): Undo => written.undo as unknown as Undo
const isAlone = (undo: Undo): undo is Alone => undo.role === 'alone'

export const performFile: Performer<FileAction, Prepared> = {
  async rehearse(action, world) {
    const { node, path, to, noticedBy } = action
    const host = world.host(node)
    const before = await readForChange(host, path)
    const after = afterOf(host, path, before, to)
    const wish: FileWish = { path, before, after }
    if (isComponent(noticedBy)) {
      const { prepared, ...shown } = await rehearseComponent(
        { do: 'file', node, component: noticedBy, flags: {}, mounts: [], files: [wish] },
        world,
      )
      return { ...shown, prepared: { is: 'component', prepared } }
    }
    const unread = after === null ? undefined : whyUnread(path, after.text, { flags: {} })
    if (unread !== undefined) throw new WriteRefused('k8s-harden', unread)
    const down = noticedBy === 'kubelet' && after !== null ? await whyKubeletRefuses(host, after.text) : undefined
    if (down !== undefined) throw new WriteRefused(`the kernel of ${node}`, down)
    const edits = typeof to === 'object' && 'edits' in to ? to.edits : []
    return {
      diff: isChange(wish) ? diffOf(node, wish) : '',
      warnings: isChange(wish) ? [] : [`${path} on ${node} is so already`],
      prepared: { is: 'alone', wish, entries: edits.length === 0 ? [] : entriesIn(before!.text, after!.text, edits) },
    }
  },

  async intent({ node, noticedBy }, prepared, step, world) {
    if (prepared.is === 'component') return intentOf(prepared.prepared, step, world)
    if (!isChange(prepared.wish)) return []
    const placing = placingOf(prepared.wish, 0, world.run, step)
    const undo: Alone = {
      is: 'host',
      do: 'file',
      role: 'alone',
      node,
      noticedBy: isComponent(noticedBy) ? 'nobody' : noticedBy,
      ...placing,
      entries: prepared.entries,
    }
    return [
      {
        target: { apiVersion: 'k8s-harden/v1', kind: 'NodeFile', name: `${node}:${placing.path}` },
        before: placing.before as unknown as Json,
        after: placing.after as unknown as Json,
        undo: JSON.parse(JSON.stringify(undo)) as Json,
      },
    ]
  },

  async commit({ to }, prepared, written, world) {
    if (prepared.is === 'component') return commitComponent(prepared.prepared, written, world)
    const [undo] = written.map(undoOf)
    if (undo === undefined || !isAlone(undo)) return []
    const host = world.host(undo.node)
    if (world.signal.aborted) throw new WriteRefused('you', 'the run was interrupted before anything was written')
    await sweep(host, [undo.path])
    await backUp(host, undo)
    await place(host, undo, prepared.wish.after?.text ?? '')
    if (undo.noticedBy !== 'kubelet') return []
    const { because, warnings } = await noticed(world, host, settingsOf(to, prepared.wish))
    if (because === undefined) return warnings
    await putBackAndRestart(world, host, undo, because)
    throw new WriteRefused(`the kubelet of ${host.node}`, `${because}; ${undo.path} was put back as it was, and the kubelet is back`)
  },

  async state(written, world): Promise<WrittenState> {
    const undo = undoOf(written)
    return isAlone(undo) ? aloneStanding(world.host(undo.node), undo) : stateOfComponent(written, world)
  },

  async undo(written, dryRun, world) {
    const [undo] = written.map(undoOf)
    if (undo === undefined) return
    if (!isAlone(undo)) return undoComponent(written, dryRun, world)
    const host = world.host(undo.node)
    const state = await aloneStanding(host, undo)
    if (state === 'other' || state === 'gone')
      throw new WriteConflict(
        `${undo.path} on ${host.node} was ${state === 'gone' ? 'removed' : 'changed'} since: taking our change back would overwrite that`,
      )
    if (dryRun) return
    await sweep(host, [undo.path])
    if (state === 'after') {
      await takeBack(host, undo)
      const still = undo.noticedBy === 'kubelet' ? await restartedKubelet(world, host) : undefined
      if (still !== undefined) throw new WriteRefused(`the kubelet of ${host.node}`, `${undo.path} was put back as it was, but ${still}`)
    }
    await dropBackup(host, undo)
  },
}

type Notice = FileAction['noticedBy']
const isComponent = (notice: Notice): notice is Exclude<Notice, 'nobody' | 'reader' | 'kubelet'> =>
  notice !== 'nobody' && notice !== 'reader' && notice !== 'kubelet'

function afterOf(host: Host, path: string, before: ReadFile | undefined, to: FileAction['to']): FileWish['after'] {
  if (to === 'removed') return null
  if ('text' in to) return to
  if (before === undefined) throw new WriteRefused(host.node, `${path} is not there`)
  try {
    return { text: editYaml(before.text, 0, undefined, to.edits), mode: before.stat.mode }
  } catch (error) {
    if (error instanceof YamlEditRefused) throw new WriteRefused(host.node, `${path} cannot be edited in place: ${error.message}`)
    throw error
  }
}

/** Of a list of keys, say, nothing is journalled but that it was changed. */
function entriesIn(before: string, after: string, edits: readonly Edit[]): readonly Entry[] {
  const [old, made] = [yamlValue(before), yamlValue(after)]
  const entries = entriesOf(old as Parameters<typeof entriesOf>[0], made, edits)
  return (old as { readonly kind?: unknown })?.kind === 'EncryptionConfiguration' || (old as { readonly kind?: unknown })?.kind === 'Config'
    ? []
    : entries
}

/** What the kubelet is to show afterwards. */
function settingsOf(to: FileAction['to'], { before, after }: FileWish): readonly Edit[] {
  if (typeof to === 'object' && 'edits' in to) return to.edits
  try {
    return editsBetween(yamlValue(before?.text ?? '{}'), yamlValue(after?.text ?? '{}'))
  } catch {
    return []
  }
}

async function noticed(
  world: HostWorld,
  host: Host,
  edits: readonly Edit[],
): Promise<{ readonly because?: string; readonly warnings: readonly string[] }> {
  const because = await restartedKubelet(world, host)
  if (because !== undefined) return { because, warnings: [] }
  const { wrong, unsure } = await shownByKubelet(world, host, edits)
  if (wrong.length > 0)
    return {
      because: `the kubelet of ${host.node} runs with other values (${wrong.join(', ')}): a drop-in or a flag of its own wins`,
      warnings: [],
    }
  return { warnings: unsure === undefined ? [] : [unsure] }
}

async function putBackAndRestart(world: HostWorld, host: Host, undo: Alone, because: string): Promise<void> {
  world.tell(`the kubelet of ${host.node} to come back as it was: ${because}`)
  try {
    await putBack(host, undo)
    const still = await restartedKubelet(world, host)
    if (still !== undefined) throw new Error(still)
  } catch (error) {
    throw new WriteUncertain(`${because}; putting it back failed: ${(error as Error).message}`)
  }
  await dropBackup(host, undo)
}

/** Where others have changed the file since, our values may still stand in it. */
async function aloneStanding(host: Host, undo: Alone): Promise<WrittenState> {
  const state = await standingOf(host, undo)
  if (state !== 'other' || undo.entries.length === 0) return state
  const value = await contentOf(host, undo)
  return value === undefined ? 'other' : standing(value, undo.entries)
}

async function contentOf(host: Host, { path }: Placing): Promise<unknown> {
  try {
    return yamlValue((await host.read(path))?.text ?? '')
  } catch {
    return undefined
  }
}

async function takeBack(host: Host, undo: Alone): Promise<void> {
  if ((await standingOf(host, undo)) === 'after') return putBack(host, undo)
  const file = await host.read(undo.path)
  if (file === undefined) throw new WriteConflict(`${undo.path} on ${host.node} was removed since`)
  const back = editsBack(yamlValue(file.text), undo.entries)
  await host.write(undo.path, editYaml(file.text, 0, undefined, back), { mode: file.stat.mode, expected: file.sha256 })
}
