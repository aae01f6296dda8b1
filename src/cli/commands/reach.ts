/** `k8s-harden reach`: who reaches whom, now and with the plan; or whether one reaches another. From what was read alone; asks nothing of a server. */
import { together } from '../../engine/refusals.ts'
import type { Snapshot } from '../../model/index.ts'
import { printable } from '../../objects/display.ts'
import { fewOf } from '../../objects/few-of.ts'
import { podEnds } from '../../objects/network-ends.ts'
import { enforcement } from '../../objects/network-enforced.ts'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { interruptible } from '../signals.ts'
import { writeJson } from './reach-json.ts'
import { answerOne } from './reach-one.ts'
import { type ReachIo, type ReadOptions, readReach } from './reach-read.ts'
import { matrixText } from './reach-table.ts'

export interface ReachOptions extends ReadOptions {
  /** A file of JSON lines, or `-`. */
  readonly questions?: string
  readonly output?: 'table' | 'json'
}
export async function reachCommand(
  from: string | undefined,
  to: string | undefined,
  port: string | undefined,
  options: ReachOptions,
  io: ReachIo = process,
): Promise<number> {
  checkUsage(from, to, options)
  const { signal, interrupted } = interruptible()
  const seen = await readReach(options, signal)
  if (interrupted()) return EXIT.interrupted
  const { warning, enforced } = enforcement(seen.now)
  const isJson = options.output === 'json' || options.questions !== undefined
  const warn = (text: string) => void io.stderr.write(`k8s-harden: ${printable(text)}\n`)
  // First, and where a program reads standard output, beside it.
  if (warning !== '' && isJson) warn(warning)
  checkNamespaces(seen.now, options.namespace)
  if (isJson) for (const one of together(seen.unread)) warn(`not complete: ${one}`)
  if (options.questions !== undefined) return (await import('./reach-questions.ts')).answerQuestions(seen, options.questions, io)
  if (from !== undefined) return answerOne(seen, { from, to: to!, port }, options.output ?? 'table', io)
  if (isJson) await writeJson(seen, options, io)
  else io.stdout.write(matrixText(seen, options, enforced, warning))
  return EXIT.clean
}

/** A name that is mistyped would be answered with nothing, as if all were well. Where namespaces cannot be listed, nothing is said of them. */
function checkNamespaces(now: Snapshot, asked: readonly string[] = []): void {
  if ((now.unread('Namespace')?.why ?? 'partial') !== 'partial' || now.source.namespaces !== undefined) return
  const known = new Set([...now.all('Namespace').map(({ metadata }) => metadata.name), ...podEnds(now).map((end) => end.namespace.name)])
  const strange = asked.filter((name) => !known.has(name))
  if (strange.length > 0) throw new UsageError(`there is no namespace ${strange.join(', ')}; there are ${fewOf([...known], 6)}`)
}

function checkUsage(
  from: string | undefined,
  to: string | undefined,
  { questions, planned, practice, control, set, manifests, output }: ReachOptions,
): void {
  const examples = [
    'k8s-harden reach -n shop',
    'k8s-harden reach shop/web shop/cart 8080',
    'k8s-harden reach outside shop/Service/web 443/TCP',
  ]
  if (from !== undefined && to === undefined) throw new UsageError('reach takes nobody, or two: FROM and TO', examples)
  if (questions !== undefined && from !== undefined)
    throw new UsageError('--questions brings from, to, protocol and port with every line: leave them out')
  if (questions === '-' && manifests === '-')
    throw new UsageError('--questions - and --manifests - both read standard input: give one a file')
  if (questions !== undefined && output === 'table') return
  if (!planned && (practice ?? control ?? set) !== undefined)
    throw new UsageError('--practice, --control and --set choose a plan: give --planned as well')
}
