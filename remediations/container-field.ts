/** Sets one field of the security context of the container a finding is about. */

import { remedy } from '../src/model/define.ts'
import type { Edit, Finding, Json, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import type { VisitedContainer } from '../src/objects/containers.ts'
import { containerOf, isPlace, type Prediction, TEMPLATE_READS, type TemplatePlace, templateChange, templatePlace } from './pod-template.ts'

export interface ContainerField {
  /** Under `securityContext`. */
  readonly field: string
  readonly to: Json
  /** What may stop working, from what is known of this container. */
  predict(place: TemplatePlace, container: VisitedContainer['container'], finding: Finding<any>): Prediction
  /** What must be changed with it so that the container keeps working. */
  also?(place: TemplatePlace, container: VisitedContainer['container']): readonly Edit[]
  /** Why it must not be done now; undefined when it may. */
  refuse?(container: VisitedContainer['container'], alongside: RemedyContext['alongside']): string | undefined
}

export const setContainerField = <E = any>(change: ContainerField): Remedy<E> =>
  remedy<E>({
    family: 'container-field',
    reads: TEMPLATE_READS,
    propose(finding, { view, alongside }): Proposal {
      const text = `${change.field}: ${JSON.stringify(change.to)}`
      const place = templatePlace(finding, view, `set securityContext.${text} on container ${finding.container}`)
      if (!isPlace(place)) return place
      const visited = containerOf(place, finding)
      if (visited === undefined) return { refused: `there is no container ${finding.container} in the template any more` }
      const refused = change.refuse?.(visited.container, alongside)
      if (refused !== undefined) return { refused }
      const path = [...place.at, ...visited.at, 'securityContext', change.field]
      return templateChange(
        place,
        [{ set: path, to: change.to }, ...(change.also?.(place, visited.container) ?? [])],
        `set ${text} on container ${visited.container.name}`,
        change.predict(place, visited.container, finding),
      )
    },
  })
