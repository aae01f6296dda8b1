import { clean } from '../../apiserver/refusal.ts'
import type { ImageConfig, Unread } from '../../model/index.ts'
import { parseImage } from '../../objects/image.ts'
import type { Fact } from './fact.ts'
import { ImageProblem } from './image-settings.ts'
import { type Platforms, readImageConfig } from './registry.ts'
import type { Logins } from './registry-access.ts'
import { Registry } from './registry-client.ts'

const AT_ONCE = 4
const REQUEST_MS = 15_000
const ALTOGETHER_MS = 60_000
/** As many images in a row without a word, and the rest of a registry is not waited for. */
const MOST_SILENCES = 4

/** Registries are no part of a cluster: they are asked only where the operator says so, by the source around this one (images.ts). */
export const IMAGES_NOT_ASKED: Omit<Unread, 'what'> = {
  why: 'not-asked',
  because: 'the registries were not asked what the images say of themselves',
  answer: 'scan with --images registry, or with --images FILE',
}

export const imageConfigsNotAsked: Fact<'ImageConfigs'> = async () => ({ unread: IMAGES_NOT_ASKED })

export interface Asking {
  readonly platforms: Platforms
  readonly signal: AbortSignal
  /** Milliseconds for one request, and for one call of `ask`. */
  readonly requestMs?: number
  readonly altogetherMs?: number
}

/** The registries of a scan. What one would not tell is in the answer with its reason; nothing is ever thrown. */
export class Registries {
  readonly #logins: Logins
  readonly #registries = new Map<string, Registry>()

  constructor(logins: Logins) {
    this.#logins = logins
  }

  /** In the order of `images`, which are references as containers name them. */
  async ask(images: readonly string[], asking: Asking): Promise<ImageConfig[]> {
    const round: Round = { ...asking, late: AbortSignal.timeout(asking.altogetherMs ?? ALTOGETHER_MS), silences: new Map() }
    const answers = new Map<string, ImageConfig>()
    const waiting = images.values()
    const worker = async () => {
      for (const image of waiting) answers.set(image, await this.#one(image, round))
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return images.map((image) => answers.get(image)!)
  }

  async #one(image: string, round: Round): Promise<ImageConfig> {
    const { platforms, signal, late, silences } = round
    const unknown = (problem: string): ImageConfig => ({ image, volumes: [], exposedPorts: [], from: 'registry', problem })
    const reference = parseImage(image)
    if (reference === undefined) return unknown('that is no image reference')
    const silence = silences.get(reference.registry)
    if (silence !== undefined && silence.times >= MOST_SILENCES) return unknown(silence.problem)
    const stop = AbortSignal.any([signal, late])
    try {
      stop.throwIfAborted()
      const registry = this.#registry(reference.registry, round.requestMs ?? REQUEST_MS)
      const settings = await readImageConfig(registry, reference, platforms, stop)
      silences.delete(reference.registry)
      return { image, ...settings, from: 'registry' }
    } catch (error) {
      if (late.aborted) return unknown('not asked: the time for all images was over')
      if (signal.aborted) return unknown('not asked: the scan was stopped')
      const problem = error instanceof ImageProblem ? error.message : `it could not be read: ${clean((error as Error).message, 200)}`
      if (error instanceof ImageProblem && error.isSilence)
        silences.set(reference.registry, { times: (silences.get(reference.registry)?.times ?? 0) + 1, problem })
      return unknown(problem)
    }
  }

  #registry(host: string, requestMs: number): Registry {
    const key = host.toLowerCase()
    let registry = this.#registries.get(key)
    if (registry === undefined) this.#registries.set(key, (registry = new Registry(key, this.#logins.get(key), requestMs)))
    return registry
  }
}

/** Silences in a row, by registry. */
interface Round extends Asking {
  readonly late: AbortSignal
  readonly silences: Map<string, { readonly times: number; readonly problem: string }>
}
