/** What a control's remedy proposes for the findings of a world, each by container. */

import { judge } from '../../src/engine/judge.ts'
import type { Control, Finding, Json, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

export interface Proposed {
  readonly finding: Finding
  readonly proposal: Proposal
}

/** `alongside`: controls whose findings the same plan mends. */
export function proposals(
  id: string,
  control: Control<any, any>,
  text: string,
  options: Readonly<Record<string, Json>> = {},
  alongside: Readonly<Record<string, Control<any, any>>> = {},
): Proposed[] {
  const { snapshot } = worldOf(text)
  const findings = (name: string, one: Control<any, any>) =>
    judge({ ...one, id: name, practice: 'nodes-and-pods' } as RegisteredControl, snapshot).findings
  const { remedy } = control
  if (!('propose' in remedy)) throw new Error(`${id} has no remedy`)
  const others = Object.entries(alongside).flatMap(([name, one]) => findings(name, one))
  const defaults = Object.fromEntries(
    Object.entries(remedy.options ?? {}).flatMap(([name, option]) => (option.default === undefined ? [] : [[name, option.default]])),
  )
  return findings(id, control).map((finding) => ({
    finding,
    proposal: remedy.propose(finding, { view: snapshot, options: { ...defaults, ...options }, alongside: others }),
  }))
}
