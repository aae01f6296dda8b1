import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'

const MOST_LINKS = 40

/**
 * Where a path of the node is on this machine, when the node's `/` is `root`: links are followed as the node would, so that none leads out of
 * `root`. The last element only where `follow` says so. What is not there is taken as it is written. Throws ELOOP after 40 links.
 */
export async function insideRoot(root: string, path: string, follow: boolean): Promise<string> {
  const todo = path.split('/').filter((part) => part !== '')
  let at: string[] = []
  let links = 0
  while (todo.length > 0) {
    const part = todo.shift()!
    if (part === '.' || part === '') continue
    if (part === '..') {
      at = at.slice(0, -1)
      continue
    }
    const here = join(root, ...at, part)
    const target = todo.length === 0 && !follow ? undefined : await linkAt(here)
    if (target === undefined) at.push(part)
    else {
      if (++links > MOST_LINKS) throw Object.assign(new Error(`${path} has too many links`), { code: 'ELOOP' })
      if (target.startsWith('/')) at = []
      todo.unshift(...target.split('/'))
    }
  }
  return join(root, ...at)
}

async function linkAt(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
