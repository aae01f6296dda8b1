/** Past runs as the wizard tells them: what was cut off, and what only looks as if it had been taken back. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pastRuns } from '../../src/cli/wizard-history.ts'
import type { JournalLine, RunId, StepId } from '../../src/model/index.ts'
import { FileJournal } from '../../src/writers/journal.ts'

const time = '2026-11-26T14:00:00Z'
const [kept, cut, failed] = ['kept', 'cut', 'failed'] as StepId[]
const BECAUSE = 'you asked for it'

test('a step that stands is not told as taken back, one whose undo was cut off is told as such', async () => {
  const state = mkdtempSync(join(tmpdir(), 'k8s-harden-history-'))
  const run = '20261126T140000Z-abc123' as RunId
  const steps = [kept!, cut!, failed!].map((id) => ({ id, title: id, risk: 'safe' as const }))
  const source = { kind: 'live', name: 'prod-eu-1', location: null }
  const journal = await FileJournal.begin(state, { run, time, tool: 'test', digest: '', approvedBy: 'test', source, steps })
  const lines: readonly JournalLine[] = [
    ...steps.flatMap(({ id }): readonly JournalLine[] => [
      { is: 'intent', time, step: id, title: id, mends: [], writes: [] },
      { is: 'written', time, step: id },
    ]),
    { is: 'verified', time, step: kept!, note: '' },
    { is: 'failed', time, step: failed!, because: 'it did not help' },
    { is: 'undo-intent', time, step: kept!, because: BECAUSE },
    // Settled at the next start: it stands.
    { is: 'written', time, step: kept! },
    { is: 'undo-intent', time, step: cut!, because: BECAUSE },
  ]
  for (const line of lines) await journal.append(line)
  await journal.close()
  const [told] = await pastRuns(state)
  expect(told?.interrupted).toBe(true)
  expect(told?.steps.map((step) => [step.id, step.state, step.note])).toEqual([
    ['kept', 'verified', undefined],
    ['cut', 'undo-interrupted', BECAUSE],
    ['failed', 'written', 'it did not help'],
  ])
})
