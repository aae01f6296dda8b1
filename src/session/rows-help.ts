import { beside, blank, heading, type Row } from './rows-line.ts'
import { RISK_MEANS, RISK_WORD, SEVERITY_WORD, STATUS_MEANS, STATUS_WORD } from './rows-words.ts'

/** One line of the help: keys, what they do, and why they do nothing at the moment. */
export interface HelpEntry {
  readonly keys: string
  readonly name: string
  readonly off?: string
}

/** The keys of a screen, and what the words on it mean. */
export function helpRows(keys: readonly HelpEntry[], width: number): Row[] {
  const entry = (word: string, meaning: string): Row[] => beside([{ text: word, width: 22, tone: 'key' }], meaning, width)
  return [
    heading('Keys here'),
    ...keys.flatMap(({ keys: names, name, off }) => entry(names, off === undefined ? name : `${name} (not now: ${off})`)),
    blank,
    heading('How a check ended'),
    ...Object.entries(STATUS_WORD).flatMap(([status, word]) => entry(word, STATUS_MEANS[status as keyof typeof STATUS_MEANS])),
    blank,
    heading('What a step may do'),
    ...Object.entries(RISK_WORD).flatMap(([risk, word]) => entry(word, RISK_MEANS[risk as keyof typeof RISK_MEANS])),
    blank,
    heading('Marks'),
    ...entry(Object.values(SEVERITY_WORD).join(' '), 'how grave a finding is'),
    ...entry('+ ~ -', 'a finding that just appeared, changed, or was resolved'),
    ...entry('[x]', 'marked for the plan, or taken into it'),
    ...entry('> ^ v', 'what is selected; there is more above, or below'),
  ]
}
