/** Modes and owners of files on a node: the commands for the operator, who runs them there. */
import type { Finding, Remedy } from '../src/model/index.ts'

interface Evidence {
  readonly node: string
  readonly path: string
  /** Octal. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly most: string
}

export const nodeFiles: Remedy<Evidence> = {
  family: 'node-files',
  guides: true,
  reads: [],
  propose: ({ evidence }: Finding<Evidence>) => {
    const { node, path, mode, uid, gid, most } = evidence
    // No bit is added: a file that is closed further than it must be stays so.
    const wanted = (Number.parseInt(mode, 8) & Number.parseInt(most, 8)).toString(8)
    const commands = [
      ...(wanted === mode ? [] : [`chmod ${wanted} ${quoted(path)}`]),
      ...(uid === 0 && gid === 0 ? [] : [`chown root:root ${quoted(path)}`]),
    ]
    return { byHand: `on node ${node}, as root: ${commands.join(' && ')}` }
  },
}
const quoted = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
