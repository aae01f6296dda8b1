import { hash } from 'node:crypto'
import type { FindingId, Observation } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { groupOf } from '../objects/ref.ts'

/**
 * 16 hex digits of a hash over what makes a finding itself: control, object (group, not version), container, path, key. Not over
 * its text, its uid or its line, so that a rescan, a re-created object and a moved line keep the id. `place` tells apart objects of one
 * identity in a set of files (base and overlay), `twin` counts observations that are alike in all of this.
 */
export function findingId(control: string, observation: Observation, place = '', twin = 0): FindingId {
  const { subject, container = '', at = [], key = '' } = observation
  const object = `${groupOf(subject.apiVersion)}\0${subject.kind}\0${subject.namespace ?? ''}\0${subject.name}`
  const text = `${control}\0${object}\0${container}\0${formatPath(at)}\0${key}\0${place}${twin === 0 ? '' : twin}`
  return hash('sha256', text).slice(0, 16) as FindingId
}
