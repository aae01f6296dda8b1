/** What is said of a step: what its findings say, without saying anything twice. */
import type { KubeObject, Step, StepId } from '../model/index.ts'
import { reasonsOf } from '../objects/policy-evidence.ts'
import { campaignOf, isSame } from './network-campaign.ts'
import { CUTS_FLOWS } from './network-risk.ts'

/**
 * Sentences that differ only in the container they name are one, of all of them: `drop all capabilities of containers app, proxy`.
 * One that another one begins with and goes on from is left out.
 */
export function saidOnce(texts: readonly string[]): string[] {
  const alike = Map.groupBy(new Set(texts), (text) => text.replace(CONTAINER, 'containers'))
  const merged = [...alike.values()].map((group) => {
    const names = group.map((text) => CONTAINER.exec(text)?.[1])
    return group.length === 1 ? group[0]! : group[0]!.replace(CONTAINER, `containers ${names.join(', ')}`)
  })
  return merged.filter((text) => !merged.some((other) => other.startsWith(`${text}: `)))
}
const CONTAINER = /\bcontainer ([a-z0-9][a-z0-9.-]*[a-z0-9]|[a-z0-9])(?=$|[\s,;:)])/

/** Of two actions that became one: `kubelet on cp-1: set a=1` and `kubelet on cp-1: set b=2` are `kubelet on cp-1: set a=1, b=2`. */
export function titleOfBoth(ours: string, theirs: string): string {
  const subject = `${ours.split(': ')[0]}: `
  if (!theirs.startsWith(subject)) return ours === theirs ? ours : `${ours}; ${theirs}`
  const parts = [ours, theirs].flatMap((title) => title.slice(subject.length).split('; '))
  const set = new Set(parts.filter((part) => part.startsWith(SET)).flatMap((part) => part.slice(SET.length).split(', ')))
  return `${subject}${[...new Set(parts.map((part) => (part.startsWith(SET) ? `${SET}${[...set].join(', ')}` : part)))].join('; ')}`
}
const SET = 'set '

/** Who refused it and why: who is not said twice. */
export const refusedBy = (by: string, because: string): string => (because.startsWith(`${by} `) ? `: ${because}` : ` by ${by}: ${because}`)

/** Among what a step may break stand the sentences that name another choice. */
export const isOtherChoice = (words: string): boolean => words.includes('--set ')

/** `leave the API token out of Deployment shop/web` is said of Deployment shop/web: `leave the API token out`. */
export const withoutSubject = (summary: string, subject: string): string =>
  summary
    .replace(`${subject}: `, '')
    .replace(new RegExp(`(?: (?:to|for|in|of|from))? ${escaped(subject)}(?![\\w/.-])`, 'i'), '')
    .trim()
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** What a policy is for that prepares others: `allow ingress: Ingress shop routes to it, and 2 more reasons`. */
export function allowedBecause(object: KubeObject): readonly string[] {
  const [first, ...more] = [...reasonsOf(object)]
  if (first === undefined) return []
  const [place, because] = first
  const others = more.length === 0 ? '' : `, and ${more.length} more ${more.length === 1 ? 'reason' : 'reasons'}`
  return [`allow${place === '' ? '' : ` ${place.replace(/\[.*/, '')}`}: ${because}${others}`]
}

/** The step that a preparing one is for, counted from 1: the first after it that fixes something and, at one or more removes, needs it. */
export function preparesStep(step: Step, steps: readonly Step[]): number | undefined {
  const needing = new Set<StepId>([step.id])
  const index = steps.findIndex((one) => {
    const needs = one.after.some((id) => needing.has(id))
    if (needs) needing.add(one.id)
    return needs && one.mends.length > 0
  })
  return index < 0 ? undefined : index + 1
}

/**
 * What a step may break that an earlier one did not say: the first of its set, the policies of one namespace and direction; or, of steps on
 * nodes and what follows them, the first of the same remedy. And which that was.
 */
export function breaksAnew(step: Step, steps: readonly Step[]): { readonly anew: readonly string[]; readonly asStep?: number } {
  const campaign = campaignOf(step)
  const isOfSet = (one: Step) =>
    isSame(campaignOf(one), campaign) || (isOnNode(one) && (isOnNode(step) || step.after.length > 0) && sharesWords(one, step))
  const first = steps.findIndex(isOfSet)
  if (first < 0 || first >= steps.indexOf(step)) return { anew: step.mayBreak }
  const said = new Set(steps[first]!.mayBreak.filter((words) => !words.startsWith(CUTS_FLOWS)))
  const anew = step.mayBreak.filter((words) => !said.has(words))
  return anew.length === step.mayBreak.length ? { anew } : { anew, asStep: first + 1 }
}
/** The same as clauses. */
export function breaksWords(step: Step, steps: readonly Step[]): readonly string[] {
  const { anew, asStep } = breaksAnew(step, steps)
  return asStep === undefined ? anew : [`what step ${asStep} says`, ...anew]
}
const isOnNode = ({ changes }: Step): boolean => changes.some(({ type }) => type === 'host')
/** All of the earlier one's, so that "what step 1 says" says nothing that is not so. */
const sharesWords = (earlier: Step, { mayBreak }: Step): boolean =>
  earlier.mayBreak.length > 0 && earlier.mayBreak.every((words) => mayBreak.includes(words))
