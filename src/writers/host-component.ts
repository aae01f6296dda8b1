/** A static pod's manifest and the files that go with it, changed as one: all of it is there and the component back, or nothing is. */
import { type GuardedFile, type Host, HostUnreachable } from '../hosts/host.ts'
import type { Json, PodObject, StepId, Written } from '../model/index.ts'
import { editsOfPod } from '../objects/flag-edits.ts'
import { commandLineOf, flagNameOf } from '../objects/flag-parse.ts'
import { applyEdits } from '../objects/path.ts'
import { editYaml, YamlEditRefused } from '../objects/yaml-edit.ts'
import { WriteConflict, WriteRefused, type WrittenState } from '../plan/writer.ts'
import { entriesOf } from './cluster-patch.ts'
import { manifestStanding, restore, takeAllBack } from './host-component-back.ts'
import type { ComponentPrepared, ComponentUndo, ComponentWish, ManifestUndo } from './host-component-record.ts'
import { refuseUnfit } from './host-flag-checks.ts'
import { armed, refuseUnguardable, toldTo, unlessUnanswered } from './host-guard.ts'
import { refuseBroken, refuseBrokenBack } from './host-named-files.ts'
import type { HostWorld } from './host-performer.ts'
import {
  backUp,
  diffOf,
  type FileWish,
  isChange,
  type Placing,
  place,
  placingOf,
  putBack,
  sha256Of,
  standingOf,
  sweep,
} from './host-placing.ts'
import { logsBefore, type Returning, untilBack } from './host-restart.ts'
import { mirrored, type StaticPod, staticPodOf } from './host-static-pod.ts'
import { kubeletsAnswering, kubeletsLost } from './serving-seen.ts'

/** Changes with the files, so that the kubelet restarts what read them at its start. */
const FILES_ANNOTATION = 'k8s-harden/files'

/** Throws `WriteRefused` for whatever would keep the component down and can be seen beforehand. */
export async function rehearseComponent(
  wish: ComponentWish,
  world: HostWorld,
): Promise<{ readonly diff: string; readonly warnings: readonly string[]; readonly prepared: ComponentPrepared }> {
  const host = world.host(wish.node)
  const own = await staticPodOf(host, wish.component)
  const mirror = await mirrored(world, host, own)
  const flagEdits = editsOfPod(own.pod, wish.component, wish.flags, wish.mounts)
  if (flagEdits === undefined)
    throw new WriteRefused(host.node, `${own.path} starts ${wish.component} from a shell script: change it by hand`)
  const edits = [...flagEdits, ...(wish.edits ?? [])]
  await refuseUnfit(world, host, own, wish)
  const files = wish.files.filter(isChange)
  const mark = sha256Of(JSON.stringify(files.map(({ path, after }) => [path, after?.text ?? null]))).slice(0, 16)
  const all = edits.length > 0 || files.length === 0 ? edits : [{ set: ['metadata', 'annotations', FILES_ANNOTATION], to: mark }]
  const text = edited(host, own, all)
  const placed = wish.files.flatMap(({ path, after }) => (after === null ? [] : [path]))
  await refuseBroken(world, host, wish.component, applyEdits(own.pod, edits) as PodObject, placed)
  const manifest: FileWish = { path: own.path, before: own.file, after: { text, mode: own.file.stat.mode } }
  const changesManifest = isChange(manifest)
  const wishes = [...files, ...(changesManifest ? [manifest] : [])]
  const line = commandLineOf(own.container, wish.component)!
  const before = Object.fromEntries(Object.keys(wish.flags).map((flag) => [flag, line.flags.get(flag) ?? null]))
  const contents = files.flatMap((one) => [one.before?.text, one.after?.text])
  await refuseUnguardable(host, wish.component, { before, after: wish.flags }, contents)
  return {
    diff: wishes.map((one) => diffOf(host.node, one)).join(''),
    warnings: wishes.length === 0 ? [`${own.path} on ${host.node} has all of it already`] : [],
    prepared: {
      wish,
      own,
      wishes,
      changesManifest,
      before,
      entries: entriesOf(own.pod, applyEdits(own.pod, edits), wish.edits ?? []),
      hash: mirror.hash,
    },
  }
}

