/** API servers that do not take up a changed file by themselves: they are made to first, one restart each, and then a new key comes as ever. */
import { afterEach, expect, it, vi } from 'vitest'
import { process, type Runs } from './encryption-process.ts'
import { clock, EncryptionWorld, MANIFEST, PATH, sleep } from './encryption-world.ts'

vi.mock('node:timers/promises', async () => ({ setTimeout: (await import('./encryption-world.ts')).sleep }))
vi.mock('../../src/apiserver/client.ts', async (original) => ({
  ...(await original<object>()),
  ApiClient: (await import('./encryption-client.ts')).ClientOfWorld,
}))
vi.spyOn(Date, 'now').mockImplementation(() => clock.now)
vi.spyOn(performance, 'now').mockImplementation(() => clock.now)
afterEach(() => clock.worlds.clear())

const RELOAD = '--encryption-provider-config-automatic-reload'
/** Encrypted, and then without automatic reload: as somebody who followed the documentation of 1.13 has it. */
async function worldOf(nodes: number): Promise<EncryptionWorld> {
  const world = new EncryptionWorld(nodes, 3)
  expect((await process(world, [], 'enable')).stopped).toBe('')
  for (const { files } of world.nodes) {
    const { text, mode } = files.get(MANIFEST)!
    files.set(MANIFEST, { text: text.replace(/.*automatic-reload.*\n/, ''), mode })
    expect(files.get(MANIFEST)!.text).not.toContain(RELOAD)
  }
  await sleep(20_000)
  // Nobody takes up what is written now.
  const { files, server } = world.nodes[0]!
  const before = files.get(PATH)!
  files.set(PATH, { ...before, text: `${before.text}# more\n` })
  await sleep(130_000)
  expect(server!.success).toBe(0)
  files.set(PATH, before)
  return world
}

it.each([1, 2])('rotated, with API servers on %i nodes', { timeout: 60_000 }, async (nodes) => {
  const world = await worldOf(nodes)
  const [old] = world.forms()
  const started = world.nodes.map(({ server }) => server!.started)
  expect(await process(world, [], 'rotate')).toMatchObject({ stopped: '' })
  await sleep(70_000)
  world.traffic()
  expect(world.faults).toEqual([])
  expect(world.forms()).toEqual([expect.stringMatching(/^k8s:enc:secretbox:v1:key-/)])
  expect(world.forms()).not.toEqual([old])
  for (const [index, { server, files }] of world.nodes.entries()) {
    expect(server!.started).toBeGreaterThan(started[index]!)
    expect(server!.success).toBeGreaterThan(1)
    expect(files.get(MANIFEST)!.text).toContain(`${RELOAD}=true`)
  }
})

it('killed at any instant of it, and run again', { timeout: 120_000 }, async () => {
  const first = await worldOf(1)
  const { now } = clock
  const start = () => {
    clock.worlds.clear()
    clock.now = now
    return first.copy()
  }
  const { instants } = await process(start(), [], 'rotate')
  const bad: string[] = []
  for (let instant = 1; instant <= instants; instant += 2) {
    const world = start()
    const runs: Runs = []
    await process(world, runs, 'rotate', instant)
    let last = await process(world, runs, 'rotate')
    for (let tries = 0; tries < 3 && last.stopped !== ''; tries++) {
      await sleep(61_000)
      last = await process(world, runs, 'rotate')
    }
    await sleep(70_000)
    world.traffic()
    if (last.stopped !== '' || world.faults.length > 0 || world.forms().length !== 1)
      bad.push(`${instant}: ${last.stopped} ${world.faults.join()} ${world.forms().join()}`)
  }
  expect(bad).toEqual([])
})
