/** Every control, over all its fixtures, obeys the laws of laws.ts. One test a control and law; `UPDATE=1` writes mended files. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { kinds } from '../../src/objects/served.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { type LoadedWorld, loadWorld } from '../helpers/world.ts'
import { type Fixture, fixturesOf } from './fixtures.ts'
import {
  addsUp,
  alone,
  fails,
  handsOff,
  honest,
  type Law,
  mends,
  noHarm,
  orderless,
  passes,
  settles,
  stepsFor,
  tells,
  undoes,
} from './laws.ts'

const ON_FAILURES: readonly [string, Law][] = [
  ['fails', fails],
  ['alone', alone],
  ['mends', mends],
  ['no harm', noHarm],
  ['settles', settles],
  ['undo', undoes],
  ['ledger adds up', addsUp],
]
const ON_ALL: readonly [string, Law][] = [
  ['same in any order', orderless],
  ['hands off', handsOff],
]

describe.each(controls.map((control) => [control.id, control as RegisteredControl] as const))('%s', (_id, control) => {
  const fixtures = fixturesOf(control.practice, control.id)
  const of = (kind: Fixture['kind']) => fixtures.filter((fixture) => fixture.kind === kind)
  const check = (law: Law, among: readonly Fixture[]) => {
    const faults = among.flatMap((fixture) => law(control, loadWorld(fixture.file), controls).map((fault) => `${fixture.name}: ${fault}`))
    expect(faults).toEqual([])
  }

  if (process.env.UPDATE !== undefined)
    for (const fixture of of('fail'))
      nameCompanions(
        fixture,
        alone(control, { ...loadWorld(fixture.file), world: {} }, controls).map((fault) => /trips ([\w-]+)/.exec(fault)![1]!),
      )

  test('passes', () => check(passes, of('pass')))
  test('tells apart', () => check(tells, of('other')))
  for (const [name, law] of ON_FAILURES) test(name, () => check(law, of('fail')))
  for (const [name, law] of ON_ALL) test(name, () => check(law, [...of('pass'), ...of('fail'), ...of('other')]))
  test('honest', () => check(honest, [...of('pass'), ...of('fail')]))
  test('mended is what a reviewer has read', () => {
    for (const fixture of of('fail')) compareMended(control, fixture, loadWorld(fixture.file))
  })
})

/** With UPDATE=1: writes which other controls a fixture trips into its World document, for a reviewer to read. */
function nameCompanions({ file }: Fixture, companions: readonly string[]): void {
  const parts = readFileSync(file, 'utf8').split(/^---$/m)
  const at = parts.findIndex((part) => /^kind: World$/m.test(part))
  const flow = `companions: [${companions.join(', ')}]`
  if (at < 0) {
    if (companions.length > 0)
      writeFileSync(file, `${parts.join('---').trimEnd()}\n---\napiVersion: k8s-harden.test/v1\nkind: World\n${flow}\n`)
    return
  }
  const kept = parts[at]!.replace(/^companions:.*\n((?:[ -]+.*\n)*)/m, '')
  parts[at] = companions.length > 0 ? `${kept.trimEnd()}\n${flow}\n` : kept
  const text = parts.join('---')
  if (text !== readFileSync(file, 'utf8')) writeFileSync(file, text)
}

/** 4. The result equals mended.yaml: only the objects that the remedy touched. No file where the remedy changes no object. */
function compareMended(control: RegisteredControl, fixture: Fixture, { snapshot }: LoadedWorld): void {
  const file = fixture.file.replace(/fail((\.[^/]*)?\.yaml)$/, 'mended$1')
  const after = applyPlan(snapshot, stepsFor(control, snapshot))
  const touched = kinds.flatMap((kind) => after.all(kind).filter((object) => !snapshot.all(kind).includes(object as never)))
  const text = touched.map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('')
  if (process.env.UPDATE !== undefined) {
    if (text === '') rmSync(file, { force: true })
    else writeFileSync(file, text)
  }
  const golden = existsSync(file) ? readFileSync(file, 'utf8') : ''
  expect(text, `${fixture.name}: not what ${file.split('/').at(-1)} says; if it is right, write it with UPDATE=1 and read it`).toBe(golden)
}
