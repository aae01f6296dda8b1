import { expect, test } from 'vitest'
import { LocalHost } from '../../src/hosts/local.ts'
import { runProgram } from '../../src/hosts/runner.ts'

/** Process id and group, from proc(5). */
const ids = (stat: string) => stat.split(' ')

test('programs of a carrier are in no group of ours: a Ctrl-C, which a terminal sends to all of a group, does not reach them', async () => {
  const { stdout } = await runProgram('cat', ['/proc/self/stat'], { timeoutMs: 10_000, limit: 10_000 })
  const local = await new LocalHost('here').run({ name: 'look', argv: ['cat', '/proc/self/stat'], timeoutMs: 10_000 })
  for (const text of [stdout.toString(), local.stdout]) {
    const [pid, , , , group] = ids(text)
    expect(group).toBe(pid)
  }
})
