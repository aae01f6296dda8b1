/** What the wizard does to a terminal, in a real one: modes, sizes, signals, early keys. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../helpers/cli.ts'
import { type PtyOptions, PtyProgram, pty } from '../helpers/pty.ts'
import { pasteBytes } from '../helpers/terminal.tsx'

let folder: string
let program: PtyProgram | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8s-harden-wizard-'))
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/e2e/wizard-fake.tsx'],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    alias: { 'react-devtools-core': './bin/no-devtools.mjs' },
    logLevel: 'error',
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  })
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => program?.dispose())

/** Started by a shell that says, on the ordinary screen, which process it is, how it ended and how it left the terminal. */
function start(options: PtyOptions = {}): PtyProgram {
  const script = `printf 'before\\n'; sh -c 'echo PID:$$; exec "$0" "$1"' '${process.execPath}' '${join(folder, 'wizard-fake.mjs')}'; echo "EXIT:$?"; stty -a | tr ';' '\\n' | grep -o -E '(^| )-?(icanon|echo)( |$)' | tr -d '\\n'; echo; echo END`
  program = new PtyProgram('/bin/sh', ['-c', script], { ...options, env: { XDG_STATE_HOME: folder, ...options.env } })
  return program
}
const pidOf = (running: PtyProgram): number => Number(/PID:(\d+)/.exec(running.output)![1])

async function expectRestored(running: PtyProgram, code: number): Promise<void> {
  await running.until('END')
  expect(running.isAlternate).toBe(false)
  const screen = running.screen()
  expect(screen).toContain('before')
  expect(screen).toContain(`EXIT:${code}`)
  expect(screen).toMatch(/ icanon/)
  expect(screen).toMatch(/ echo /)
  // Cursor shown and bracketed paste off, whatever was said before.
  expect(running.output.lastIndexOf('\x1b[?25h')).toBeGreaterThan(running.output.lastIndexOf('\x1b[?25l'))
  expect(running.output.lastIndexOf('\x1b[?2004l')).toBeGreaterThan(running.output.lastIndexOf('\x1b[?2004h'))
}

