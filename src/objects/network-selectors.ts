/** Label selectors of network policies, as far as it can be told what they select. */
import type { LabelSelector } from '../model/index.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import type { Matcher } from './network-rules.ts'

type Labels = Readonly<Record<string, string>>

/** May it be, is it: of two answers both must hold for `both`. */
export const NO = 0
export const PERHAPS = 1
export const YES = 2
export type Answer = typeof NO | typeof PERHAPS | typeof YES
export const both = (a: Answer, b: Answer): Answer => (a < b ? a : b)
export const answerOf = <T>(matcher: Matcher<T>, value: T): Answer =>
  matcher.matches(value) ? YES : matcher.mayMatch?.(value) === true ? PERHAPS : NO

/** A label that a file gives no value (`app:`) has the empty one, as the API server reads it. */
export const labelText = (value: unknown): string => String(value ?? '')

type Requirement = (labels: Labels, isAll: boolean) => Answer

/**
 * Pods by their labels. An absent selector selects all, as an empty one does. What the API server refuses (an operator that it does not
 * know, values that the operator does not take) selects perhaps: a file may hold it.
 */
export function podsBy(selector: LabelSelector | null | undefined): Matcher<Labels> {
  const { key, needs, ask } = parsed(selector)
  return {
    key,
    ...(needs && { needs }),
    matches: (labels) => ask(labels, true) === YES,
    mayMatch: (labels) => ask(labels, true) >= PERHAPS,
  }
}
/** Namespaces by theirs; of a namespace whose object was not read only the label of its name is known. */
export function namespacesBy(selector: LabelSelector | null | undefined): Matcher<NamespaceFacts> {
  const { key, ask } = parsed(selector)
  return {
    key,
    matches: ({ labels, unread }) => ask(labels, unread !== true) === YES,
    mayMatch: ({ labels, unread }) => ask(labels, unread !== true) >= PERHAPS,
  }
}
export const namespaceNamed = (name: string): Matcher<NamespaceFacts> => ({
  key: `name ${name}`,
  matches: (namespace) => namespace.name === name,
})

function parsed(selector: LabelSelector | null | undefined): {
  readonly key: string
  readonly needs?: readonly [string, string]
  ask(labels: Labels, isAll: boolean): Answer
} {
  const pairs = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => [key, labelText(value)] as const)
  const expressions = Array.isArray(selector?.matchExpressions) ? selector.matchExpressions : []
  const requirements = [
    ...pairs.map(([key, value]) => oneOf(key, [value])),
    ...expressions.map((one) => requirementOf(one as Partial<Expression> | null)),
  ]
  return {
    key: JSON.stringify([pairs, expressions]),
    ...(pairs[0] !== undefined && { needs: pairs[0] }),
    ask(labels, isAll) {
      let answer: Answer = YES
      for (const requirement of requirements) {
        answer = both(answer, requirement(labels, isAll))
        if (answer === NO) break
      }
      return answer
    },
  }
}
type Expression = NonNullable<LabelSelector['matchExpressions']>[number]

/** `isAll`: there are no labels but these. */
const isUnknown = (labels: Labels, key: string, isAll: boolean): boolean => !isAll && !Object.hasOwn(labels, key)
const textOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labelText(labels[key]) : undefined)

const oneOf =
  (key: string, values: readonly string[]): Requirement =>
  (labels, isAll) => {
    const value = textOf(labels, key)
    if (value === undefined) return isAll ? NO : PERHAPS
    return values.includes(value) ? YES : NO
  }
const inverse = (answer: Answer): Answer => (answer === YES ? NO : answer === NO ? YES : PERHAPS)

function requirementOf(expression: Partial<Expression> | null): Requirement {
  const { key, operator, values } = expression ?? {}
  const list = (Array.isArray(values) ? values : []).map(String)
  if (typeof key !== 'string') return () => PERHAPS
  const has: Requirement = (labels, isAll) => (isUnknown(labels, key, isAll) ? PERHAPS : textOf(labels, key) === undefined ? NO : YES)
  const isIn = oneOf(key, list)
  if (operator === 'In' && list.length > 0) return isIn
  if (operator === 'NotIn' && list.length > 0) return (labels, isAll) => inverse(isIn(labels, isAll))
  if (operator === 'Exists' && list.length === 0) return has
  if (operator === 'DoesNotExist' && list.length === 0) return (labels, isAll) => inverse(has(labels, isAll))
  return () => PERHAPS
}
