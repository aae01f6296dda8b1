import { expect, test } from 'vitest'
import type { ClusterSource, KubeObject, RegisteredControl, SourceEvent } from '../../src/model/index.ts'
import { LiveScan } from '../../src/session/live-scan.ts'

const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const pod = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } })

/** Two kinds that arrive a long way apart, then the end of the first set. */
const slow: ClusterSource = {
  info: { kind: 'live', name: 'test' },
  async *events(): AsyncGenerator<SourceEvent> {
    for (const name of ['a', 'b', 'c']) {
      yield { type: 'upsert', kind: 'Pod', key: `shop/${name}`, object: pod(name) }
      await later(150)
    }
    yield { type: 'synced' }
  },
}
function counting() {
  const rounds: number[] = []
  const control: RegisteredControl = {
    id: 'counting',
    practice: 'rbac',
    title: 'T',
    severity: 'high',
    why: 'W',
    references: [],
    reads: [],
    consults: ['Pod'],
    remedy: { byHand: 'B' },
    evaluate(view) {
      rounds.push(view.all('Pod').length)
      return []
    },
  }
  return { rounds, control }
}

test('while nobody looks, nothing is judged before the first full set', async () => {
  const { rounds, control } = counting()
  const scan = new LiveScan({ source: slow, controls: [control], follow: false })
  await scan.run(new AbortController().signal)
  expect(rounds).toEqual([3])
  expect(scan.state.synced).toBe(true)
})

test('who looks is shown what there is, also when they come late', async () => {
  const { rounds, control } = counting()
  const scan = new LiveScan({ source: slow, controls: [control], follow: false })
  const states: boolean[] = []
  const ended = scan.run(new AbortController().signal)
  await later(20)
  scan.subscribe((state) => states.push(state.synced))
  await ended
  expect(rounds.length).toBeGreaterThan(1)
  expect(rounds.at(-1)).toBe(3)
  expect(states[0]).toBe(false)
  expect(states.at(-1)).toBe(true)
})

test('who waits for something after the source has failed is told at once that it will not come', async () => {
  const broken: ClusterSource = {
    info: { kind: 'live', name: 'test' },
    // biome-ignore lint/correctness/useYield: it fails before there is anything to say
    async *events(): AsyncGenerator<SourceEvent> {
      throw new Error('unreachable')
    },
  }
  const scan = new LiveScan({ source: broken, controls: [counting().control], follow: true })
  await expect(scan.run(new AbortController().signal)).rejects.toThrow('unreachable')
  expect(await scan.until((state) => state.synced, 24 * 3600 * 1000)).toBe(false)
})
