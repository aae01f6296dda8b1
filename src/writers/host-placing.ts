/** One file of a node: written with a copy of the old one kept on the node, told apart by its bytes, and put back. */
import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { type Host, HostConflict, HostRefused, HostUnreachable, type ReadFile } from '../hosts/host.ts'
import type { RunId, StepId } from '../model/index.ts'
import { redact } from '../objects/yaml-redact.ts'
import { WriteConflict, WriteRefused, WriteUncertain, type WrittenState } from '../plan/writer.ts'

/** What a step makes of one file. Journalled: it names contents by their sha256 only. */
export interface Placing {
  readonly path: string
  /** null: nothing is there. */
  readonly before: { readonly sha256: string; readonly mode: number; readonly uid: number; readonly gid: number } | null
  /** null: it is removed. */
  readonly after: { readonly sha256: string; readonly mode: number } | null
  /** Where the old one is kept on the node; absent where there is none. */
  readonly backup?: string
}
/** What a file is to be, in memory only: its text may be secret. */
export interface FileWish {
  readonly path: string
  readonly before: ReadFile | undefined
  /** null: it is to go. */
  readonly after: { readonly text: string; readonly mode: number } | null
}

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')

/** `WriteRefused` where what is there cannot be kept and put back by its text. */
export async function readForChange(host: Host, path: string): Promise<ReadFile | undefined> {
  const stat = await host.stat(path)
  if (stat === undefined) return undefined
  if (stat.is !== 'file')
    throw new WriteRefused(
      host.node,
      `${path} is ${stat.is === 'other' ? 'no file' : `a ${stat.is}`}: what it leads to is not written over`,
    )
  const file = await host.read(path)
  if (file !== undefined && sha256Of(file.text) !== file.sha256) throw new WriteRefused(host.node, `${path} is no text in UTF-8`)
  return file
}

export const isChange = ({ before, after }: FileWish): boolean =>
  after === null
    ? before !== undefined
    : before === undefined || before.text !== after.text || (before.stat.mode & 0o777) !== (after.mode & 0o777)

/** Of the node: below it lie the copies of what was replaced, by run and step. */
export const KEPT = '/var/lib/k8s-harden'

/** `index` keeps two files of one name apart. */
export function placingOf({ path, before, after }: FileWish, index: number, run: RunId, step: StepId): Placing {
  return {
    path,
    before: before === undefined ? null : { sha256: before.sha256, mode: before.stat.mode, uid: before.stat.uid, gid: before.stat.gid },
    after: after === null ? null : { sha256: sha256Of(after.text), mode: after.mode },
    ...(before !== undefined && { backup: `${KEPT}/${run}/${step}/${index}-${basename(path)}` }),
  }
}

/** Unified, without what may be secret. */
export function diffOf(node: string, { path, before, after }: FileWish): string {
  const name = `${node}:${path}`
  const mode = after === null ? '' : `mode ${after.mode.toString(8).padStart(4, '0')}`
  const patch = createTwoFilesPatch(
    before === undefined ? 'absent' : name,
    after === null ? 'removed' : name,
    shown(before?.text ?? ''),
    shown(after?.text ?? ''),
    '',
    mode,
    { context: 3 },
  )
  return patch.slice(patch.indexOf('---'))
}
/** Kubeconfigs of webhooks hold credentials too. */
const shown = (text: string): string => redact(text).replace(/^(\s*(?:- )?(?:token|password|client-key-data)\s*:\s*)\S.*$/gim, '$1‹hidden›')

/** Before anything is touched. */
export async function backUp(host: Host, { path, before, backup }: Placing): Promise<void> {
  if (before === null || backup === undefined) return
  if ((await host.read(path))?.sha256 !== before.sha256)
    throw new WriteConflict(`${path} on ${host.node} was changed since it was looked at`)
  if ((await host.read(backup))?.sha256 === before.sha256) return
  await host.copy(path, backup)
  if ((await host.read(backup))?.sha256 !== before.sha256)
    throw new WriteRefused(host.node, `the copy of ${path} in ${dirname(backup)} is not what was copied`)
}

export async function place(host: Host, { path, before, after }: Placing, text: string): Promise<void> {
  if (after === null) return before === null ? undefined : host.remove(path, before.sha256)
  await host.write(path, text, { mode: after.mode, expected: before?.sha256 ?? null })
}

/** By the bytes that are there. */
export async function standingOf(host: Host, { path, before, after }: Placing): Promise<WrittenState> {
  const now = await host.read(path)
  if (now === undefined) return before === null ? 'before' : after === null ? 'after' : 'gone'
  if (now.sha256 === after?.sha256 && now.sha256 === before?.sha256) return now.stat.mode === after.mode ? 'after' : 'before'
  return now.sha256 === after?.sha256 ? 'after' : now.sha256 === before?.sha256 ? 'before' : 'other'
}

/** Puts back what was there, if what is there is ours. */
export async function putBack(host: Host, placing: Placing): Promise<void> {
  const { path, before, after, backup } = placing
  if ((await standingOf(host, placing)) === 'before') return
  if (before === null) return after === null ? undefined : host.remove(path, after.sha256)
  const kept = backup === undefined ? undefined : await host.read(backup)
  if (kept?.sha256 !== before.sha256)
    throw new WriteConflict(
      `the copy of ${path} that was kept on ${host.node} (${backup}) is ${kept === undefined ? 'gone' : 'another one by now'}`,
    )
  const { mode, uid, gid } = before
  await host.write(path, kept.text, { mode, uid, gid, expected: after?.sha256 ?? null })
}

/** Puts back what was there over whatever somebody else has put there since; that is kept beside the copy, as `….found`. */
export async function putAside(host: Host, { path, before, backup }: Placing): Promise<void> {
  const found = await host.read(path)
  const old = backup === undefined ? undefined : await host.read(backup)
  if (found === undefined || before === null || backup === undefined || old?.sha256 !== before.sha256) return
  if ((await host.stat(`${backup}.found`)) === undefined) await host.copy(path, `${backup}.found`)
  await host.write(path, old.text, { mode: before.mode, uid: before.uid, gid: before.gid, expected: found.sha256 })
}

/** Once it is no longer needed. */
export async function dropBackup(host: Host, { before, backup }: Placing): Promise<void> {
  if (backup !== undefined && before !== null) await host.remove(backup, before.sha256).catch(() => {})
}

/** Half-written files that a crash left beside these. */
export async function sweep(host: Host, paths: readonly string[]): Promise<void> {
  for (const directory of new Set(paths.map((path) => dirname(path))))
    for (const name of (await host.list(directory)) ?? []) {
      if (!/^\.k8s-harden-[0-9a-f]{12}$/.test(name)) continue
      const path = `${directory === '/' ? '' : directory}/${name}`
      const left = await host.read(path).catch(() => undefined)
      if (left !== undefined) await host.remove(path, left.sha256).catch(() => {})
    }
}

/** An error of a host in the words of a writer. `mayHaveWritten`: an answer that was lost leaves open what happened. */
export function asWriteError(error: unknown, host: Pick<Host, 'node' | 'words'>, mayHaveWritten: boolean): unknown {
  if (error instanceof HostConflict) return new WriteConflict(`${error.message} (on ${host.node})`)
  if (error instanceof HostRefused) return new WriteRefused(`${host.node} (${host.words})`, error.message)
  if (error instanceof HostUnreachable)
    return mayHaveWritten
      ? new WriteUncertain(`${host.node} (${host.words}) did not answer: ${error.message}`)
      : new WriteRefused(`${host.node} (${host.words})`, `it cannot be reached: ${error.message}`)
  return error
}
