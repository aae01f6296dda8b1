import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { JournalHeader, JournalLine, RunId, StepId, Written } from '../../src/model/index.ts'
import { interrupted, recordedRun, undoable, unfinished } from '../../src/plan/journal.ts'
import { FileJournal, linesIn, newRunId, readRuns, stateDirectory } from '../../src/writers/journal.ts'
import { lockTarget, TargetBusy } from '../../src/writers/journal-lock.ts'

const directory = () => mkdtemp(join(tmpdir(), 'k8s-harden-journal-'))
const header = (run = newRunId(new Date())): JournalHeader => ({
  run,
  time: 't',
  tool: '1',
  source: { kind: 'live', name: 'test', server: 'https://here', location: { context: 'test' } },
  digest: 'd',
  approvedBy: 'test',
  steps: [],
})
const write: Written = {
  target: { apiVersion: 'v1', kind: 'Namespace', name: 'shöp' },
  before: { a: 1 },
  after: { a: 2 },
  undo: { is: 'edit' },
}
const id = (name: string) => name as StepId
const step = (name: string): JournalLine[] => [
  { is: 'intent', time: 't', step: id(name), title: `Namespace ${name}`, mends: [], writes: [write] },
  { is: 'written', time: 't', step: id(name) },
  { is: 'verified', time: 't', step: id(name), note: 'seen' },
]
const LINES: readonly JournalLine[] = [
  ...step('one'),
  ...step('two'),
  { is: 'undo-intent', time: 't', step: id('two'), because: 'x' },
  { is: 'undone', time: 't', step: id('two') },
  { is: 'closed', time: 't' },
]

async function written(): Promise<{ readonly state: string; readonly run: RunId; readonly file: string }> {
  const state = await directory()
  const first = header()
  const journal = await FileJournal.begin(state, first)
  for (const line of LINES) await journal.append(line)
  await journal.close()
  return { state, run: first.run, file: journal.file }
}

