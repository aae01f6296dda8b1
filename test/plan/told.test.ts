import { expect, test } from 'vitest'
import type { Outcome, PodObject, Snapshot, StepState } from '../../src/model/index.ts'
import { whyNotShown } from '../../src/plan/host-shown.ts'
import { waitingWords } from '../../src/plan/told.ts'
import { verifierOf } from '../../src/plan/verify.ts'
import { WriteRefused } from '../../src/plan/writer.ts'
import { stepOf } from '../e2e/node-flags.ts'
import { worldOf } from '../helpers/world.ts'

test('words come while the work goes on, and its end comes last', async () => {
  const said: StepState[] = []
  const work = waitingWords(async (tell) => {
    tell('waiting for the first')
    await new Promise((resolve) => setTimeout(resolve, 20))
    tell('the second')
    return 7
  })
  for (;;) {
    const next = await work.next()
    if (next.done) {
      expect(next.value).toBe(7)
      break
    }
    said.push(next.value)
  }
  expect(said).toEqual([
    { is: 'waiting', for: 'the first' },
    { is: 'waiting', for: 'the second' },
  ])
  await expect(waitingWords(async () => Promise.reject(new WriteRefused('it', 'no'))).next()).rejects.toThrow('no')
})

const action = {
  do: 'flags',
  node: 'cp-1',
  component: 'kube-apiserver',
  flags: { profiling: 'false', v: null },
  mounts: [],
  files: [],
} as const
const shown = (node: string, ...flags: readonly string[]): Snapshot => {
  const world = { apiVersion: 'k8s-harden.test/v1', kind: 'World', source: 'live' }
  const metadata = { name: `kube-apiserver-${node}`, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } }
  const spec = { nodeName: node, containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1', ...flags] }] }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec } as unknown as PodObject
  return worldOf([world, pod].map((one) => JSON.stringify(one)).join('\n---\n')).snapshot
}
test.each<[string, Snapshot, string | undefined]>([
  ['as wanted', shown('cp-1', '--profiling=false'), undefined],
  ['not yet', shown('cp-1'), 'kube-apiserver on cp-1 does not run with --profiling=false'],
  ['one too many', shown('cp-1', '--profiling=false', '--v=4'), 'kube-apiserver on cp-1 does not run without --v'],
  ['another node', shown('cp-2', '--profiling=false'), 'no static pod of kube-apiserver is shown on cp-1'],
])('what the cluster shows of flags: %s', (_name, snapshot, because) => expect(whyNotShown(action, snapshot)).toBe(because))

test('what has no watch is looked at again until it proves a step on a node, or long enough', async () => {
  const step = { ...stepOf(action), controls: ['x'], mends: ['f' as never] }
  const outcome = (open: boolean) =>
    ({ control: 'x', status: open ? 'fail' : 'pass', findings: open ? [{ id: 'f' }] : [] }) as unknown as Outcome
  const scan = (provesAt: number) => {
    const state = { snapshot: shown('cp-1', '--profiling=false'), outcomes: new Map([['x', outcome(true)]]) }
    let looks = 0
    return {
      state,
      looks: () => looks,
      until: async (holds: (now: typeof state) => boolean) => holds(state),
      lookAgain: async () => {
        if (++looks >= provesAt) state.outcomes = new Map([['x', outcome(false)]])
      },
    }
  }
  const { signal } = new AbortController()
  const late = scan(3)
  expect(await verifierOf(late, { showMs: 3 }).verify(step, signal)).toMatchObject({ ok: true })
  expect(late.looks()).toBe(3)
  expect(await verifierOf(scan(99), { showMs: 3 }).verify(step, signal)).toMatchObject({
    ok: false,
    because: expect.stringContaining('still finds it'),
  })
})
