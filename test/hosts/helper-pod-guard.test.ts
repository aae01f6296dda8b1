/** The programs of a guard with real files: the shell of this machine, and busybox where it is there. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ARM, KEEP, PUT_BACK, WATCHING, WHILE_ARMED } from '../../src/hosts/helper-pod-guard-programs.ts'
import { GUARD_FOLDER } from '../../src/hosts/helper-pod-object.ts'
import { sha } from './contract.ts'

const busybox = [process.env['K8S_HARDEN_BUSYBOX'], '/bin/busybox', '/usr/bin/busybox'].find((file) => file && existsSync(file))

describe('the shell of this machine', () => guards(['sh']))
describe.skipIf(busybox === undefined)(`busybox${busybox ? '' : ' (skipped: none on this machine)'}`, () => guards([busybox!, 'sh']))

function guards(shell: readonly [string, ...string[]]) {
  let [at, folder, path] = ['', '', '']
  let watching: ChildProcess
  let env: NodeJS.ProcessEnv
  const of = (script: string) => script.replaceAll(GUARD_FOLDER, at)
  const run = (script: string, ...words: string[]) =>
    spawnSync(shell[0], [...shell.slice(1), '-c', of(script), 'sh', ...words], { encoding: 'utf8', env })
  const arm = (seconds: number, before = 'old', after: string | null = 'new') =>
    run(ARM, 'id', String(seconds), path, sha(before), after === null ? '-' : sha(after))
  const content = () => readFileSync(path, 'utf8')

  beforeEach(() => {
    at = mkdtempSync(join(tmpdir(), 'guard-'))
    folder = mkdtempSync(join(tmpdir(), 'guarded-'))
    path = join(folder, " it's & here.yaml")
    writeFileSync(path, 'old', { mode: 0o640 })
    env = { ...process.env }
    if (shell.length > 1) {
      // Its programs, not those of this machine.
      mkdirSync(join(at, 'bin'))
      execFileSync(shell[0], ['--install', '-s', join(at, 'bin')])
      env['PATH'] = join(at, 'bin')
    }
    watching = spawn(shell[0], [...shell.slice(1), '-c', of(WATCHING[2]!)], { stdio: 'ignore', env })
  })
  afterEach(async () => {
    if (watching.exitCode === null) {
      watching.kill()
      await once(watching, 'exit')
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('what nobody keeps is put back when its time is over, with its mode, and is not kept afterwards', async () => {
    expect(arm(2)).toMatchObject({ status: 0, stderr: '' })
    writeFileSync(path, 'new')
    await sleep(800)
    expect(content()).toBe('new')
    await expect.poll(content, { timeout: 5000 }).toBe('old')
    expect(statSync(path).mode & 0o777).toBe(0o640)
    await expect.poll(() => run(KEEP, 'id').stdout, { timeout: 3000 }).toBe('back\n')
    expect(run(WHILE_ARMED, 'id', 'touch', join(folder, 'late'))).toMatchObject({ status: 1, stderr: 'mv: its guard has ended\n' })
    expect(existsSync(join(folder, 'late'))).toBe(false)
  })

  test('what is kept stays, also when the pod ends', async () => {
    arm(2)
    expect(run(WHILE_ARMED, 'id', 'sh', '-c', 'printf new > "$1"', 'sh', path).status).toBe(0)
    expect(run(KEEP, 'id').stdout).toBe('kept\n')
    await sleep(2500)
    watching.kill()
    await once(watching, 'exit')
    expect([content(), run(PUT_BACK, 'id').stdout]).toEqual(['new', 'kept\n'])
  })

  test('it puts back at once when it is told to, and when its pod is deleted', async () => {
    arm(600)
    writeFileSync(path, 'new')
    expect([run(PUT_BACK, 'id').stdout, content()]).toEqual(['back\n', 'old'])
    expect(run(ARM, 'other', '600', path, sha('old'), '-').status).toBe(0)
    execFileSync('rm', [path])
    watching.kill()
    expect(await once(watching, 'exit')).toEqual([0, null])
    expect(content()).toBe('old')
  })

  test('what somebody else has written stays, and nothing is guarded that is not as it was', async () => {
    expect(arm(600, 'another')).toMatchObject({ status: 3 })
    arm(600)
    expect(readdirSync(at)).not.toContain('id.armed')
    expect(run(ARM, 'two', '600', path, sha('old'), sha('new')).status).toBe(0)
    writeFileSync(path, "somebody's")
    expect([run(PUT_BACK, 'two').stdout, content()]).toEqual(['back\n', "somebody's"])
  })
}
