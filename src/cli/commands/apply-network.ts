/** Who loses and gains whose reach, as `apply` and `reach` tell it. */
import { styleText } from 'node:util'
import type { NetworkWords } from '../../plan/network-words.ts'
import { line } from './apply-words.ts'

const red = (text: string): string => styleText(['red', 'bold'], text, { stream: process.stdout, validateStream: true })

/** '' where nobody's reach changes. What a record of flows shows to be cut comes first, in red. */
export function networkText({ changes, more, isolates, evidence, cut, breaks }: NetworkWords, heading: string, indent = ''): string {
  if (changes.length + isolates.length === 0) return ''
  const [first, ...others] = evidence
  const rows = [
    heading,
    ...(breaks
      ? [red(`  CUTS: ${line(first!)}`), ...cut.map((one) => red(`    ${line(one)}`)), ...others.map((one) => `    ${line(one)}`)]
      : []),
    ...isolates.map((one) => `  ${line(one)}`),
    ...changes.flatMap(({ subject, lost, gained }) => [
      `  ${line(subject)}`,
      ...lost.map((one) => `    loses:  ${line(one)}`),
      ...gained.map((one) => `    gains:  ${line(one)}`),
    ]),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(breaks ? [] : evidence.map((one) => `  ${line(one)}`)),
  ]
  return rows.map((text) => `${indent}${text}\n`).join('')
}
