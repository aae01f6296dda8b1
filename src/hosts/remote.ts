/** A node's files by way of programs that run there. A carrier brings the way (`Runner`); what is run is the table in commands.ts. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Carrier, FileRights } from '../model/index.ts'
import { FILE_COMMANDS as FILES } from './commands.ts'
import {
  type CommandResult,
  conflict,
  expectRights,
  type Host,
  type HostCommand,
  HostConflict,
  HostRefused,
  HostUnreachable,
  type ReadFile,
  type Several,
  type Stat,
  type WriteOptions,
} from './host.ts'
import { plainPath } from './plain-path.ts'
import { lastLine, type Ran, type Runner } from './runner.ts'
import { several, statIn } from './several.ts'

const LIMIT = 4 * 1024 * 1024
/** Of what a program prints besides the content of a file. */
const TALK = 1024 * 1024

export class RemoteHost implements Host {
  readonly node: string
  readonly #runner: Runner

  constructor(node: string, runner: Runner) {
    this.node = node
    this.#runner = runner
  }
  get carrier(): Carrier {
    return this.#runner.carrier
  }
  get words(): string {
    return this.#runner.words
  }

  async stat(path: string): Promise<Stat | undefined> {
    return this.#stat(FILES.stat(plainPath(path)))
  }

  async read(path: string, limit = LIMIT): Promise<ReadFile | undefined> {
    // Between the look and the reading somebody may write: then once more.
    for (let attempt = 0; attempt < 3; attempt++) {
      const stat = await this.#stat(FILES.statTarget(plainPath(path)))
      if (stat === undefined) return undefined
      if (stat.is !== 'file') throw new HostRefused(`${path} is no file`)
      if (stat.size > limit) throw new HostRefused(`${path} is larger than ${limit} bytes`)
      const bytes = (await this.#unlessMissing(FILES.head(path, limit + 1), limit + TALK))?.stdout
      if (bytes === undefined) return undefined
      if (bytes.length === stat.size || (stat.size === 0 && path.startsWith('/proc/')))
        return { text: bytes.toString('utf8'), sha256: createHash('sha256').update(bytes).digest('hex'), stat }
    }
    throw new HostRefused(`${path} changes while it is read`)
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    const text = (await this.#unlessMissing(FILES.list(plainPath(path))))?.stdout.toString('utf8')
    return text
      ?.split('\0')
      .filter((name) => name !== '')
      .map((name) => name.slice(name.lastIndexOf('/') + 1))
      .sort()
  }

  several(paths: readonly string[], content: boolean): Promise<Several> {
    return several((command, limit) => this.#run(command, undefined, limit), paths.map(plainPath), content)
  }

  async write(path: string, text: string, { mode, uid, gid, expected }: WriteOptions): Promise<void> {
    const before = await this.#expect(path, expected)
    const directory = dirname(path)
    await this.#makeDirectory(directory)
    await this.#place(directory, path, expected, async (beside) => {
      await this.#must(FILES.fill(beside), text)
      await this.#must(FILES.own(beside, uid ?? before?.uid ?? 0, gid ?? before?.gid ?? 0))
      await this.#must(FILES.permit(beside, mode))
      // A connection that broke in the middle looks like the end of the text over there.
      if ((await this.#hash(beside)) !== createHash('sha256').update(text).digest('hex'))
        throw new HostUnreachable(`${path} did not arrive whole, and was left as it was`)
    })
  }

  async copy(from: string, to: string): Promise<void> {
    plainPath(from)
    await this.#expect(to, null)
    const hash = await this.#hash(from)
    if (hash === undefined) throw new HostRefused(`${from} is not there`)
    const directory = dirname(to)
    await this.#makeDirectory(directory)
    await this.#place(directory, to, null, async (beside) => {
      await this.#must(FILES.copy(from, beside))
      if ((await this.#hash(beside)) !== hash) throw new HostConflict(`${from} was changed while it was copied`)
      await this.#must(FILES.flush(beside))
    })
  }

  async remove(path: string, expected: string): Promise<void> {
    if ((await this.stat(path)) === undefined) return
    await this.#expect(path, expected)
    await this.#must(FILES.unlink(path))
    await this.#must(FILES.flush(dirname(path)))
  }

  async permit(path: string, rights: FileRights, expected: FileRights): Promise<void> {
    const { uid, gid } = expectRights(path, await this.stat(path), expected)
    if (uid !== rights.uid || gid !== rights.gid) await this.#must(FILES.own(path, rights.uid, rights.gid))
    await this.#must(FILES.permit(path, rights.mode))
    expectRights(path, await this.stat(path), rights)
    await this.#must(FILES.flush(path))
  }

  async run(command: HostCommand): Promise<CommandResult> {
    const ran = await this.#run(command, command.stdin)
    const { exitCode, stdout, stderr } = ran
    if ((exitCode === 126 || exitCode === 127) && /^env: /m.test(stderr)) throw refusal(command, ran)
    return { exitCode, stdout: stdout.toString('utf8').replace(/\n$/, ''), stderr: stderr.replace(/\n$/, '') }
  }

  async *watch(path: string, signal: AbortSignal): AsyncIterable<string | undefined> {
    let last: string | undefined | null = null
    while (!signal.aborted) {
      const now = await this.#hash(plainPath(path))
      if (now !== last) yield (last = now)
      await sleep(1000, undefined, { signal }).catch(() => {})
    }
  }

  async close(): Promise<void> {
    await this.#runner.close()
  }

  /** What is there as expected, or a HostConflict. Through a link nothing is written: a rename would put a file in its place. */
  async #expect(path: string, expected: string | null): Promise<Stat | undefined> {
    const stat = await this.stat(path)
    if (stat?.is === 'link') throw new HostRefused(`${path} is a link, and is not written through: change what it leads to`)
    const now = stat === undefined ? undefined : await this.#hash(path)
    if ((now ?? null) !== expected) throw conflict(path, now, expected)
    return stat
  }

  async #hash(path: string): Promise<string | undefined> {
    const command = FILES.hash(path)
    const said = await this.#unlessMissing(command)
    if (said === undefined) return undefined
    // Names with a backslash or a newline come with a backslash in front.
    const hash = /^\\?([0-9a-f]{64}) /.exec(said.stdout.toString('utf8'))?.[1]
    if (hash === undefined) throw unintelligible(command)
    return hash
  }

  async #makeDirectory(path: string): Promise<void> {
    const there = await this.#stat(FILES.statTarget(path))
    if (there?.is === 'directory') return
    if (there !== undefined) throw new HostRefused(`${path} is no directory`)
    await this.#makeDirectory(dirname(path))
    const command = FILES.makeDirectory(path)
    const ran = await this.#run(command)
    if (ran.exitCode !== 0 && (await this.#stat(FILES.statTarget(path)))?.is !== 'directory') throw refusal(command, ran)
    await this.#must(FILES.flush(dirname(path)))
  }

  /** Fills a file beside, under a name that nobody takes for his own, and renames it if the target still is what it was. */
  async #place(directory: string, target: string, expected: string | null, fill: (beside: string) => Promise<void>): Promise<void> {
    const command = FILES.makeFile(directory === '/' ? '' : directory)
    const beside = (await this.#must(command)).stdout.toString('utf8').trim()
    if (!/\/\.k8s-harden-\w+$/.test(beside) || dirname(beside) !== directory) throw unintelligible(command)
    try {
      await fill(beside)
      await this.#expect(target, expected)
      await this.#must(FILES.rename(beside, target))
    } catch (error) {
      await this.#run(FILES.unlink(beside)).catch(() => {})
      throw error
    }
    await this.#must(FILES.flush(directory))
  }

  async #stat(command: HostCommand): Promise<Stat | undefined> {
    const ran = await this.#unlessMissing(command)
    if (ran === undefined) return undefined
    const stat = statIn(ran.stdout.toString('utf8').replace(/\n$/, ''))
    if (stat === undefined) throw unintelligible(command)
    return stat
  }

  /** Undefined only where the program itself says, of this path, that there is no such file. */
  async #unlessMissing(command: HostCommand, limit = TALK): Promise<Ran | undefined> {
    const ran = await this.#run(command, undefined, limit)
    if (ran.exitCode === 0) return ran
    const said = ownLine(command, ran)
    if (said !== undefined && /: (No such file or directory|Not a directory)$/.test(said)) return undefined
    throw refusal(command, ran)
  }
  async #must(command: HostCommand, stdin?: string): Promise<Ran> {
    const ran = await this.#run(command, stdin)
    if (ran.exitCode !== 0) throw refusal(command, ran)
    return ran
  }
  /** Messages are compared, so they must come in one language. */
  #run({ argv, timeoutMs }: HostCommand, stdin?: string, limit = TALK): Promise<Ran> {
    return this.#runner.run(['env', 'LC_ALL=C', ...argv], { timeoutMs, limit, ...(stdin !== undefined && { stdin }) })
  }
}

/** What the program says, told by its name in front, from what sudo or a carrier says around it. */
const ownLine = ({ argv }: HostCommand, { stderr }: Ran): string | undefined =>
  stderr
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line.replace(/^(\/[\w./-]+\/|busybox: )/, '').startsWith(`${argv[0]}: `))

/** The node's own no; where neither the program nor `env` said anything, nobody knows what became of it. */
function refusal(command: HostCommand, ran: Ran): HostRefused | HostUnreachable {
  const said = ownLine(command, ran) ?? ran.stderr.split('\n').findLast((line) => line.startsWith('env: '))
  return said === undefined
    ? new HostUnreachable(`cannot ${command.name}: ${lastLine(ran.stderr)} (exit code ${ran.exitCode})`)
    : new HostRefused(`cannot ${command.name}: ${said}`)
}
const unintelligible = ({ name, argv }: HostCommand): HostRefused =>
  new HostRefused(`cannot ${name}: ${argv[0]} of the node answers in a way that is not understood`)
