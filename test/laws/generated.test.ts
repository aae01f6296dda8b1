import { expect, test } from 'vitest'
import { generatedFiles, isUpToDate } from '../../bin/gen.ts'

test('generated files are what bin/gen.ts makes (run `npm run gen`)', async () => {
  const stale: string[] = []
  for (const file of await generatedFiles()) if (!(await isUpToDate(file))) stale.push(file.path)
  expect(stale).toEqual([])
})

test('a changed file is noticed', async () => {
  const [file] = await generatedFiles()
  expect(await isUpToDate({ path: file!.path, text: `${file!.text}x` })).toBe(false)
})
