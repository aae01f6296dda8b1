/** Sets or removes fields of the pod spec itself. */

import { remedy } from '../src/model/define.ts'
import type { Edit, Finding, Json, Path, PathElement, Proposal, Remedy, RemedyContext, RemedyOption } from '../src/model/index.ts'
import { isPlace, type Prediction, TEMPLATE_READS, type TemplatePlace, templateChange, templatePlace } from './pod-template.ts'

/** An edit relative to the pod spec. */
export type SpecEdit = { readonly set: readonly PathElement[]; readonly to: Json } | { readonly unset: readonly PathElement[] }
export interface SpecChange {
  readonly edits: readonly SpecEdit[]
  /** Relative to what holds spec and metadata: `['metadata', 'annotations', key]`. */
  readonly besideSpec?: readonly SpecEdit[]
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
    alongside: RemedyContext['alongside'],
  ): SpecChange | { readonly refused: string } | { readonly byHand: string }
}

export const setPodField = <E = any>(field: PodField<E>): Remedy<E> =>
  remedy<E>({
    family: 'pod-field',
    reads: TEMPLATE_READS,
    ...(field.options !== undefined && { options: field.options }),
    propose(finding, { view, options, alongside }): Proposal {
      const place = templatePlace(finding, view, field.wish(finding))
      if (!isPlace(place)) return place
      const change = field.change(place, finding, options, alongside)
      if (!('edits' in change)) return change
      const edits = [...from(place.at, change.edits), ...from(place.at.slice(0, -1), change.besideSpec ?? [])]
      return templateChange(place, edits, change.summary, change.prediction)
    },
  })

const from = (root: Path, edits: readonly SpecEdit[]): Edit[] =>
  edits.map((edit) => ('set' in edit ? { set: [...root, ...edit.set], to: edit.to } : { unset: [...root, ...edit.unset] }))
