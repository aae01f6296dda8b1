import { join } from 'node:path'
import { execa } from 'execa'

/** Before any test: dist/ is what the sources say, since many tests run the built program. */
export default async function build(): Promise<void> {
  const root = join(import.meta.dirname, '..', '..')
  await execa(process.execPath, [join(root, 'bin', 'prepare.js'), 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}
