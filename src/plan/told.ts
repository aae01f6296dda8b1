/** What a writer tells, as states of its step. */
import type { RehearsalResult, Step, StepState } from '../model/index.ts'
import type { Tell } from './writer.ts'

/** Yields each word as it is told, and returns (or throws) what the work comes to. */
export async function* waitingWords<T>(work: (tell: Tell) => Promise<T>): AsyncGenerator<StepState, T> {
  const words = toldWhile(work)
  for (;;) {
    const { value, done } = await words.next()
    if (done === true) return value
    yield { is: 'waiting', for: value.replace(/^waiting for /, '') }
  }
}

/** The same as plain words. */
export async function* toldWhile<T>(work: (tell: Tell) => Promise<T>): AsyncGenerator<string, T> {
  const told: string[] = []
  let wake = () => {}
  let done = false
  const result = work((words) => {
    told.push(words)
    wake()
  }).finally(() => {
    done = true
    wake()
  })
  // Whoever looks at it later meets the failure then.
  result.catch(() => {})
  for (;;) {
    const words = told.shift()
    if (words !== undefined) yield words
    else if (done) return result
    else await new Promise<void>((resolve) => (wake = resolve))
  }
}

/** What it is tried against is not there before the steps that it comes after. */
export const waitsForOthers = ({ after, changes }: Pick<Step, 'after' | 'changes'>): boolean =>
  after.length > 0 && changes.some(({ type }) => type === 'host')
export const TRIED_LATER = 'it can be tried only once the steps before it are carried out'

/** What is done on nodes looks at what the steps before it left there, which a dry run does not carry out: that refuses nothing. */
export function refusalOf(
  { after, changes }: Step,
  { refusedBy, because }: Extract<RehearsalResult, { ok: false }>,
  dryRun: boolean | undefined,
): StepState {
  return dryRun === true && waitsForOthers({ after, changes })
    ? { is: 'skipped', because: `${TRIED_LATER}; now: ${because}` }
    : { is: 'refused', by: refusedBy, because }
}
