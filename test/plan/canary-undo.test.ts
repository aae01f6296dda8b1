import { expect, test } from 'vitest'
import type { KubeObject, Plan, StepState } from '../../src/model/index.ts'
import { withCanaries } from '../../src/plan/canary.ts'
import { compile } from '../../src/plan/compile.ts'
import { run } from '../../src/plan/run.ts'
import { grant } from '../../src/session/approve.ts'
import { FakeWriter } from '../helpers/fake-writer.ts'
import { byId, deployment, findingsOf, wants, worldOf } from './plan-fixtures.ts'

test('where the other pods cannot follow, the first one is taken back too', async () => {
  const cart = deployment('cart') as KubeObject & { spec: object }
  const before = worldOf([{ ...cart, spec: { ...cart.spec, replicas: 3 } } as KubeObject])
  const controls = [wants('priv', 'privileged', false)]
  const plan: Plan = withCanaries(compile(findingsOf(controls, before), byId(controls), before, {}), before)
  expect(plan.steps.map(({ canary }) => canary)).toEqual(['first', 'rest'])
  const writer = new FakeWriter(before, {})
  const [lines, states]: [string[], Map<string, StepState>] = [[], new Map()]
  const events = run({
    plan,
    writer,
    verifier: {
      verify: async ({ canary }) => (canary === 'rest' ? { ok: false, undo: true, because: 'it crashes' } : { ok: true, note: 'ready' }),
      reverted: async (steps) => new Map(steps.map(({ id }) => [id, 'still counted as made'])),
    },
    signal: new AbortController().signal,
    now: () => '2026-11-23T00:00:00Z',
    approve: async (step) => grant(plan, [step.id], 'test'),
    openJournal: async () => ({ append: async (line) => void lines.push(line.is) }),
  })
  for await (const { step, state } of events) states.set(step, state)
  expect([...states.values()]).toEqual(Array(2).fill({ is: 'undone', because: 'it crashes' }))
  expect(lines.filter((line) => line === 'undone')).toHaveLength(2)
  expect(writer.snapshot.find('Deployment', 'shop', 'cart')).toEqual(before.find('Deployment', 'shop', 'cart'))
})
