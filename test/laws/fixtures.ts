import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

export const CONTROLS_DIR = join(import.meta.dirname, '..', 'controls')
export type FixtureKind = 'pass' | 'fail' | 'other' | 'mended'
export interface Fixture {
  readonly kind: FixtureKind
  readonly name: string
  readonly file: string
}

/** `fail.case.yaml` → kind fail. Anything else in the folder is an error: a fixture that nothing runs is worse than none. */
export function fixturesOf(practice: string, id: string, root = CONTROLS_DIR): readonly Fixture[] {
  const folder = join(root, practice, id)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const kind = /^(pass|fail|other|mended)(\..+)?\.yaml$/.exec(name)?.[1]
      if (kind === undefined)
        throw new Error(
          `${practice}/${id}/${name}: a fixture is named pass, fail, other or mended, with an optional .case, and ends in .yaml`,
        )
      return { kind: kind as FixtureKind, name: basename(name, '.yaml'), file: join(folder, name) }
    })
}

export const foldersOf = (root = CONTROLS_DIR): readonly { practice: string; id: string }[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((practice) => readdirSync(join(root, practice.name)).map((id) => ({ practice: practice.name, id })))
