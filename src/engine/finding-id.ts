import { createHash } from 'node:crypto'
import type { FindingId, Observation } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { groupOf } from '../objects/ref.ts'

/**
 * 16 hex digits of a hash over what makes a finding itself: control, object (group, not version), container, path, key. Not over
 * its text, its uid or its line, so that a rescan, a re-created object and a moved line keep the id. `twin` counts objects
 * that share an identity in one set of files.
 */
export function findingId(control: string, observation: Observation, twin = 0): FindingId {
  const { subject, container = '', at = [], key = '' } = observation
  const parts = [control, groupOf(subject.apiVersion), subject.kind, subject.namespace ?? '', subject.name, container, formatPath(at), key, twin === 0 ? '' : String(twin)]
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16) as FindingId
}
