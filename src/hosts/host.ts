/** A node whose files are reached through a carrier: the port that sources look through and writers write through. */
import type { Carrier, FileRights } from '../model/index.ts'

export interface Stat {
  readonly is: 'file' | 'directory' | 'link' | 'other'
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly owner?: string
  readonly group?: string
  /** Bytes. */
  readonly size: number
}
export interface ReadFile {
  readonly text: string
  /** Hex, of the bytes. */
  readonly sha256: string
  readonly stat: Stat
}

export interface WriteOptions {
  /** Permission bits of the new file. */
  readonly mode: number
  /** Default: those of the file that is there, else root. */
  readonly uid?: number
  readonly gid?: number
  /** What must be there now: the sha256 of its bytes, or null for nothing. Anything else is a `HostConflict`, and nothing is written. */
  readonly expected: string | null
}

/** What was seen of a path; a path of which nothing certain is known is to be asked about by itself. */
export interface Several {
  /** Undefined: it is not there. */
  readonly stats: ReadonlyMap<string, Stat | undefined>
  readonly files: ReadonlyMap<string, ReadFile>
}

/**
 * One node. Paths are absolute and normal (no `..`). "Not there" is undefined; whatever else keeps an answer away throws `HostRefused`
 * (the node said no) or `HostUnreachable` (nobody knows). Calls end by their own time limits.
 */
export interface Host {
  /** The Node's name in the cluster. */
  readonly node: string
  readonly carrier: Carrier
  /** For the operator: "ssh root@10.0.0.1", "docker exec kind-control-plane". */
  readonly words: string
  /** A link is not followed. */
  stat(path: string): Promise<Stat | undefined>
  /** Of a file of at most `limit` bytes (default 4 MiB); a link to a file is followed. */
  read(path: string, limit?: number): Promise<ReadFile | undefined>
  /** Of a carrier to whom every question is a process and a way: what can be known of many by few. */
  several?(paths: readonly string[], content: boolean): Promise<Several>
  /** Names in a directory, sorted. */
  list(path: string): Promise<readonly string[] | undefined>
  /**
   * Whole or not at all: written beside under a name that begins with a dot (the kubelet does not run those), flushed, then renamed.
   * A missing directory is made, 0700 and root's.
   */
  write(path: string, text: string, options: WriteOptions): Promise<void>
  /** A byte-for-byte copy with owner and mode, to a place where there is nothing; its directory is made 0700. */
  copy(from: string, to: string): Promise<void>
  /** `expected` as for write; nothing there is fine. */
  remove(path: string, expected: string): Promise<void>
  /** Of a file or directory, which must have `expected` now; a link is refused. The owner first, then the mode. */
  permit(path: string, rights: FileRights, expected: FileRights): Promise<void>
  run(command: HostCommand): Promise<CommandResult>
  /** Yields the sha256 of a file (undefined: not there) at first and whenever it has changed; looks once a second. Ends when aborted. */
  watch(path: string, signal: AbortSignal): AsyncIterable<string | undefined>
  /**
   * Only of a carrier whose road leads over the API server: before that, or its etcd, is changed, the node itself is to keep the files and to
   * put them back by itself after `seconds`, whether or not anybody is left who could ask for it. Folders of `looks` can be read meanwhile;
   * others that are not open yet cannot.
   */
  guarded?(files: readonly GuardedFile[], seconds: number, looks: readonly string[]): Promise<Guard>
  /** Ends what keeps it open: a connection, a helper pod. Safe to call twice. */
  close(): Promise<void>
}

export interface GuardedFile {
  readonly path: string
  /** The sha256 of what is there now, and is put back. */
  readonly before: string
  /** Of what will be there, or null for nothing. Whatever else is found there then is somebody else's, and stays. */
  readonly after: string | null
}
/** Both may be asked again after a `HostUnreachable`; what they say is what was done. */
export interface Guard {
  /** When it puts back by itself, in milliseconds since 1970. */
  readonly until: number
  keep(): Promise<'kept' | 'put back'>
  /** At once. */
  putBack(): Promise<'kept' | 'put back'>
}

/** A program of the table in commands.ts with its arguments filled in: nothing else is ever run on a node. */
export interface HostCommand {
  readonly name: string
  readonly argv: readonly string[]
  /** Milliseconds; then it is ended and counts as `HostUnreachable`. */
  readonly timeoutMs: number
  readonly stdin?: string
}
export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The node said no: permission denied, a read-only file system, a program that is not there. The message is one clause. */
export class HostRefused extends Error {
  override readonly name = 'HostRefused'
}
/** Nobody knows: the connection failed, or no answer came in time. */
export class HostUnreachable extends Error {
  override readonly name = 'HostUnreachable'
}
/** What is there is not what was expected; nothing was written. */
export class HostConflict extends Error {
  override readonly name = 'HostConflict'
}

/** Throws where what is there is a link, is neither file nor directory, or has other rights than are expected. */
export function expectRights(path: string, stat: Stat | undefined, expected: FileRights): Stat {
  if (stat === undefined) throw new HostRefused(`${path} is not there`)
  if (stat.is === 'link') throw new HostRefused(`${path} is a link: change what it leads to`)
  if (stat.is === 'other') throw new HostRefused(`${path} is neither a file nor a directory`)
  if (!sameRights(stat, expected))
    throw new HostConflict(`${path} has mode ${octal(stat.mode)} and belongs to ${stat.uid}:${stat.gid} by now`)
  return stat
}
export const sameRights = (a: FileRights, b: FileRights): boolean => a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

export const conflict = (path: string, now: string | undefined, expected: string | null): HostConflict =>
  new HostConflict(
    `${path} ${now === undefined ? 'is not there' : expected === null ? 'is there already' : 'was changed by somebody else'}`,
  )
