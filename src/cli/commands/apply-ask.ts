import type { Approval, Plan, Rehearsal, Step } from '../../model/index.ts'
import { confirmWord, grant } from '../../session/approve.ts'
import type { Io } from '../confirm.ts'
import { diffText } from './apply-words.ts'

/** Apply, skip or stop; a change that may break something wants its object's name typed. */
export async function ask(
  io: Io,
  plan: Plan,
  step: Step,
  { diff, warnings }: Rehearsal,
  heading: string,
): Promise<Approval | 'skip' | 'stop'> {
  io.stdout.write(`\n${heading}${diffText(diff, warnings)}`)
  const answer = await io.prompts.choose('What shall be done?', [
    { value: 'skip', label: 'skip this step' },
    { value: 'apply', label: 'apply it' },
    { value: 'stop', label: 'stop here' },
  ])
  if (answer !== 'apply') return answer
  if (step.risk !== 'may-break') return grant(plan, [step.id], 'answered "apply it"')
  const word = confirmWord(step)
  const typed = await io.prompts.type(`This may break what runs. Type ${word} to go on, anything else to skip`)
  return typed.trim() === word ? grant(plan, [step.id], `typed "${word}"`) : 'skip'
}
