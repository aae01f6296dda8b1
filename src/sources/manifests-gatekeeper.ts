/** The Gatekeeper constraints of all files: their kinds are the cluster's own, so that they are a fact and lie on no shelf. */
import { isDeepStrictEqual } from 'node:util'
import type { Facts, SourceEvent } from '../model/index.ts'
import { joinGatekeepers } from '../objects/gatekeeper-constraint.ts'

type Fact = Facts['GatekeeperConstraints']

export class GatekeeperFiles {
  readonly #files = new Map<string, readonly Fact[]>()
  #told: Fact | undefined

  /** From now on these are those of the file. */
  put(file: string, found: readonly Fact[]): void {
    if (found.length > 0) this.#files.set(file, found)
    else this.#files.delete(file)
  }

  /** Files that hold none declare that there are none, as with the policies of other engines. */
  all(): SourceEvent {
    this.#told = joinGatekeepers([...this.#files.values()].flat())
    return { type: 'fact', fact: 'GatekeeperConstraints', value: this.#told }
  }

  /** The same, where it differs from what was told. */
  news(): SourceEvent[] {
    const before = this.#told
    const event = this.all()
    return isDeepStrictEqual(before, this.#told) ? [] : [event]
  }
}