function edited(host: Host, { path, file, document }: StaticPod, edits: Parameters<typeof editYaml>[3]): string {
  try {
    return edits.length === 0 ? file.text : editYaml(file.text, document, undefined, edits)
  } catch (error) {
    if (error instanceof YamlEditRefused) throw new WriteRefused(host.node, `${path} cannot be edited in place: ${error.message}`)
    throw error
  }
}

export function intentOf(
  { wish, own, wishes, before, entries, hash, changesManifest }: ComponentPrepared,
  step: StepId,
  { run }: HostWorld,
): readonly Written[] {
  const { node, component } = wish
  const stood = [...(own.container.command ?? []), ...(own.container.args ?? [])].flatMap((word) => flagNameOf(word) ?? [])
  return wishes.map((one, index): Written => {
    const placing = placingOf(one, index, run, step)
    const manifest: ManifestUndo = {
      role: 'manifest',
      flags: { before, after: wish.flags },
      mounts: wish.mounts
        .filter(({ path }) => !own.container.volumeMounts?.some(({ mountPath }) => mountPath === path))
        .map(({ path }) => path),
      repeated: Object.keys(wish.flags).filter((flag) => stood.filter((name) => name === flag).length > 1),
      document: own.document,
      ...(entries.length > 0 && { entries }),
      pod: { namespace: own.namespace, name: own.name, container: own.container.name },
      hash,
    }
    const isManifest = changesManifest && index === wishes.length - 1
    const undo: ComponentUndo = {
      is: 'host',
      do: wish.do,
      node,
      component,
      ...placing,
      ...(isManifest ? manifest : { role: 'file' as const }),
    }
    return {
      target: { apiVersion: 'k8s-harden/v1', kind: 'NodeFile', name: `${node}:${one.path}` },
      before: isManifest ? { sha256: placing.before!.sha256, flags: before } : (placing.before as unknown as Json),
      after: isManifest ? { sha256: placing.after!.sha256, flags: wish.flags } : (placing.after as unknown as Json),
      undo: undo as unknown as Json,
    }
  })
}
export const undoOf = (written: Written): ComponentUndo => written.undo as unknown as ComponentUndo

/** Comes back with the component proved to run with what was wished, or throws after everything was put back. */
export async function commitComponent(
  prepared: ComponentPrepared,
  written: readonly Written[],
  world: HostWorld,
): Promise<readonly string[]> {
  const host = world.host(prepared.wish.node)
  // All stands there already, of a run that died while it waited perhaps: it is to run with it all the same.
  if (written.length === 0) {
    const { notHash: _own, ...standing } = returning(prepared)
    const because = await untilBack(world, host, standing, await logsBefore(host, standing))
    if (because === undefined) return []
    throw new WriteRefused(`${prepared.wish.component} on ${host.node}`, because)
  }
  if (world.signal.aborted) throw new WriteRefused('you', 'the run was interrupted before anything was written')
  const undos = written.map(undoOf)
  const awaited = returning(prepared)
  await sweep(
    host,
    undos.flatMap(({ path, backup = path }) => [path, backup]),
  )
  for (const undo of undos) await backUp(host, undo)
  const logs = await logsBefore(host, awaited)
  const reached = await kubeletsAnswering(world, prepared.wish.flags)
  const guard = await armed(world, host, prepared.wish.component, undos.flatMap(guarded))
  const placed: ComponentUndo[] = []
  try {
    await unlessUnanswered(guard, async () => {
      for (const [index, undo] of undos.entries()) {
        placed.push(undo)
        await place(host, undo, prepared.wishes[index]!.after?.text ?? '')
      }
    })
  } catch (error) {
    if (guard !== undefined) await toldTo('putBack', guard, world)
    // What somebody else put there meanwhile is not ours to take away.
    for (const undo of placed.toReversed()) if ((await standingOf(host, undo)) === 'after') await putBack(host, undo)
    throw error
  }
  const lost = (await untilBack(world, host, awaited, logs, () => whyOverwritten(host, undos))) ?? (await kubeletsLost(world, reached))
  if (lost === undefined && (guard === undefined || (await toldTo('keep', guard, world)) === 'kept')) return []
  const because = lost ?? 'it was back, but the helper pod could not be told so in time'
  const aside = await restore(world, host, undos, because, guard)
  throw new WriteRefused(
    `${prepared.wish.component} on ${host.node}`,
    `${because}; ${guard === undefined ? 'everything was put back as it was' : 'the helper pod put everything back as it was'}, and it is back${aside.map((words) => `; ${words}`).join('')}`,
  )
}

