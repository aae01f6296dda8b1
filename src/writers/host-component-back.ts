/** A component's manifest and files put back as they were before a change, and waited for. */
import type { Guard, GuardedFile, Host } from '../hosts/host.ts'
import { WriteUncertain, type WrittenState } from '../plan/writer.ts'
import type { ComponentUndo, ManifestUndo } from './host-component-record.ts'
import { armed, refuseUnguardable, toldTo, unlessUnanswered } from './host-guard.ts'
import type { HostWorld } from './host-performer.ts'
import { dropBackup, type Placing, putAside, putBack, sha256Of, standingOf } from './host-placing.ts'
import { type LogsBefore, logsBefore, untilBack } from './host-restart.ts'
import { flagsStanding, textBack } from './host-take-back.ts'

type Manifest = ComponentUndo & ManifestUndo
const isManifest = (undo: ComponentUndo): undo is Manifest => undo.role === 'manifest'

/** What was there before is put back at once, and what is new goes once nobody needs it. Returns what was set aside for it. `guard`: what watched over the change. */
export async function restore(
  world: HostWorld,
  host: Host,
  undos: readonly ComponentUndo[],
  because: string,
  guard: Guard | undefined,
): Promise<readonly string[]> {
  world.tell(`${undos[0]!.component} on ${host.node} to come back as it was: ${because}`)
  const failed = (words: string) => new WriteUncertain(`${because}; ${words}`)
  const aside: string[] = []
  try {
    if (guard !== undefined) await toldTo('putBack', guard, world)
    for (const undo of undos) aside.push(...(await setAside(host, undo)))
    // It may take a while, and what went wrong is not to be out of sight until it is over.
    const telling = { ...world, tell: (words: string) => world.tell(`${words}, as it was: ${because}`) }
    const still = await takeAllBack(telling, host, undos, guard !== undefined)
    if (still !== undefined) throw failed(`everything was put back as it was, but ${still}: look at it on ${host.node}`)
  } catch (error) {
    if (error instanceof WriteUncertain) throw error
    throw failed(`putting it back failed: ${(error as Error).message}`)
  }
  return aside
}

/**
 * Somebody has written over it since, and the component is down: what is there is kept beside the copy, and what was there before is to be
 * put back. A manifest of somebody else's in which our flags stand is only relieved of them.
 */
async function setAside(host: Host, undo: ComponentUndo): Promise<readonly string[]> {
  const state = isManifest(undo) ? await manifestStanding(host, undo) : await standingOf(host, undo)
  if (state !== 'other') return []
  await putAside(host, undo)
  return undo.backup === undefined ? [] : [`somebody wrote over ${undo.path} meanwhile: that is in ${undo.backup}.found`]
}

/** Undefined once the component is back, else why not. `isMoved`: it may just have been put back, and is to be waited for. */
export async function takeAllBack(
  world: HostWorld,
  host: Host,
  undos: readonly ComponentUndo[],
  isMoved = false,
): Promise<string | undefined> {
  const isNew = ({ before }: Placing) => before === null
  const manifest = undos.find(isManifest)
  const isBack = manifest === undefined || (await manifestStanding(host, manifest)) === 'before'
  const putFilesBack = async () => {
    for (const undo of undos) if (undo.role === 'file' && !isNew(undo)) await putBack(host, undo)
  }
  let still: string | undefined
  if (isBack) {
    await putFilesBack()
    // Put back by a guard or by an attempt before, which may not have seen it come back.
    if (manifest !== undefined) still = await untilOldIsBack(world, host, manifest, isMoved, await logsBefore(host, manifest.pod))
  } else still = await manifestBack(world, host, manifest, undos, putFilesBack)
  if (still !== undefined) return still
  for (const undo of undos) if (undo.role === 'file' && isNew(undo)) await putBack(host, undo)
  for (const undo of undos) await dropBackup(host, undo)
  return undefined
}

async function manifestBack(
  world: HostWorld,
  host: Host,
  manifest: Manifest,
  undos: readonly ComponentUndo[],
  putFilesBack: () => Promise<void>,
): Promise<string | undefined> {
  const { component, flags, path } = manifest
  const whole = (await standingOf(host, manifest)) === 'after'
  const edited = whole ? undefined : await textBack(host, manifest)
  await refuseUnguardable(host, component, { before: flags.after, after: flags.before }, await contentsOf(host, undos))
  const logs = await logsBefore(host, manifest.pod)
  const files = undos.flatMap((undo) => (undo.role === 'file' ? guardedBack(undo) : []))
  const own = edited === undefined ? guardedBack(manifest) : [{ path, before: edited.file.sha256, after: sha256Of(edited.text) }]
  const guard = await armed(world, host, component, [...files, ...own])
  await unlessUnanswered(guard, async () => {
    await putFilesBack()
    if (edited === undefined) await putBack(host, manifest)
    else await host.write(path, edited.text, { mode: edited.file.stat.mode, expected: edited.file.sha256 })
  }).catch(async (error: unknown) => {
    if (guard !== undefined) await toldTo('putBack', guard, world)
    throw error
  })
  const still = await untilOldIsBack(world, host, manifest, whole, logs)
  if (guard === undefined) return still
  if ((await toldTo(still === undefined ? 'keep' : 'putBack', guard, world)) === 'kept') return still
  throw new WriteUncertain(
    `${still ?? `${component} on ${host.node} was back too late`}; the helper pod has put ${path} back to what it was before this was taken back`,
  )
}

async function untilOldIsBack(
  world: HostWorld,
  host: Host,
  { component, pod, flags, hash }: Manifest,
  whole: boolean,
  logs: LogsBefore = new Map(),
) {
  return untilBack(world, host, { component, ...pod, flags: flags.before, ...(whole && { hash }) }, logs)
}

/** Of a change that is taken back; what is not there now has nothing to be kept. */
const guardedBack = ({ path, before, after }: Placing): readonly GuardedFile[] =>
  before === null || after === null || before.sha256 === after.sha256 ? [] : [{ path, before: after.sha256, after: before.sha256 }]

async function contentsOf(host: Host, undos: readonly ComponentUndo[]): Promise<readonly (string | undefined)[]> {
  const paths = undos.flatMap(({ role, path, backup }) => (role === 'file' ? [path, ...(backup === undefined ? [] : [backup])] : []))
  const texts: (string | undefined)[] = []
  for (const path of paths) texts.push((await host.read(path))?.text)
  return texts
}

/** A manifest that others have changed since is still ours where our flags stand. */
export async function manifestStanding(host: Host, undo: Manifest): Promise<WrittenState> {
  const state = await standingOf(host, undo)
  return state === 'other' ? flagsStanding(host, undo) : state
}
