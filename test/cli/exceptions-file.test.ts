/** What `--exceptions` takes for an attestation, and what it refuses: one sentence and exit code 2. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { explainError } from '../../src/cli/errors.ts'
import { idleWords, type OperatorsWord, readExceptions } from '../../src/cli/exceptions-file.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { controls } from '../../src/controls/index.gen.ts'

const NOW = Date.parse('2026-11-26T10:00:00Z')
const GOOD = { control: 'audit-enabled', answer: 'type audit is on', by: 'sre', on: '2026-11-26', until: '2027-05-31' }

function read(text: string): Promise<OperatorsWord> {
  const file = join(mkdtempSync(join(tmpdir(), 'k8s-harden-attestations-')), 'word.yaml')
  writeFileSync(file, text)
  return readExceptions(file, controls, NOW)
}
const attest = (over: object = {}): Promise<OperatorsWord> => read(JSON.stringify({ attestations: [{ ...GOOD, ...over }] }))
const refusal = (word: Promise<OperatorsWord>) => word.then(() => ({ text: 'taken', code: EXIT.clean as number }), explainError)
const snapshot = { now: NOW, source: { kind: 'live', name: 'prod' } } as const

describe('an attestation is refused', () => {
  test.each([
    ['that was made in the future', { on: '2026-11-27' }, 'the attestation for audit-enabled is of 2026-11-27, which is still to come'],
    ['that holds for longer than a year', { until: '2027-11-28' }, 'is to hold until 2027-11-28: a year from 2026-11-26 is the most'],
    ['for a control that there is not', { control: 'audit-enabld' }, 'there is no control "audit-enabld"'],
    ['that nobody made', { by: undefined }, 'attestations.0.by'],
    ['whose maker has no name', { by: '  ' }, 'attestations.0.by'],
    ['that says nothing', { answer: '' }, 'attestations.0.answer'],
    ['that never ends', { until: undefined }, 'attestations.0.until'],
    ['whose day is none', { on: '2026-02-30' }, 'attestations.0.on'],
    ['with a key that does nothing', { untill: '2027-01-01' }, 'untill'],
  ])('%s', async (_what, over, words) => {
    const { text, code } = await refusal(attest(over))
    expect(code).toBe(EXIT.usage)
    const [first, ...next] = text.trimEnd().split('\n')
    expect(first).toContain(words)
    // One sentence; what follows it, if anything, is what to do.
    for (const line of next) expect(line).toMatch(/^ {2}/)
  })

  test('with everything else of its file, so that nothing of it does nothing in silence', async () => {
    const two = read(
      JSON.stringify({ attestations: [GOOD, { ...GOOD, by: '' }], exceptions: [{ control: 'pod-hostpath', reason: 'known' }] }),
    )
    expect((await refusal(two)).code).toBe(EXIT.usage)
  })
})

describe('an attestation is taken', () => {
  test('to the last day of a year', async () => {
    const { attestations } = await attest({ until: '2027-11-26' })
    expect(attestations.attestedBy('audit-enabled', snapshot)).toMatchObject({ by: 'sre', until: '2027-11-26' })
  })

  test('with the day as it stands in the file, quoted or not', async () => {
    const { attestations } = await read(
      'attestations:\n  - {control: audit-enabled, answer: yes it is, by: sre, on: 2026-11-01, until: 2027-01-31}\n',
    )
    expect(attestations.attestedBy('audit-enabled', snapshot)).toEqual({
      answer: 'yes it is',
      by: 'sre',
      on: '2026-11-01',
      until: '2027-01-31',
    })
  })

  test('but not once it is over: it answers nothing, and that is told', async () => {
    const word = await attest({ on: '2025-11-26', until: '2026-11-26' })
    expect(word.attestations.attestedBy('audit-enabled', snapshot)).toBeUndefined()
    expect(idleWords(word)).toEqual(['the attestation of sre for audit-enabled has expired on 2026-11-26: look again'])
  })

  test('and told of where nothing needed it', async () => {
    const word = await attest()
    expect(idleWords(word)).toEqual([
      'the attestation of sre for audit-enabled is not used: what it is about was seen, or is not in this scan',
    ])
    word.attestations.attestedBy('audit-enabled', snapshot)
    expect(idleWords(word)).toEqual([])
  })
})
