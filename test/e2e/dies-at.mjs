// Loaded before the program (node --import): the process ends itself with SIGKILL at one instant, named in DIES_AT as EVENT or EVENT#N for
// the nth time. All events are written to the file in DIES_LOG. Instants: before and after each line of the journal, each half-written
// file on a node, each rename and removal there, each word of progress; and each program that is run on the way to a node: as it starts,
// with nothing on its standard input yet, and when it has ended.
import childProcess from 'node:child_process'
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
const { spawn } = childProcess
childProcess.spawn = function (file, args, ...rest) {
  const child = spawn.call(this, file, args, ...rest)
  // docker exec ... NODE env LC_ALL=C PROGRAM ARGUMENT...
  const [program, ...more] = args[0] === 'exec' ? args.slice(args.indexOf('LC_ALL=C') + 1) : []
  if (program !== undefined) {
    const event = `${program} ${basename(more.at(-1) ?? '').replace(/^\.k8s-harden-.*/, 'beside')}`
    passes(`starting ${event}`)
    child.once('exit', () => passes(`ended ${event}`))
  }
  return child
}
syncBuiltinESMExports()

const { write } = process.stdout
process.stdout.write = function (text, ...rest) {
  const waited = /waiting for (?:waiting )?(.*?) \(|(proving|storing) /.exec(String(text))
  const done = write.call(this, text, ...rest)
  if (waited) passes(`told ${(waited[1] ?? waited[2]).replace(/until .*loaded.*/, 'reload').replace(/.*come back.*/, 'come back')}`)
  return done
}
