import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Draft } from '../../src/writers/manifests-draft.ts'
import { undoOf, unspliced } from '../../src/writers/manifests-undo.ts'
import { type HumanFile, humanFile, randomFrom } from './yaml-as-written.ts'
import { checkEdit, remedyEdits } from './yaml-edit-laws.ts'

/** FILES=20000 for a long look; a failure names the seed. */
const FILES = Number(process.env.FILES ?? 700)

test('what remedies do to manifests as people write them: three readers agree, other lines and comments stay, undo gives the bytes back', () => {
  const tally = { edited: 0, refused: 0, skipped: 0 }
  fc.assert(
    fc.property(fc.nat(0xffffff), (seed) => {
      const file = humanFile(seed)
      const random = randomFrom(seed ^ 0x5bd1e995)
      const target = file.workloads[random(Math.max(1, file.workloads.length))]
      fc.pre(target !== undefined)
      const outcome = checkEdit(file, target!, remedyEdits(random, target!))
      tally[outcome.is]++
      if (outcome.is === 'edited') expect(undone(file, outcome.text)).toBe(file.text)
    }),
    // An environment variable called E0, which the package `yaml` takes for a number where it stands plain.
    { numRuns: FILES, examples: [[404770]] },
  )
  expect(tally.edited).toBeGreaterThan(FILES * 0.9)
  expect(tally.refused).toBe(0)
}, 600_000)

function undone({ text: before }: HumanFile, text: string): string {
  const draft: Draft = { file: 'a.yaml', before: { text: before, mode: 0o644 }, text, mode: 0o644, secretKeys: 0, deeds: [] }
  return unspliced(text, undoOf(draft, text).splices!)
}

describe('the laws themselves can be broken', () => {
  const text = 'kind: Pod # note 1!\nspec:\n  # note 2!\n  containers:\n  - name: a\n'
  const file: HumanFile = {
    text,
    workloads: [{ document: 0, at: ['spec'], value: { kind: 'Pod', spec: { containers: [{ name: 'a' }] } } }],
  }
  test('an edit that fits passes', () => {
    expect(checkEdit(file, file.workloads[0]!, [{ set: ['spec', 'hostPID'], to: false }])).toEqual({
      is: 'edited',
      text: `${text}  hostPID: false\n`,
    })
  })
  test.each<[string, string, RegExp]>([
    ['another value', `${text}  hostPID: true\n`, /reads something else/],
    ['a line of its own kind changed', `${text.replace('kind: Pod', 'kind:  Pod')}  hostPID: false\n`, /line 1 changed/],
    ['a comment lost', `${text.replace('  # note 2!\n', '')}  hostPID: false\n`, /changed without need|is lost/],
    ['a carriage return', `${text}  hostPID: false\r\n`, /carriage return/],
  ])('%s', (_name, result, words) => {
    expect(() => checkEdit(file, file.workloads[0]!, [{ set: ['spec', 'hostPID'], to: false }], () => result)).toThrow(words)
  })
})