describe('the journal', () => {
  test('says which steps a run that died has not come to the end of, where it left anything behind', () => {
    const planned = { ...header(), steps: ['one', 'two', 'three'].map((name) => ({ id: id(name), title: name, risk: 'safe' as const })) }
    const left = (...lines: JournalLine[]) => unfinished(recordedRun([{ is: 'run', header: planned }, ...lines])!).map(({ title }) => title)
    expect(left(...step('one'))).toEqual(['two', 'three'])
    expect(left(...step('one'), { is: 'closed', time: 't' })).toEqual([])
    expect(left(...step('one'), { is: 'undone', time: 't', step: id('one') })).toEqual([])
  })

  test('says afterwards what became of each step', async () => {
    const { state } = await written()
    const [run] = await readRuns(state)
    expect(run?.steps.map(({ id: name, status, verified }) => [name, status, verified])).toEqual([
      ['one', 'written', true],
      ['two', 'undone', true],
    ])
    expect([run?.closed, undoable(run!).map((one) => one.id)]).toEqual([true, ['one']])
    expect(run?.steps[0]?.writes).toEqual([write])
  })
  test('is for its owner only', async () => {
    const { state, file } = await written()
    const modes = await Promise.all([file, join(state, 'runs'), state].map(async (path) => (await stat(path)).mode & 0o777))
    expect(modes).toEqual([0o600, 0o700, 0o700])
  })
  test('closes a directory that others could read', async () => {
    const state = await directory()
    await mkdir(join(state, 'runs'))
    await chmod(join(state, 'runs'), 0o755)
    await (await FileJournal.begin(state, header())).close()
    expect((await stat(join(state, 'runs'))).mode & 0o777).toBe(0o700)
  })
  test('never writes over a run', async () => {
    const { state, run } = await written()
    await expect(FileJournal.begin(state, header(run))).rejects.toThrow('EEXIST')
  })
  test('reads nothing that leads out of its directory', async () => {
    const { state } = await written()
    await expect(FileJournal.resume(state, '../../etc/passwd' as RunId)).rejects.toThrow('is not a run')
  })
  test('wherever it is cut off, what is left is a truthful beginning, and can be gone on with', async () => {
    const { state, run, file } = await written()
    const whole = await readFile(file)
    for (let length = 0; length <= whole.length; length++) {
      const text = whole.subarray(0, length).toString('utf8')
      const lines = linesIn(text)
      expect(lines.length).toBe(text.split('\n').length - 1)
      expect(lines).toEqual([{ is: 'run', header: expect.anything() }, ...LINES].slice(0, lines.length))
    }
    for (const length of [10, Math.floor(whole.length / 2), whole.length - 1]) {
      await writeFile(file, whole.subarray(0, length))
      const kept = linesIn(whole.subarray(0, length).toString('utf8')).length
      const journal = await FileJournal.resume(state, run)
      await journal.append({ is: 'undone', time: 't', step: id('one') })
      await journal.close()
      const lines = linesIn(await readFile(file, 'utf8'))
      expect(lines.at(-1)).toEqual({ is: 'undone', time: 't', step: 'one' })
      // The torn line is either passed over, or was whole but for its line break.
      expect([kept + 1, kept + 2]).toContain(lines.length)
    }
  })
  test('keeps lines whole that are appended at once', async () => {
    const state = await directory()
    const journal = await FileJournal.begin(state, header())
    await Promise.all(
      Array.from({ length: 50 }, (_none, index) =>
        journal.append({ is: 'written', time: 't'.repeat(index * 100), step: id(String(index)) }),
      ),
    )
    await journal.close()
    expect(linesIn(await readFile(journal.file, 'utf8'))).toHaveLength(51)
  })
  test('a process killed between any two lines leaves every line that it was told is safe', async () => {
    const program = join(import.meta.dirname, 'journal-killed.ts')
    for (let lines = 1; lines <= LINES.length; lines++) {
      const state = await directory()
      const child = fork(program, [state, String(lines)], {
        env: { ...process.env, JOURNAL: JSON.stringify({ header: header(), lines: LINES }) },
        stdio: 'ignore',
      })
      const [said] = (await once(child, 'message')) as [number]
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect(said).toBe(lines)
      const [file] = await readdir(join(state, 'runs'))
      const read = linesIn(await readFile(join(state, 'runs', file!), 'utf8'))
      expect(read.slice(1)).toEqual(LINES.slice(0, lines))
      const open = interrupted(recordedRun(read)!).map((one) => one.id)
      expect(open).toEqual(
        LINES[lines - 1]?.is === 'intent' || LINES[lines - 1]?.is === 'undo-intent' ? [(LINES[lines - 1] as { step: string }).step] : [],
      )
    }
  }, 60_000)
  test('lists the latest run first, also of those begun in one second', async () => {
    const state = await directory()
    const runs = ['c', 'a', 'b'].map((suffix, index) => ({
      ...header(`20261125T101112Z-${suffix.repeat(6)}` as RunId),
      time: `2026-11-25T10:11:12.00${index}Z`,
    }))
    for (const run of runs) await (await FileJournal.begin(state, run)).close()
    expect((await readRuns(state)).map((run) => run.header.run)).toEqual(runs.map(({ run }) => run).toReversed())
  })
  test('passes over what is no journal', async () => {
    const state = await directory()
    await mkdir(join(state, 'runs'), { recursive: true })
    await writeFile(join(state, 'runs', '20261123T101500Z-ab12cd.jsonl'), 'nonsense\n{"is":"written"}\n')
    await writeFile(join(state, 'runs', 'notes.txt'), 'hello')
    expect(await readRuns(state)).toEqual([])
    expect(await readRuns(join(state, 'nowhere'))).toEqual([])
  })
  test('lives under the XDG state directory', () => {
    expect(stateDirectory({ XDG_STATE_HOME: '/state' }, '/home/me')).toBe('/state/k8s-harden')
    expect(stateDirectory({ XDG_STATE_HOME: 'relative' }, '/home/me')).toBe('/home/me/.local/state/k8s-harden')
  })
})

describe('the lock of a target', () => {
  test('keeps a second apply away until the first is done', async () => {
    const state = await directory()
    const release = await lockTarget(state, 'https://here')
    await expect(lockTarget(state, 'https://here')).rejects.toThrow(TargetBusy)
    await (await lockTarget(state, 'https://there'))()
    await release()
    await (await lockTarget(state, 'https://here'))()
    expect(await readdir(join(state, 'locks'))).toEqual([])
  })
  test('is taken over from a process that died', async () => {
    const state = await directory()
    const child = fork(join(import.meta.dirname, 'journal-killed.ts'), [state, 'lock'], {
      env: { ...process.env, JOURNAL: '{}' },
      stdio: 'ignore',
    })
    await once(child, 'message')
    await expect(lockTarget(state, 'target')).rejects.toThrow(`process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await lockTarget(state, 'target'))()
  })
  test('one of many wins', async () => {
    const state = await directory()
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockTarget(state, 'target')))
    expect(tries.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
  })
})
