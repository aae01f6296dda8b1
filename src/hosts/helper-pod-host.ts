/** A node's files by way of a helper pod, which sees them at their own paths, and nothing of the node besides. */
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import type { FileRights } from '../model/index.ts'
import { HelperPod, type HelperPodOptions } from './helper-pod.ts'
import { armGuard } from './helper-pod-guard.ts'
import { LIFETIME } from './helper-pod-object.ts'
import {
  type CommandResult,
  type Guard,
  type GuardedFile,
  type Host,
  type HostCommand,
  HostRefused,
  type ReadFile,
  type Stat,
  type WriteOptions,
} from './host.ts'
import { plainPath } from './plain-path.ts'
import { RemoteHost } from './remote.ts'
import { lastLine } from './runner.ts'

/** Where kubeadm, the packages of the kubelet and k8s-harden keep files that are looked at. Others are added when they are asked for. */
export const FOLDERS = [
  '/etc/kubernetes',
  '/var/lib/kubelet',
  '/var/lib/etcd',
  '/var/lib/k8s-harden',
  '/etc/systemd/system',
  '/usr/lib/systemd/system',
  '/etc/cni/net.d',
]
/** Looked for by itself: what is beside it is nobody's business. */
const ALONE = /^\/system\/state$/
/** Not files, or the image's own programs. */
const NEVER = /^\/(proc|sys|dev|run|var\/run|tmp|bin|sbin|lib\w*(?!\/systemd)|usr\/(s?bin|lib\w*(?!\/systemd\/)|libexec))(\/|$)/
/** A change there takes down what this pod is reached through: it is made only where the pod itself would put the old file back. */
const OWN_ROAD = /^\/etc\/kubernetes\/manifests\/[^/]*(kube-apiserver|etcd)[^/]*$/

export class HelperPodHost implements Host {
  readonly carrier = 'helper-pod'
  readonly node: string
  readonly words: string
  readonly #pod: HelperPod
  readonly #files: RemoteHost
  /** Until when the pod guards which files. */
  #guarded: { readonly paths: readonly string[]; readonly until: number } | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** Nothing is made before the first question. */
  constructor(client: ApiClient, node: string, options: HelperPodOptions & { readonly folders?: readonly string[] } = {}) {
    this.node = node
    this.#pod = new HelperPod(client, node, options.folders ?? FOLDERS, options)
    this.#files = new RemoteHost(node, this.#pod)
    this.words = this.#pod.words
  }

