import { normalize } from 'node:path'
import type { CommandResult, Host, HostCommand, ReadFile, Stat } from '../hosts/host.ts'

/** What a look asks of a node. */
export type Asked = Pick<Host, 'node' | 'carrier' | 'stat' | 'read' | 'list' | 'run'>

/** A node for the time of one look: what was asked once is not asked again, so all of the look sees the same. */
export class Remembered implements Asked {
  readonly #host: Host
  readonly #stats = new Map<string, Promise<Stat | undefined>>()
  readonly #reads = new Map<string, Promise<ReadFile | undefined>>()
  readonly #lists = new Map<string, Promise<readonly string[] | undefined>>()

  constructor(host: Host) {
    this.#host = host
  }
  get node() {
    return this.#host.node
  }
  get carrier() {
    return this.#host.carrier
  }
  stat(path: string): Promise<Stat | undefined> {
    return once(this.#stats, path, () => this.#host.stat(path))
  }
  read(path: string): Promise<ReadFile | undefined> {
    return once(this.#reads, path, () => this.#host.read(path))
  }
  list(path: string): Promise<readonly string[] | undefined> {
    return once(this.#lists, path, () => this.#host.list(path))
  }
  run(command: HostCommand): Promise<CommandResult> {
    return this.#host.run(command)
  }

  /** Asks about several at once, where the carrier can; of keys without their content. What that does not tell is asked about one by one. */
  async foresee(paths: readonly string[], content: boolean): Promise<void> {
    const known = content ? this.#reads : this.#stats
    const asked = paths.filter(
      (path) => !known.has(path) && path.startsWith('/') && normalize(path) === path && !/[\0-\x1f\x7f]/.test(path),
    )
    if (asked.length < 2) return
    const seen = await this.#host.several?.(asked, content)
    for (const [path, stat] of seen?.stats ?? []) {
      if (!this.#stats.has(path)) this.#stats.set(path, Promise.resolve(stat))
      if (stat === undefined) this.#reads.set(path, Promise.resolve(undefined))
    }
    for (const [path, file] of seen?.files ?? []) this.#reads.set(path, Promise.resolve(file))
  }
}

function once<T>(known: Map<string, Promise<T>>, path: string, ask: () => Promise<T>): Promise<T> {
  let answer = known.get(path)
  if (answer === undefined) known.set(path, (answer = ask()))
  return answer
}
