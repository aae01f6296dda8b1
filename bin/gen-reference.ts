/** docs/controls.md, docs/clusterrole.yaml and docs/scan.schema.json, all from the code itself. */

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { parseAllDocuments, stringify } from 'yaml'
import { permissionsYaml } from '../src/cli/commands/permissions.ts'
import { controls } from '../src/controls/index.gen.ts'
import { controlsMarkdown } from '../src/report/reference.ts'
import type { GeneratedFile } from './gen.ts'
import { scanSchema } from './scan-schema.ts'

const fixtures = join(import.meta.dirname, '..', 'test', 'controls')

export async function generate(): Promise<readonly GeneratedFile[]> {
  const examples = new Map<string, string>()
  for (const control of controls) {
    const example = await exampleOf(join(fixtures, control.practice, control.id))
    if (example !== undefined) examples.set(control.id, example)
  }
  return [
    { path: 'docs/controls.md', text: controlsMarkdown(controls, examples) },
    { path: 'docs/clusterrole.yaml', text: permissionsYaml() },
    { path: 'docs/scan.schema.json', text: `${JSON.stringify(scanSchema(), null, 2)}\n` },
  ]
}

/** The difference that a remedy makes, from the fixtures that the tests run: fail.yaml → mended.yaml. */
async function exampleOf(folder: string): Promise<string | undefined> {
  if (!existsSync(folder)) return undefined
  const mended = (await readdir(folder)).filter((name) => name.startsWith('mended')).sort()[0]
  if (mended === undefined) return undefined
  const before = new Map(documentsOf(await readFile(join(folder, mended.replace('mended', 'fail')), 'utf8')))
  const patches = documentsOf(await readFile(join(folder, mended), 'utf8'))
    .slice(0, 2)
    .map(([key, text]) =>
      createTwoFilesPatch(key, key, before.get(key) ?? '', text, '', '', { context: 2 })
        .split('\n')
        .slice(2)
        .filter((line) => !line.startsWith('\\'))
        .join('\n'),
    )
  return patches.join('\n')
}

const documentsOf = (text: string): [string, string][] =>
  parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as { kind?: string; metadata?: { namespace?: string; name?: string } } | null
    if (object === null || object.kind === 'World') return []
    const { namespace = 'default', ...metadata } = object.metadata ?? {}
    return [
      [
        `${object.kind} ${metadata.name ?? ''}`,
        stringify(
          { ...object, metadata: { ...metadata, ...(namespace !== 'default' && { namespace }) } },
          { lineWidth: 0, sortMapEntries: true },
        ),
      ],
    ]
  })
