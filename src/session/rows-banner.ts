/** What has to be said above everything else on the network: that nothing enforces policies, or that not all is known. */
import type { Snapshot } from '../model/index.ts'
import { blindSpots, enforced } from './connectivity.ts'
import { prose, type Row } from './rows-line.ts'
import { sentence } from './text.ts'

/** Said first, wherever policies are spoken of: that nothing enforces them, or that nobody knows. Empty where a plugin does. */
export function bannerRows(snapshot: Snapshot, width: number): readonly Row[] {
  const { enforced: is, warning } = enforced(snapshot)
  if (is === true) return []
  const text = is === false ? warning : sentence(warning)
  return prose(text, width, { indent: 0, mark: is === false ? '!! ' : '?  ', tone: is === false ? 'fail' : 'unknown' })
}

/** What could not be read, and what follows from it. */
export function blindRows(snapshot: Snapshot, width: number): readonly Row[] {
  const { policies, ends } = blindSpots(snapshot)
  return [
    ...policies.map((because) => `Policies are not all known: ${because}. Nothing is known to be open or shut.`),
    ...ends.map((because) => `Not all could be seen: ${because}.`),
  ].flatMap((text) => prose(text, width, { indent: 0, tone: 'unknown' }))
}
