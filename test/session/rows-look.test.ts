/** The fix of a finding as it was tried: nothing is said twice, and what waits for other steps is not called exact. */
import { expect, test } from 'vitest'
import type { Plan, RehearsalResult, Step, StepId } from '../../src/model/index.ts'
import { lookRows } from '../../src/session/rows-finding.ts'
import { lineText } from '../../src/session/rows-line.ts'

const DRAWN = 'key key-1 is drawn now: keep a copy'
const step = (id: string, after: readonly string[]): Step =>
  ({
    id,
    after,
    title: `step ${id}`,
    risk: 'safe',
    mayBreak: [],
    changes: [{ type: 'host' }],
    mends: [],
    carriedOut: 'live',
  }) as unknown as Step

test('a warning is told with the first step that has it, and only the first step changes exactly this', () => {
  const steps = [step('one', []), step('two', ['one'])]
  const tried = (one: Step): readonly [StepId, RehearsalResult] => [
    one.id,
    { ok: true, rehearsal: { step: one.id, writer: 'nodes', diff: `+${one.title}\n`, warnings: [DRAWN], prepared: null } },
  ]
  const plan = { digest: '', revision: 1, steps, ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } } as unknown as Plan
  const rows = lookRows({ of: '', plan, previews: new Map(steps.map(tried)), done: true }, 76)
  const shown = rows.map((row) => lineText(row.line(76, new Set())).trim())
  expect(shown.filter((line) => line.includes(DRAWN))).toHaveLength(1)
  expect(shown.filter((line) => line === 'Exactly this changes:')).toHaveLength(1)
  expect(shown).toContain('Seen from how it is now, this changes; shown again in its turn:')
})
