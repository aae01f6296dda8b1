import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const planted = join(import.meta.dirname, 'planted')

interface Violation {
  readonly from: string
  readonly to: string
  readonly rule: { readonly name: string }
}

async function violations(cwd: string, folders: readonly string[]): Promise<readonly Violation[]> {
  const { stdout } = await execa('depcruise', ['--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json', ...folders], {
    cwd,
    preferLocal: true,
    localDir: root,
    reject: false,
  })
  return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations
}

describe('who may know whom', () => {
  test('the rooms keep to the table in .dependency-cruiser.cjs', async () => {
    const found = await violations(root, ['src', 'views', 'remediations', 'bin'])
    expect(found.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([])
  })

  /** From each planted file to what it may not do. Each must be found, or the checker checks nothing. */
  const PLANTED: readonly (readonly [from: string, rule: RegExp])[] = [
    ['src/model/looks-outside.ts', /^src\/model knows only itself/],
    ['src/objects/reads-files.ts', /pure rooms touch no machine/],
    ['src/controls/rbac/one.ts', /a control knows no other control/],
    ['src/controls/images/fetches.ts', /^src\/controls knows only/],
    ['src/plan/circle-a.ts', /no cycles/],
    ['src/sources/second-door.ts', /client-node enters by/],
    ['src/session/draws.ts', /\(ink\|react\) enters by/],
    ['src/engine/spawns.ts', /execa enters by/],
    ['src/report/asks.ts', /inquirer enters by/],
    ['src/snapshot/dead.ts', /no dead wood/],
    ['src/objects/types-only.ts', /^src\/objects knows only/],
    ['views/writes.tsx', /^views knows only/],
    ['remediations/judges.ts', /^remediations knows only/],
  ]
  test('every planted violation is found', async () => {
    const found = await violations(planted, ['src', 'views', 'remediations'])
    const missed = PLANTED.filter(([from, rule]) => !found.some((one) => one.from === from && rule.test(one.rule.name)))
    expect(
      missed.map(([from]) => from),
      JSON.stringify(
        found.map(({ rule, from, to }) => [rule.name, from, to]),
        null,
        1,
      ),
    ).toEqual([])
  })
})
