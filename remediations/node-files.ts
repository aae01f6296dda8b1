/** Modes and owners of files on a node: changed there through its carrier, as far as whoever opens them still can. */
import { remedy } from '../src/model/define.ts'
import type { FileRights, HostFileSeen, HostSeen, Proposal, Readable, Remedy, View } from '../src/model/index.ts'
import { type FileReader, mayOpen, readersOf } from '../src/objects/host-file-readers.ts'
import { fileRule } from '../src/objects/host-file-rules.ts'

interface Evidence {
  readonly node: string
  readonly path: string
}

export const nodeFiles: Remedy<Evidence> = remedy<Evidence>({
  family: 'node-files',
  reads: ['Hosts', 'Pod'],
  propose: ({ evidence: { node, path } }, { view }) => tighten(node, path, view),
})

/** What no rule is about is taken for a file with keys: 0600, and root's. */
export function tighten(node: string, path: string, view: View<Readable>): Proposal {
  const host = view.fact('Hosts')?.hosts.find((one) => one.node === node)
  const file = host?.files.find((one) => one.path === path)
  if (host === undefined || file === undefined) return { byHand: `${path} was not seen on node ${node}: scan again with --host` }
  const readers = readersOf(node, path, view)
  const to = wantedOf(host, file, readers)
  const { mode, uid, gid } = file
  const from = { mode, uid, gid }
  if (file.link === true || typeof to === 'string')
    return { byHand: `on node ${node}, as root: ${commandsOf(file, to).join(' && ')}${file.link === true ? ` (${path} is a link)` : ''}` }
  const locked = readers.find((one) => one.uid !== undefined && mayOpen(from, one, file.is) && !mayOpen(to, one, file.is))
  if (locked !== undefined)
    return {
      refused: `${locked.pod} opens ${path} as user ${locked.uid}, and could not any more: let it run as root, or make it the owner (chown ${locked.uid})`,
    }
  if (to.mode === mode && to.uid === uid && to.gid === gid) return { refused: `a pod runs as user ${uid} and needs ${path} to be its own` }
  const mayBreak = lostBy(file, to, readers, view)
  const said = [
    ...(to.mode === mode ? [] : [`mode ${octal(to.mode)}`]),
    ...(to.uid === uid && to.gid === gid ? [] : [`owner ${to.uid === 0 ? 'root' : to.uid}:${to.gid === 0 ? 'root' : to.gid}`]),
  ].join(', ')
  return {
    changes: [
      {
        type: 'host',
        key: `${node}:${path} rights`,
        title: `${path} on ${node}: ${said}`,
        action: { do: 'permissions', node, path, from, to },
      },
    ],
    risk: mayBreak.length === 0 ? 'safe' : 'may-break',
    summary: `${said} for ${path}`,
    ...(mayBreak.length > 0 && { mayBreak }),
  }
}

/** No bit is added: a file that is closed further than it must be stays so. A string: owner and group by name, whose numbers are not known. */
function wantedOf(host: HostSeen, file: HostFileSeen, readers: readonly FileReader[]): FileRights | 'etcd:etcd' {
  const rule = fileRule(file)
  const mode = file.mode & (rule?.mode ?? 0o600)
  const { uid, gid, owner, group } = file
  if (rule?.owner(file) === true) return { mode, uid, gid }
  // Root reads all the same.
  if (rule?.etcd === true && (owner === 'etcd' || group === 'etcd')) {
    const ids = {
      uid: host.files.find((one) => one.owner === 'etcd')?.uid,
      gid: host.files.find((one) => one.group === 'etcd')?.gid,
    }
    return ids.uid === undefined || ids.gid === undefined ? 'etcd:etcd' : { mode, uid: ids.uid, gid: ids.gid }
  }
  if (readers.some((one) => one.uid === uid)) return { mode, uid, gid }
  return { mode, uid: 0, gid: 0 }
}

function commandsOf({ path, mode, uid, gid, ...file }: HostFileSeen, to: FileRights | 'etcd:etcd'): readonly string[] {
  const wanted = typeof to === 'string' ? mode & (fileRule({ path, mode, uid, gid, ...file })?.mode ?? 0o600) : to.mode
  const owner = typeof to === 'string' ? to : to.uid === 0 && to.gid === 0 ? 'root:root' : `${to.uid}:${to.gid}`
  const stays = typeof to !== 'string' && to.uid === uid && to.gid === gid
  return [...(wanted === mode ? [] : [`chmod ${wanted.toString(8)} ${quoted(path)}`]), ...(stays ? [] : [`chown ${owner} ${quoted(path)}`])]
}
const quoted = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

/** Who may have opened it and could not any more, as far as can be told. */
function lostBy(file: HostFileSeen, to: FileRights, readers: readonly FileReader[], view: View<Readable>): readonly string[] {
  const { mode, uid, gid, owner, group, path, is } = file
  const closes = (shift: number) => ((mode & ~to.mode) >> shift) & (is === 'file' ? 0o4 : 0o1)
  const loses = closes(0) !== 0 || closes(3) !== 0 || to.uid !== uid || to.gid !== gid
  if (!loses) return []
  return [
    ...readers
      .filter((reader) => reader.uid === undefined)
      .map(({ pod }) => `${pod} opens ${path}, and it is not known as whom: as another user than root it cannot any more`),
    ...(view.unread('Pod') === undefined ? [] : [`which pods open ${path} could not be seen`]),
    ...(to.uid === uid || uid === 0 ? [] : [`what runs on the node as ${owner ?? `user ${uid}`} is no longer the owner of ${path}`]),
    ...(gid === 0 || (mode & 0o060) === 0 || (to.gid === gid && closes(3) === 0)
      ? []
      : [`what runs on the node in group ${group ?? gid} cannot open ${path} any more`]),
    ...(/admin\.conf$/.test(path) && closes(0) !== 0 ? [`whoever uses ${path} without being root needs a kubeconfig of his own`] : []),
  ]
}
