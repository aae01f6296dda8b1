import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Makes one control group of this name in every hierarchy of the machine; returns their folders. */
export function makeCgroups(name: string): string[] {
  return hierarchies().map((mount) => {
    const folder = join(mount, name)
    mkdirSync(folder, { recursive: true })
    handDownControllers(mount)
    return folder
  })
}

/** With version 2 a group has only the controllers that its parent hands down; systemd does not hand down all that the kubelet asks for. */
function handDownControllers(mount: string): void {
  const file = join(mount, 'cgroup.subtree_control')
  if (!existsSync(file)) return
  const words = (path: string) => readFileSync(path, 'utf8').split(/\s+/).filter(Boolean)
  const missing = words(join(mount, 'cgroup.controllers')).filter((controller) => !words(file).includes(controller))
  if (missing.length > 0) writeFileSync(file, missing.map((controller) => `+${controller}`).join(' '))
}

/** The processes in a control group and all groups below it, by their ids on this machine. */
export function processesIn(folder: string): number[] {
  if (!existsSync(folder)) return []
  const below = subgroups(folder).flatMap(processesIn)
  const own = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  return [...own, ...below]
}

/** Removes control groups with all below them, waiting until the last process in them is gone. */
export async function removeCgroups(folders: readonly string[]): Promise<void> {
  const deadline = Date.now() + 15_000
  for (const folder of folders) {
    while (!removed(folder)) {
      if (Date.now() > deadline) throw new Error(`${folder} cannot be removed: processes ${processesIn(folder).join(' ')}`)
      await sleep(50)
    }
  }
}

function removed(folder: string): boolean {
  try {
    removeTree(folder)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return !existsSync(folder)
    if (code === 'EBUSY') return false
    throw error
  }
}

// The files of a control group go with its folder, and cannot go before it.
function removeTree(folder: string): void {
  if (!existsSync(folder)) return
  for (const below of subgroups(folder)) removeTree(below)
  rmdirSync(folder)
}

function subgroups(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
}

/** Where control groups are mounted: one place with version 2, one per controller with version 1. */
function hierarchies(): string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return lines.flatMap((line) => {
    const [, mount, type] = line.split(' ')
    return mount && (type === 'cgroup' || type === 'cgroup2') ? [mount] : []
  })
}
