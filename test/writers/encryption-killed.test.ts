/**
 * Every instant at which the program may die while it encrypts, brings a new key or turns off, one after the other, in a world in memory:
 * afterwards it is run again, or what it did is taken back, and now and then dies once more in doing so. Never is there a Secret that an
 * API server that runs cannot read, nor one that it could not read if it started anew that very moment.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Goal, process, type Runs } from './encryption-process.ts'
import { clock, EncryptionWorld, sleep } from './encryption-world.ts'

vi.mock('node:timers/promises', async () => ({ setTimeout: (await import('./encryption-world.ts')).sleep }))
vi.mock('../../src/apiserver/client.ts', async (original) => ({
  ...(await original<object>()),
  ApiClient: (await import('./encryption-client.ts')).ClientOfWorld,
}))
vi.spyOn(Date, 'now').mockImplementation(() => clock.now)
vi.spyOn(performance, 'now').mockImplementation(() => clock.now)
afterEach(() => clock.worlds.clear())

/** As it is at first, and once all is done. */
const BEFORE: Readonly<Record<Goal, readonly Goal[]>> = { enable: [], rotate: ['enable'], disable: ['enable'] }
const END: Readonly<Record<Goal, RegExp>> = { enable: /^k8s:enc:/, rotate: /^k8s:enc:/, disable: /^$/ }

interface Start {
  readonly world: EncryptionWorld
  readonly runs: Runs
}
/** Makes the start of a round, again and again the same. */
async function startOf(goal: Goal, nodes: number): Promise<() => Start> {
  clock.worlds.clear()
  const first = new EncryptionWorld(nodes, 3)
  for (const one of BEFORE[goal]) expect((await process(first, [], one)).stopped).toBe('')
  await sleep(5_000)
  const { now } = clock
  return () => {
    clock.worlds.clear()
    clock.now = now
    return { world: first.copy(), runs: [] }
  }
}

/** What is wrong once all is through. */
async function wrong({ world, runs }: Start, form: RegExp): Promise<readonly string[]> {
  await sleep(200_000)
  world.traffic()
  const open = runs.flatMap(({ lines }) => lines.map((line) => JSON.stringify(line))).filter((line) => /"secret"/.test(line))
  return [
    ...world.faults,
    ...world.left().map((path) => `${path} is left`),
    ...world
      .forms()
      .filter((one) => !form.test(one))
      .map((one) => `something is stored as ${one || 'plain text'}`),
    ...world.nodes.filter(({ server }) => server === undefined).map(({ name }) => `${name} does not run`),
    ...open,
  ]
}

/** Until it is through: a plan that stopped early is made anew. */
async function until(world: EncryptionWorld, runs: Runs, what: Goal | 'undo', diesAt?: number) {
  let last = await process(world, runs, what, diesAt)
  for (let tries = 0; tries < 3 && last.stopped !== '' && last.stopped !== 'died'; tries++) {
    await sleep(61_000)
    last = await process(world, runs, what)
  }
  return last
}
const PAUSES = [0, 4_000, 100_000]

describe.each([1, 2])('killed at every instant, with API servers on %i nodes', (nodes) => {
  it.each<Goal>(['enable', 'rotate', 'disable'])('%s: run again, or taken back', { timeout: 240_000 }, async (goal) => {
    const start = await startOf(goal, nodes)
    const whole = start()
    const { stopped, instants } = await process(whole.world, whole.runs, goal)
    expect([stopped, await wrong(whole, END[goal])]).toEqual(['', []])
    expect(instants).toBeGreaterThan(30)
    const bad: string[] = []
    for (let instant = 1; instant <= instants; instant++)
      for (const then of [goal, 'undo'] as const) {
        const here = start()
        const { world, runs } = here
        const forms = world.forms()
        const killed = await process(world, runs, goal, instant)
        await sleep(PAUSES[instant % PAUSES.length])
        // Every other time what follows dies as well, somewhere on its way.
        const second = instant % 2 === 0 ? ((instant * 7919) % instants) + 1 : undefined
        const again = second === undefined ? undefined : await process(world, runs, then, second)
        const end = await until(world, runs, then)
        const form = then === 'undo' ? new RegExp(`^(${forms.join('|')})`) : END[goal]
        const faults = [
          ...(end.stopped === '' ? [] : [end.stopped]),
          ...(await wrong(here, then === 'undo' && goal === 'enable' ? /^$/ : form)),
        ]
        if (then === 'undo' && goal === 'enable' && !world.untouched()) faults.push('a manifest is not as it was')
        if (faults.length > 0)
          bad.push(
            `${goal} killed at ${instant} (${killed.at}), then ${then}${again === undefined ? '' : ` (killed at ${second}: ${again.at})`}: ${faults.join('; ')}`,
          )
      }
    expect(bad).toEqual([])
  })
})
