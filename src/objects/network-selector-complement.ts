/** The pods of a namespace that none of some selectors select, as selectors again: exact, for pods that come later too. */
import type { LabelSelector } from '../model/index.ts'

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

/** Several are an OR. Undefined: more would be needed than anybody reads, or a selector is none. */
export function complementOf(selectors: readonly (LabelSelector | null | undefined)[]): readonly LabelSelector[] | undefined {
  let terms: readonly (readonly Requirement[])[] = [[]]
  for (const selector of selectors) {
    const not = requirementsOf(selector).map(negated)
    if (not.includes(undefined)) return undefined
    terms = distinct(terms.flatMap((term) => (not as readonly Requirement[]).map((one) => tidy([...term, one])))).filter(canMatch)
    if (terms.length > MOST) return undefined
  }
  return terms.map((matchExpressions) => (matchExpressions.length === 0 ? {} : { matchExpressions }))
}
const MOST = 4

/** Those that both select; of `other` the expressions alone are taken up beside the labels of the one. */
export const both = (one: LabelSelector, other: LabelSelector): LabelSelector => {
  const matchExpressions = [...(one.matchExpressions ?? []), ...(other.matchExpressions ?? [])]
  const matchLabels = { ...one.matchLabels, ...other.matchLabels }
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions: tidy(matchExpressions) }),
  }
}

const requirementsOf = (selector: LabelSelector | null | undefined): readonly Requirement[] => [
  ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]): Requirement => ({ key, operator: 'In', values: [String(value)] })),
  ...(selector?.matchExpressions ?? []),
]

function negated({ key, operator, values = [] }: Requirement): Requirement | undefined {
  switch (operator) {
    case 'In':
      return { key, operator: 'NotIn', values }
    // NotIn selects pods without the label too; In does not.
    case 'NotIn':
      return { key, operator: 'In', values }
    case 'Exists':
      return { key, operator: 'DoesNotExist' }
    case 'DoesNotExist':
      return { key, operator: 'Exists' }
    default:
      return undefined
  }
}

/** One NotIn for each key, and nothing twice. */
function tidy(requirements: readonly Requirement[]): readonly Requirement[] {
  const [lists, rest] = [requirements.filter(isNotIn), requirements.filter((one) => !isNotIn(one))]
  const merged = [...Map.groupBy(lists, ({ key }) => key)].map(
    ([key, same]): Requirement => ({ key, operator: 'NotIn', values: [...new Set(same.flatMap(({ values = [] }) => values))].sort() }),
  )
  return distinct([...merged, ...rest]).toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
const isNotIn = ({ operator }: Requirement): boolean => operator === 'NotIn'

const canMatch = (term: readonly Requirement[]): boolean =>
  !term.some(({ key, operator, values = [] }) =>
    term.some(
      (other) =>
        other.key === key &&
        ((operator === 'In' && other.operator === 'NotIn' && values.every((value) => other.values?.includes(value))) ||
          ((operator === 'In' || operator === 'Exists') && other.operator === 'DoesNotExist')),
    ),
  )

const distinct = <T>(list: readonly T[]): readonly T[] => [...new Map(list.map((one) => [JSON.stringify(one), one])).values()]