describe.skipIf(pty === undefined)('in a real terminal', () => {
  test('starts on its own screen, from the top left, and gives the old one back', async () => {
    const running = start()
    await running.until('live, 6 objects')
    expect(running.isAlternate).toBe(true)
    expect(running.lines()[0]).toMatch(/^ k8s-harden {2}context prod-eu-1/)
    expect(running.lines()[23]).toContain('q quit')
    running.send('q')
    await expectRestored(running, 0)
  })
  test('keys pressed while it starts are neither echoed nor lost to the frame', async () => {
    const running = start()
    await running.until('starting')
    running.send('zzzzzz\x1b[B\x1b[B')
    await running.until('live, 6 objects')
    expect(running.lines()[0]).toMatch(/^ k8s-harden {2}context/)
    expect(running.screen()).not.toContain('zz')
  })
  test.each([
    [130, 'SIGINT'],
    [143, 'SIGTERM'],
    [129, 'SIGHUP'],
  ] as const)('ends with %i on %s and restores the terminal', async (code, signal) => {
    const running = start()
    await running.until('live, 6 objects')
    process.kill(pidOf(running), signal)
    await expectRestored(running, code)
  })
  test('ctrl-c ends it with 130 and restores the terminal', async () => {
    const running = start()
    await running.until('live, 6 objects')
    running.send('\x03')
    await expectRestored(running, 130)
  })
  test('SIGTERM while a change is asked about writes nothing, says so, and ends with 143', async () => {
    const running = start()
    await running.until('live, 6 objects')
    running.send('A')
    await running.until('Steps, in this order')
    running.send('a')
    await running.until('Write this change')
    process.kill(pidOf(running), 'SIGTERM')
    await expectRestored(running, 143)
    expect(running.screen()).toContain('Applied: 5 steps: 5 skipped.')
  })
  test('an error nobody caught is told on the ordinary screen', async () => {
    const running = start({ env: { PLANT: 'throw' } })
    await running.until('planted outside of any screen')
    await running.until('END')
    expect(running.isAlternate).toBe(false)
    expect(running.screen()).toMatch(/ icanon/)
  })
  test('follows every resize without leaving anything behind', async () => {
    const fresh = start()
    await fresh.until('live, 6 objects')
    fresh.send('4')
    await fresh.until('4 of 6')
    await fresh.until('q quit')
    const wanted = fresh.screen()
    fresh.dispose()

    const running = start({ columns: 120, rows: 40 })
    await running.until('live, 6 objects')
    running.send('4')
    await running.until('-- selected')
    for (const [columns, rows] of [
      [100, 30],
      [60, 16],
      [50, 12],
      [200, 50],
      [62, 20],
      [80, 24],
    ] as const) {
      running.resize(columns, rows)
      await running.until((screen) =>
        columns < 60 ? screen.includes('Too small') : (screen.split('\n')[rows - 1] ?? '').includes('q quit'),
      )
    }
    await running.until((screen) => screen === wanted)
  })
  test('forty resizes in a row end in the right picture', async () => {
    const running = start()
    await running.until('live, 6 objects')
    running.send('4')
    await running.until('4 of 6')
    await running.until('q quit')
    const wanted = running.screen()
    for (let turn = 0; turn < 40; turn++) {
      running.resize(60 + ((turn * 37) % 120), 16 + ((turn * 13) % 40))
      await sleep(5)
    }
    running.resize(80, 24)
    await running.until((screen) => screen === wanted)
  })
  test('NO_COLOR draws without any colour and still shows what is selected', async () => {
    const running = start({ env: { NO_COLOR: '1' } })
    await running.until('live, 6 objects')
    expect(running.output).not.toMatch(/\x1b\[(3|4|9)\d(;\d+)*m/)
    expect(running.screen()).toMatch(/^> 1 Role-based access control/m)
  })
  test('with colours the same words are there', async () => {
    const running = start({ env: { FORCE_COLOR: '1', CI: '1' } })
    await running.until('live, 6 objects')
    await running.until('CRIT Deployment shop/cart')
    expect(running.output).toMatch(/\x1b\[3\dm/)
  })
  test('neither type-ahead nor a paste answers a question; a pressed button does', async () => {
    const running = start()
    await running.until('live, 6 objects')
    running.send('A')
    await running.until('Steps, in this order')
    // All of it in one write: begin, next button, press, and once more.
    running.send('al\rl\r')
    await running.until('Write this change')
    await running.until('>[ Skip ]<')
    running.send(pasteBytes('l\r'))
    await running.until('Pasted text is ignored here')
    await sleep(350)
    expect(running.screen()).not.toContain('FIXED')
    running.send('l')
    await running.until('>[ Apply ]<')
    running.send('\r')
    await running.until('1 FIXED')
  })
  test('goes to the shell and comes back with the same screen', async () => {
    // A shell with job control, as an operator has it: bash -i would read its own files, so -m is enough.
    program = new PtyProgram(
      '/bin/bash',
      [
        '--noprofile',
        '--norc',
        '-m',
        '-c',
        `'${process.execPath}' '${join(folder, 'wizard-fake.mjs')}'; echo STOPPED; sleep 0.3; fg; echo END`,
      ],
      { env: { XDG_STATE_HOME: folder } },
    )
    const running = program
    await running.until('live, 6 objects')
    running.send('4')
    await running.until('4 of 6')
    await running.until('q quit')
    const wanted = running.screen()
    running.send('\x1a')
    await running.until('STOPPED')
    expect(running.isAlternate).toBe(false)
    await running.until((screen) => running.isAlternate && screen === wanted)
    running.send('q')
    await running.until('END')
    expect(running.isAlternate).toBe(false)
  })
  test('without job control ctrl-z comes back by itself', async () => {
    const running = start()
    await running.until('live, 6 objects')
    running.send('\x1a')
    await running.until(() => !running.isAlternate)
    await running.until((screen) => running.isAlternate && screen.includes('Overview'))
    running.send('q')
    await expectRestored(running, 0)
  })
})
