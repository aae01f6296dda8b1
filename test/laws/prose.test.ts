import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { loadWorld } from '../helpers/world.ts'
import { fixturesOf } from './fixtures.ts'

/** What is wrong with a control's words; empty when nothing is. */
function proseFaults(control: Pick<RegisteredControl, 'title' | 'why' | 'references'>, reasons: readonly string[]): string[] {
  const faults: string[] = []
  if (!/\bmust(n't)?\b/.test(control.title)) faults.push(`the title does not say must or must not: "${control.title}"`)
  if (control.title.endsWith('.')) faults.push('the title ends in a full stop')
  if (!control.why.endsWith('.')) faults.push('the why does not end in a full stop')
  if ((control.why.match(/[.!?](\s|$)/g) ?? []).length > 3) faults.push('the why is longer than three sentences')
  if (control.references.length === 0) faults.push('there is no reference')
  for (const reason of reasons)
    if (/^[A-Z][a-z]/.test(reason) || reason.endsWith('.'))
      faults.push(`a reason must start in lower case and not end in a full stop: "${reason}"`)
  return faults
}

describe('controls read alike', () => {
  for (const control of controls) {
    test(control.id, () => {
      const reasons = fixturesOf(control.practice, control.id)
        .filter((fixture) => fixture.kind === 'fail')
        .flatMap((fixture) => judge(control, loadWorld(fixture.file).snapshot).findings.map((finding) => finding.reason))
      expect(proseFaults(control, reasons)).toEqual([])
    })
  }

  test('the law finds what it should', () => {
    const bad = { title: 'No privileged pods.', why: 'Because', references: [] }
    expect(proseFaults(bad, ['Is privileged.'])).toHaveLength(5)
  })
})
