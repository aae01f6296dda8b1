// Makes a fresh clone ready: installs what is missing, and with `build` builds what is stale. Runs on the machine's own node
// (20 or newer), so it uses nothing but node itself; what follows runs on the Node 24 that it installs, in an npm script of its own,
// since a shell remembers where it found the first `node`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const run = (command, args) => {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (done.status !== 0) {
    process.stderr.write(`${command} ${args.join(' ')} failed. Mend what it says above and run this again.\n`)
    process.exit(done.status ?? 1)
  }
}

/** npm writes node_modules/.package-lock.json; what it lists is what is installed. */
function isInstalled() {
  const stamp = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(stamp) || !existsSync(join(root, 'node_modules', '.bin', 'node'))) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(stamp, 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.peer || installed[path]?.version === entry.version,
  )
}

const newest = (path) =>
  statSync(path).isDirectory() ? Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name)))) : statSync(path).mtimeMs

if (!isInstalled()) {
  process.stderr.write('installing dependencies …\n')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}
if (process.argv[2] === 'build') {
  const main = join(root, 'dist', 'main.js')
  const sources = ['src', 'views', 'remediations', 'package.json', 'bin/build.ts'].map((name) => newest(join(root, name)))
  if (!existsSync(main) || statSync(main).mtimeMs < Math.max(...sources)) {
    process.stderr.write('building …\n')
    run(join(root, 'node_modules', '.bin', 'node'), [join(root, 'bin', 'build.ts')])
  }
}
