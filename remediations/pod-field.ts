/** Sets or removes fields of the pod spec itself. */

import { remedy } from '../src/model/define.ts'
import type { Edit, Finding, Json, PathElement, Proposal, Remedy, RemedyOption } from '../src/model/index.ts'
import { isPlace, type Prediction, TEMPLATE_READS, type TemplatePlace, templateChange, templatePlace } from './pod-template.ts'

/** An edit relative to the pod spec. */
export type SpecEdit = { readonly set: readonly PathElement[]; readonly to: Json } | { readonly unset: readonly PathElement[] }
export interface SpecChange {
  readonly edits: readonly SpecEdit[]
  readonly summary: string
  readonly prediction: Prediction
}
export interface PodField<E> {
  /** Completes "set …", for those who must do it by hand. */
  wish(finding: Finding<E>): string
  readonly options?: Readonly<Record<string, RemedyOption>>
  /** What to change, or why not. */
  change(
    place: TemplatePlace,
    finding: Finding<E>,
    options: Readonly<Record<string, Json>>,
  ): SpecChange | { readonly refused: string } | { readonly byHand: string }
}

export const setPodField = <E = any>(field: PodField<E>): Remedy<E> =>
  remedy<E>({
    family: 'pod-field',
    reads: TEMPLATE_READS,
    ...(field.options !== undefined && { options: field.options }),
    propose(finding, { view, options }): Proposal {
      const place = templatePlace(finding, view, field.wish(finding))
      if (!isPlace(place)) return place
      const change = field.change(place, finding, options)
      if (!('edits' in change)) return change
      const edits = change.edits.map(
        (edit): Edit => ('set' in edit ? { set: [...place.at, ...edit.set], to: edit.to } : { unset: [...place.at, ...edit.unset] }),
      )
      return templateChange(place, edits, change.summary, change.prediction)
    },
  })
