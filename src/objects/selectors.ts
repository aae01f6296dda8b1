/** Label selectors, as the API server matches them. */
import type { LabelSelector } from '../model/index.ts'

type Labels = Readonly<Record<string, string>>

/** `undefined` matches nothing, `{}` matches everything: what a missing selector means elsewhere is up to the field that holds it. */
export function matchesSelector(selector: LabelSelector | null | undefined, labels: Labels = {}): boolean {
  if (selector === undefined || selector === null) return false
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (!Object.hasOwn(labels, key) || labels[key] !== String(value)) return false
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const has = Object.hasOwn(labels, key)
    switch (operator) {
      case 'In':
        return has && values.includes(labels[key]!)
      // A label that is not there is not in the list either.
      case 'NotIn':
        return !has || !values.includes(labels[key]!)
      case 'Exists':
        return has
      case 'DoesNotExist':
        return !has
      default:
        return false
    }
  })
}

export const isEmptySelector = (selector: LabelSelector | null | undefined): boolean =>
  selector !== undefined &&
  selector !== null &&
  Object.keys(selector.matchLabels ?? {}).length === 0 &&
  (selector.matchExpressions ?? []).length === 0

/** A Service's selector: all pairs; one without pairs selects nothing (its endpoints are made by hand). */
export const matchesPairs = (pairs: Labels | null | undefined, labels: Labels): boolean =>
  pairs !== undefined &&
  pairs !== null &&
  Object.keys(pairs).length > 0 &&
  Object.entries(pairs).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === String(value))

/** The labels of a namespace with the one that the API server always sets; a file may lack it, or say another. */
export const namespaceLabels = (name: string, labels: Labels = {}): Labels => ({ ...labels, 'kubernetes.io/metadata.name': name })
