import { controls } from '../../controls/index.gen.ts'
import { controlsJson, controlsMarkdown, controlsTable } from '../../report/reference.ts'
import { EXIT } from '../exit-codes.ts'

export async function controlsCommand(output: 'table' | 'json' | 'markdown'): Promise<number> {
  const text = { table: controlsTable, json: controlsJson, markdown: controlsMarkdown }[output](controls)
  process.stdout.write(text)
  return EXIT.clean
}
