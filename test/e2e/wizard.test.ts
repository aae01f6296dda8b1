/** The built program on its own sample, in a real terminal: from the first screen to an applied fix and its undo. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BIN, ROOT } from '../helpers/cli.ts'
import { PtyProgram, pty } from '../helpers/pty.ts'

let state: string
let wizard: PtyProgram | undefined
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'k8s-harden-wizard-'))
})
afterEach(async () => {
  wizard?.dispose()
  await rm(state, { recursive: true, force: true })
})

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): PtyProgram =>
  (wizard = new PtyProgram(process.execPath, [BIN, ...args], {
    columns: 120,
    rows: 40,
    cwd: ROOT,
    env: { XDG_STATE_HOME: state, KUBECONFIG: join(state, 'none'), ...env },
  }))

/** A question answers to nothing in its first moment. */
const settle = (): Promise<void> => sleep(400)

async function filesOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(name, 'utf8')] as const)))
}

describe.skipIf(pty === undefined || !existsSync(join(ROOT, 'dist', 'main.js')))('the wizard on the sample', () => {
  test('explains, plans, applies one step, proves it, and takes it back', async () => {
    const running = start(['--sample'])
    await running.until('sample cluster')
    await running.until(/watched, \d+ objects/)
    expect(running.screen()).toMatch(/Worst of \d+ findings/)
    const sample = join(state, 'k8s-harden', 'sample')
    const before = await filesOf(sample)

    running.send('4')
    await running.until('4 of 6  Nodes and pods')
    running.send('j\r')
    await running.until('Finding on')
    await running.until('Exactly this')
    running.send('o')
    await running.until('Overview:')
    running.send('A')
    await running.until('Steps, in this order')
    await running.until(/\d+ of \d+ steps chosen/)
    // Nothing but the first step: all in, those too that nobody asked for yet, then all out.
    running.send('*')
    await running.until(/ (\d+) of \1 steps chosen/)
    running.send('*')
    await running.until(/ 0 of \d+ steps chosen/)
    running.send(' ')
    await running.until((screen) => /[1-9]\d* of \d+ steps? chosen/.test(screen))
    running.send('a')
    await running.until(/Write this change|To apply it type/)
    expect(await filesOf(sample)).toEqual(before)
    await settle()

    const word = /To apply it type (\S+), then enter/.exec(running.screen())?.[1]
    running.send(word === undefined ? 'l' : word)
    await settle()
    running.send('\r')
    await running.until('FIXED')
    for (let turn = 0; turn < 20 && !running.screen().includes(' Result'); turn++) {
      await settle()
      if (/Write this change/.test(running.screen())) running.send('\r')
      else if (/To apply it type/.test(running.screen())) running.send('\t\r')
    }
    await running.until(/\d+ applied and proved fixed/)
    expect(await filesOf(sample)).not.toEqual(before)

    running.send('u')
    await running.until('approved by')
    running.send('u')
    await running.until('Leave it as it is')
    await settle()
    running.send('l')
    await running.until('>[ Undo')
    running.send('\r')
    await running.until('Undo: result')
    await running.until('UNDONE')
    expect(await filesOf(sample)).toEqual(before)
    running.send('q')
    expect(await running.exited).toBe(0)
    await running.until('Undo: ')
    expect(running.isAlternate).toBe(false)
  })
  test('without a kubeconfig it offers the sample first', async () => {
    const running = start([])
    await running.until('What do you want to harden?')
    await running.until(/^> Sample cluster/m)
    running.send('\x03')
    expect(await running.exited).toBe(130)
  })
  test('at a practice that the command line names', async () => {
    const running = start(['--sample', '--practice', 'images'])
    await running.until('5 of 6  Container images')
    running.send('q')
    expect(await running.exited).toBe(0)
  })
  test('two sources are a usage error, told on the ordinary screen', async () => {
    const running = start(['--sample', '--manifests', '.'])
    expect(await running.exited).toBe(2)
    await running.until('give one')
    expect(running.isAlternate).toBe(false)
  })
})
