/** Carries out what is done on nodes: one action a step, by whoever performs that kind of action. */
import type { ApiClient } from '../apiserver/client.ts'
import type { Host } from '../hosts/host.ts'
import type { Approval, HostAction, Rehearsal, RehearsalResult, RunId, Step, Written } from '../model/index.ts'
import { type Committed, requireApproval, WriteConflict, WriteRefused, type Writer, type WrittenState } from '../plan/writer.ts'
import { approveServing } from './host-approve-serving.ts'
import { performEncryption } from './host-encryption.ts'
import { performFile } from './host-file.ts'
import { performFlags } from './host-flags.ts'
import type { HostWorld, Performer } from './host-performer.ts'
import { performPermissions } from './host-permissions.ts'
import { asWriteError, sweep } from './host-placing.ts'
import { performRewrite } from './host-rewrite.ts'

export interface HostWriterOptions {
  readonly client: ApiClient
  readonly hosts: readonly Host[]
  /** Names the backups on the nodes. */
  readonly run: RunId
  readonly signal?: AbortSignal
  /** How long a component may take to come back; default 120 s. */
  readonly patienceMs?: number
}
interface Prepared {
  readonly action: HostAction
  readonly prepared: unknown
}

const PERFORMERS: Readonly<Partial<Record<HostAction['do'], Performer>>> = {
  flags: performFlags as unknown as Performer,
  file: performFile as unknown as Performer,
  permissions: performPermissions as unknown as Performer,
  encryption: performEncryption as unknown as Performer,
  rewrite: performRewrite as unknown as Performer,
  'approve-serving': approveServing as unknown as Performer,
}

export class HostWriter implements Writer {
  readonly name = 'host'
  readonly #options: HostWriterOptions
  /** The host that was asked for last, for the words of its errors. */
  #asked: Host | undefined

  constructor(options: HostWriterOptions) {
    this.#options = options
  }

  async rehearse(step: Step): Promise<RehearsalResult> {
    const [change, ...more] = step.changes
    if (change?.type !== 'host' || more.length > 0) throw new Error(`step ${step.id} is not one action on a node`)
    const { action } = change
    try {
      const { diff, warnings, prepared } = await performerOf(action.do).rehearse(action, this.#world())
      return {
        ok: true,
        rehearsal: { step: step.id, diff, warnings, writer: this.name, prepared: { action, prepared } satisfies Prepared },
      }
    } catch (thrown) {
      const error = this.#told(thrown, false)
      if (error instanceof WriteRefused) return { ok: false, refusedBy: error.refusedBy, because: error.message }
      if (error instanceof WriteConflict) return { ok: false, refusedBy: 'a change by somebody else', because: error.message }
      throw error
    }
  }

  async intent({ step, prepared }: Rehearsal): Promise<readonly Written[]> {
    const { action, prepared: own } = prepared as Prepared
    return performerOf(action.do).intent(action, own, step, this.#world())
  }

  async commit(rehearsal: Rehearsal, written: readonly Written[], approval: Approval, tell?: (words: string) => void): Promise<Committed> {
    requireApproval(approval, rehearsal)
    const { action, prepared } = rehearsal.prepared as Prepared
    return this.#telling(true, async () => ({
      warnings: await performerOf(action.do).commit(action, prepared, written, this.#world(tell)),
    }))
  }

  state(written: Written): Promise<WrittenState> {
    return this.#telling(false, () => performerOf(doOf(written)).state(written, this.#world()))
  }

  async undo(written: readonly Written[], dryRun = false, tell?: (words: string) => void): Promise<void> {
    const [first] = written
    if (first === undefined) return
    await this.#telling(!dryRun, () => performerOf(doOf(first)).undo(written, dryRun, this.#world(tell)))
  }

  async prove(written: readonly Written[], tell?: (words: string) => void): Promise<void> {
    const [first] = written
    if (first !== undefined) await this.#telling(false, async () => performerOf(doOf(first)).prove?.(written, this.#world(tell)))
  }

  async tidy(written: readonly Written[]): Promise<void> {
    for (const { undo } of written) {
      const { node, path, backup, kept } = undo as { readonly [name in 'node' | 'path' | 'backup' | 'kept']?: string }
      if (node !== undefined && path !== undefined) await sweep(this.#world().host(node), [path, backup ?? kept ?? path])
    }
  }

  async #telling<T>(mayHaveWritten: boolean, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#told(error, mayHaveWritten)
    }
  }

  #told(error: unknown, mayHaveWritten: boolean): unknown {
    return this.#asked === undefined ? error : asWriteError(error, this.#asked, mayHaveWritten)
  }

  #world(tell: (words: string) => void = () => {}): HostWorld {
    const { client, hosts, run, signal = new AbortController().signal, patienceMs = 120_000 } = this.#options
    return {
      client,
      run,
      signal,
      patienceMs,
      tell,
      host: (node) => {
        const host = hosts.find((one) => one.node === node)
        if (host === undefined) throw new WriteRefused('k8s-harden', `node ${node} is not reached: say how with --host ${node}=CARRIER`)
        return (this.#asked = host)
      },
    }
  }
}

function performerOf(what: HostAction['do']): Performer {
  const performer = PERFORMERS[what]
  if (performer === undefined) throw new WriteRefused('k8s-harden', `this version does not carry out "${what}" on nodes`)
  return performer
}

const doOf = ({ undo }: Written): HostAction['do'] => (undo as { readonly do: HostAction['do'] }).do
