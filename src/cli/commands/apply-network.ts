/** Who loses and gains whose reach, as `apply` and `reach` tell it. */
import { styleText } from 'node:util'
import stringWidth from 'string-width'
import type { Plan, Snapshot, Step } from '../../model/index.ts'
import { enforcement } from '../../objects/network-enforced.ts'
import { cutBy, networkImpact, worldAfter } from '../../plan/network-impact.ts'
import { changesPolicies } from '../../plan/network-steps.ts'
import { flowText, type NetworkWords, networkWords } from '../../plan/network-words.ts'
import { line } from './apply-words.ts'

const red = (text: string): string => styleText(['red', 'bold'], text, { stream: process.stdout, validateStream: true })

/** First of all, where steps write policies: that they mean nothing here, or may mean nothing, and how to find out. */
export function notEnforced({ steps }: Plan, now: Snapshot): string {
  const { warning, enforced } = enforcement(now)
  if (warning === '' || !steps.some(changesPolicies)) return ''
  const next =
    enforced === false
      ? 'next: k8s-harden explain net-cni-enforces; policies that are written now begin to cut when a plugin enforces them'
      : 'next: k8s-harden try-enforcement finds out on the cluster, before any policy is written'
  return wrapped(warning, '', enforced === false ? red : (text) => text) + wrapped(next, '')
}

/** Whom all of the steps cut off or let in. */
export function networkOfPlan({ steps }: Plan, now: Snapshot): string {
  const impact = steps.length === 0 ? undefined : networkImpact(now, steps)
  return impact === undefined ? '' : networkText(networkWords(impact), 'who reaches whom, by all of these steps:')
}

/** The same of one step, as things are when its time comes; of a rehearsal, as they would be with all steps before it. */
export class NetworkOfSteps {
  readonly #now: () => Snapshot
  readonly #isRehearsal: boolean
  #world: Snapshot | undefined
  /** Recorded flows that a step cuts, by the step. */
  readonly #cut = new Map<string, readonly string[]>()

  constructor(now: () => Snapshot, isRehearsal: boolean) {
    this.#now = now
    this.#isRehearsal = isRehearsal
  }

  text(step: Step): string {
    try {
      const world = this.#isRehearsal ? (this.#world ??= this.#now()) : this.#now()
      const impact = networkImpact(world, [step])
      if (this.#isRehearsal) this.#world = worldAfter(world, [step])
      if (impact === undefined) return ''
      const cut = cutBy(world, [step])
      if (cut.length > 0) this.#cut.set(step.id, cut.map(flowText))
      const words = networkWords(impact)
      const evidence = words.evidence.filter((one) => !SAID_OF_PLAN.test(one))
      return networkText({ ...words, evidence }, 'who reaches whom, by it:', '  ')
    } catch {
      // What it changes may be gone since it was planned.
      return ''
    }
  }

  /** What was cut by the steps that were taken, said once more at the end. */
  conclusion(taken: (id: string) => boolean): string {
    const cut = [...this.#cut].flatMap(([id, flows]) => (taken(id) ? flows : []))
    if (cut.length === 0) return ''
    return wrapped(`${cut.length} recorded ${cut.length === 1 ? 'flow was' : 'flows were'} cut, as the plan said: see above`, '', red)
  }
}

/** That nothing was recorded, or not all was read, stands above all steps already. */
const SAID_OF_PLAN = /^(no record of flows|not complete: )/

/** '' where nobody's reach changes. What a record of flows shows to be cut comes first, in red. */
export function networkText({ changes, more, isolates, evidence, cut, breaks }: NetworkWords, heading: string, indent = ''): string {
  if (changes.length + isolates.length === 0) return ''
  const [first = '', ...others] = evidence
  const plain = (text: string): string => text
  const rows: readonly (readonly [string, string, (text: string) => string])[] = [
    ['', heading, plain],
    ...(breaks
      ? [
          ['  ', `CUTS WHAT IS IN USE: ${first}`, red] as const,
          ...cut.map((one) => ['    ', one, red] as const),
          ...others.map((one) => ['  ', one, plain] as const),
        ]
      : []),
    ...isolates.map((one) => ['  ', one, plain] as const),
    ...changes.flatMap(({ subject, lost, gained }) => [
      ['  ', subject, plain] as const,
      ...lost.map((one) => ['    ', `loses: ${one}`, plain] as const),
      ...gained.map((one) => ['    ', `gains: ${one}`, plain] as const),
    ]),
    ...(more > 0 ? [['  ', `and ${more} more (k8s-harden reach --planned -o json tells each)`, plain] as const] : []),
    ...(breaks ? [] : evidence.map((one) => ['  ', one, plain] as const)),
  ]
  return rows.map(([inset, text, paint]) => wrapped(text, indent + inset, paint)).join('')
}

const WIDEST = 100

/** Lines that a terminal holds, the further ones set in more. */
export function wrapped(text: string, inset: string, paint: (text: string) => string = (plain) => plain): string {
  const width = Math.min(process.stdout.columns ?? 80, WIDEST)
  const lines: string[] = []
  let row = inset
  for (const word of line(text).split(' ')) {
    if (row.trim() !== '' && stringWidth(row) + 1 + stringWidth(word) > width) {
      lines.push(row)
      row = `${inset}    ${word}`
    } else row += row.trim() === '' ? word : ` ${word}`
  }
  return [...lines, row].map((one) => `${paint(one)}\n`).join('')
}