  stat(path: string): Promise<Stat | undefined> {
    return this.#inTurn(async () => {
      const at = await this.#seen(path, 'itself', ALONE.test(path) ? (one) => one : dirname)
      return at === undefined ? undefined : named(await this.#files.stat(at))
    })
  }

  read(path: string, limit?: number): Promise<ReadFile | undefined> {
    return this.#inTurn(async () => {
      const at = await this.#seen(path, 'target')
      const read = at === undefined ? undefined : await this.#files.read(at, limit)
      return read === undefined ? undefined : { ...read, stat: named(read.stat)! }
    })
  }

  list(path: string): Promise<readonly string[] | undefined> {
    return this.#inTurn(async () => {
      const at = await this.#seen(path, 'target', (one) => one)
      return at === undefined ? undefined : this.#files.list(at)
    })
  }

  write(path: string, text: string, options: WriteOptions): Promise<void> {
    return this.#inTurn(async () => this.#files.write(await this.#writable(path), text, options))
  }

  copy(from: string, to: string): Promise<void> {
    return this.#inTurn(async () => {
      const target = await this.#writable(to)
      const at = await this.#seen(from, 'target')
      if (at === undefined) throw new HostRefused(`${from} is not there`)
      await this.#files.copy(at, target)
    })
  }

  remove(path: string, expected: string): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.#seen(path, 'itself')) !== undefined) await this.#files.remove(await this.#writable(path), expected)
    })
  }

  guarded(files: readonly GuardedFile[], seconds: number, looks: readonly string[]): Promise<Guard> {
    return this.#inTurn(async () => {
      if (seconds > LIFETIME / 2) throw new HostRefused(`a helper pod guards files for ${LIFETIME / 2} s at most`)
      for (const { path } of files) await this.#openForWriting(path)
      for (const folder of looks) await this.#open(`${folder}/x`, folder)
      await this.#pod.guarding()
      for (const { path } of files) await this.#unlinked(path)
      const { until, keep, putBack } = await armGuard(this.#pod, files, seconds)
      this.#guarded = { paths: files.map(({ path }) => path), until }
      const over = (ask: typeof keep) => () =>
        this.#inTurn(async () => {
          const became = await ask()
          this.#guarded = undefined
          return became
        })
      return { until, keep: over(keep), putBack: over(putBack) }
    })
  }

  permit(path: string, rights: FileRights, expected: FileRights): Promise<void> {
    // Nobody restarts for it: also the manifests that this pod is reached by.
    return this.#inTurn(async () => this.#files.permit(await this.#opened(path), rights, expected))
  }

  async run({ name }: HostCommand): Promise<CommandResult> {
    throw new HostRefused(
      `cannot ${name}: a helper pod reads and changes files of its node, and runs none of its programs; reach ${this.node} by ssh for that, or do it there by hand`,
    )
  }

  async *watch(path: string, signal: AbortSignal): AsyncIterable<string | undefined> {
    let last: string | undefined | null = null
    while (!signal.aborted) {
      const now = (await this.read(path))?.sha256
      if (now !== last) yield (last = now)
      await sleep(1000, undefined, { signal }).catch(() => {})
    }
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#pod.close())
  }

  /** One after the other: a question may replace the pod that another one is still using. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act, act)
    this.#last = turn.catch(() => {})
    return turn
  }

  /**
   * Where the path is in the pod, its links followed by us: over there they would lead into the image. Undefined where the node does not
   * have it. `folderFor` a path is opened where nothing that holds it is open yet.
   */
  async #seen(path: string, links: 'itself' | 'target', folderFor = dirname): Promise<string | undefined> {
    let at = plainPath(path)
    for (let hops = 0; hops < 16; hops++) {
      await this.#open(at, folderFor(at))
      await this.#pod.there()
      const root = this.#pod.folderOf(at)!
      if (this.#pod.isMissing(root)) return undefined
      const link = await this.#firstLink(root.path, links === 'target' ? at : dirname(at))
      if (link === undefined) return at
      at = link.to + at.slice(link.at.length)
    }
    throw new HostRefused(`${path} leads over too many links`)
  }

  /** The first link on the way from an open folder down to the path, and where it leads. */
  async #firstLink(root: string, path: string): Promise<{ readonly at: string; readonly to: string } | undefined> {
    const steps: string[] = []
    for (let one = path; one.startsWith(`${root}/`); one = dirname(one)) steps.unshift(one)
    if (steps.length === 0) return undefined
    // What is not there is said on the error stream, and is no link.
    const { stdout, stderr, exitCode } = await this.#run(['stat', '-c', '%f %n', ...steps])
    const lines = stdout.toString('utf8').split('\n').filter(Boolean)
    if (exitCode !== 0 && !/No such file or directory|Not a directory/.test(stderr))
      throw new HostRefused(`cannot look at ${path}: ${lastLine(stderr)}`)
    const link = steps.find((step) => lines.some((line) => isLink(line, step)))
    if (link === undefined) return undefined
    const { stdout: target, stderr: why, exitCode: failed } = await this.#run(['readlink', link])
    if (failed !== 0) throw new HostRefused(`cannot read the link ${link}: ${lastLine(why)}`)
    const to = resolve(dirname(link), target.toString('utf8').replace(/\n$/, ''))
    if (/[\0-\x1f\x7f]/.test(to)) throw new HostRefused(`the link ${link} leads to a name with control characters`)
    return { at: link, to }
  }

  #run(argv: readonly string[]) {
    return this.#pod.run(['env', 'LC_ALL=C', ...argv], { timeoutMs: 20_000, limit: 1024 * 1024 })
  }

  async #open(path: string, folder: string): Promise<void> {
    if (this.#pod.folderOf(path) !== undefined) return
    if (NEVER.test(`${folder}/`) || folder.split('/').length < 3)
      throw new HostRefused(`${path} is not among what a helper pod may open: reach ${this.node} by ssh for that`)
    await this.#pod.have({ path: folder, writable: false })
  }

  /** Opens the folder of the path for writing; below a link nothing is written. */
  async #writable(path: string): Promise<string> {
    const isGuarded = this.#guarded?.paths.includes(path) === true && Date.now() < this.#guarded.until
    if (OWN_ROAD.test(path) && !isGuarded)
      throw new HostRefused(
        `${path} is changed through a helper pod only while that guards it: it is reached through the API server, and nobody could put the file back if that did not come up again; reach ${this.node} by ssh for that`,
      )
    return this.#opened(path)
  }
  async #opened(path: string): Promise<string> {
    await this.#openForWriting(path)
    return this.#unlinked(path)
  }
  async #openForWriting(path: string): Promise<void> {
    await this.#open(plainPath(path), dirname(path))
    const folder = this.#pod.folderOf(path)!
    if (!folder.writable || this.#pod.isMissing(folder)) await this.#pod.have({ ...folder, writable: true })
  }
  async #unlinked(path: string): Promise<string> {
    const at = await this.#seen(path, 'itself')
    if (at !== path) throw new HostRefused(`${path} is reached over a link, and is not written through: name ${at}`)
    return path
  }
}

const isLink = (line: string, path: string): boolean => {
  const [, bits = '', name] = /^([0-9a-f]+) (.*)$/s.exec(line) ?? []
  return name === path && (Number.parseInt(bits, 16) & 0o170000) === 0o120000
}

/** Names come from the image's own list of users, and say nothing of the node, root's aside. */
function named(stat: Stat | undefined): Stat | undefined {
  if (stat === undefined) return undefined
  const { owner: _owner, group: _group, ...rest } = stat
  return { ...rest, ...(stat.uid === 0 && { owner: 'root' }), ...(stat.gid === 0 && { group: 'root' }) }
}
