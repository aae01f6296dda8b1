// Loaded before the program (node --import): the process ends itself with SIGKILL at one instant, named in DIES_AT as EVENT or EVENT#N for
// the nth time. All events are written to the file in DIES_LOG. Instants: before and after each line of the journal, each half-written
// file on a node, each rename and removal there, and each word of progress.
import { appendFileSync, promises } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname } from 'node:path'

const [wanted, nth = '1'] = (process.env.DIES_AT ?? '').split('#')
const counts = new Map()
function passes(event) {
  const count = (counts.get(event) ?? 0) + 1
  counts.set(event, count)
  if (process.env.DIES_LOG) appendFileSync(process.env.DIES_LOG, `${event}#${count}\n`)
  if (event === wanted && count === Number(nth)) process.kill(process.pid, 'SIGKILL')
}
const isBeside = (path) => basename(String(path)).startsWith('.k8s-harden-')
const shown = (path) => (String(path).includes('/var/lib/k8s-harden/') ? `kept ${basename(path)}` : basename(String(path)))

const { open, rename, unlink } = promises
promises.open = async (path, ...rest) => {
  const handle = await open(path, ...rest)
  if (isBeside(path)) {
    const { sync } = handle
    handle.sync = async () => {
      await sync.call(handle)
      passes(`half ${basename(dirname(String(path)))}`)
    }
  }
  if (String(path).endsWith('.jsonl')) {
    const { appendFile } = handle
    handle.appendFile = async (text) => {
      const { is } = JSON.parse(text.trim() || '{"is":"torn"}')
      passes(`before ${is}`)
      await appendFile.call(handle, text)
      passes(`after ${is}`)
    }
  }
  return handle
}
promises.rename = async (from, to) => {
  if (!isBeside(from)) return rename(from, to)
  passes(`before ${shown(to)}`)
  await rename(from, to)
  passes(`after ${shown(to)}`)
}
promises.unlink = async (path) => {
  const isOurs = !String(path).includes('/locks/') && !isBeside(path)
  if (isOurs) passes(`before removing ${shown(path)}`)
  await unlink(path)
  if (isOurs) passes(`after removing ${shown(path)}`)
}
syncBuiltinESMExports()

const { write } = process.stdout
process.stdout.write = function (text, ...rest) {
  const waited = /waiting for (?:waiting )?(.*?) \(|(proving|storing) /.exec(String(text))
  const done = write.call(this, text, ...rest)
  if (waited) passes(`told ${(waited[1] ?? waited[2]).replace(/until .*loaded.*/, 'reload').replace(/.*come back.*/, 'come back')}`)
  return done
}
