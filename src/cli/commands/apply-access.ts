/** Who loses and gains what, as `apply` tells it. */
import type { Plan, Snapshot, Step } from '../../model/index.ts'
import { type AccessImpact, accessImpact } from '../../plan/access-impact.ts'
import { impactWords } from '../../plan/access-words.ts'
import { line } from './apply-words.ts'

export const accessOfPlan = ({ steps }: Plan, now: Snapshot): string =>
  accessText(accessImpact(now, steps), 'whose access changes by all of these steps:')

/** Who loses and gains what by this one step, as things are now; what it changes may be gone since it was planned. */
export function accessOfStep(step: Step, now: Snapshot): string {
  try {
    return accessText(accessImpact(now, [step]), 'whose access changes by it:', '  ')
  } catch {
    return ''
  }
}

const MOST_SUBJECTS = 20

/** Whose access changes, who loses and gains what, and what becomes of recorded requests; '' where nobody's does. */
function accessText(impacts: readonly AccessImpact[], heading: string, indent = ''): string {
  if (impacts.length === 0) return ''
  const rows = impacts.slice(0, MOST_SUBJECTS).flatMap((impact) => {
    const { subject, loses, gains, keeps, recorded, breaks } = impactWords(impact)
    const part = (name: string, list: readonly string[]) =>
      list.map((words, index) => `    ${index === 0 ? `${name}:` : ''.padEnd(name.length + 1)} ${words}`)
    const told = [
      ...part('loses', loses),
      ...part('gains', gains),
      ...part('keeps', keeps),
      ...part(breaks ? 'RECORDED' : 'recorded', recorded),
    ]
    return [`  ${subject}`, ...told]
  })
  const more = impacts.length - MOST_SUBJECTS
  return [heading, ...rows, ...(more > 0 ? [`  and ${more} more`] : [])].map((text) => `${indent}${line(text)}\n`).join('')
}