/** Another program manages the manifest and has put the old one back at once: it is not fought. */
async function whyOverwritten(host: Host, undos: readonly ComponentUndo[]): Promise<string | undefined> {
  const manifest = undos.find((undo) => undo.role === 'manifest')
  if (manifest?.role !== 'manifest') return undefined
  try {
    return (await manifestStanding(host, manifest)) === 'before'
      ? `somebody has put the old ${manifest.path} back on ${host.node} as soon as it was changed: whatever manages that file (Ansible, Puppet, an agent) must be told of the change first`
      : undefined
  } catch (error) {
    // The road to the node may lead over what is away.
    if (error instanceof HostUnreachable) return undefined
    throw error
  }
}

/** Files before the manifest, as they stand in a step. What is new stays until the component is back without it. */
const guarded = ({ path, before, after }: Placing): readonly GuardedFile[] =>
  before === null || before.sha256 === after?.sha256 ? [] : [{ path, before: before.sha256, after: after?.sha256 ?? null }]

const returning = ({ wish, own, hash }: ComponentPrepared): Returning => ({
  component: wish.component,
  namespace: own.namespace,
  name: own.name,
  container: own.container.name,
  flags: wish.flags,
  ...(hash !== '' && { notHash: hash }),
})

export async function proveComponent(written: readonly Written[], world: HostWorld): Promise<void> {
  const manifest = written.map(undoOf).find((undo) => undo.role === 'manifest')
  if (manifest?.role !== 'manifest') return
  const { component, pod, flags, node } = manifest
  const host = world.host(node)
  const because = await untilBack(world, host, { component, ...pod, flags: flags.after }, new Map())
  if (because !== undefined) throw new WriteRefused(`${component} on ${node}`, because)
}

export async function stateOfComponent(written: Written, world: HostWorld): Promise<WrittenState> {
  const undo = undoOf(written)
  const host = world.host(undo.node)
  return undo.role === 'manifest' ? manifestStanding(host, undo) : standingOf(host, undo)
}

export async function undoComponent(written: readonly Written[], dryRun: boolean, world: HostWorld): Promise<void> {
  const undos = written.map(undoOf)
  const host = world.host(undos[0]!.node)
  for (const one of written) {
    const state = await stateOfComponent(one, world)
    const { path } = undoOf(one)
    if (state === 'other') throw new WriteConflict(`${path} on ${host.node} was changed since: taking our change back would overwrite that`)
    if (state === 'gone')
      throw new WriteConflict(`${path} on ${host.node} was removed since: there is nothing to take the change back from`)
  }
  await refuseBrokenBack(world, host, undos)
  if (dryRun) return
  await sweep(
    host,
    undos.map(({ path }) => path),
  )
  const still = await takeAllBack(world, host, undos)
  if (still !== undefined)
    throw new WriteRefused(undos[0]!.component, `everything was put back as it was, but ${still}: look at it on ${host.node}`)
}
