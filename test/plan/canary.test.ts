import { describe, expect, test } from 'vitest'
import type { JournalLine, KubeObject, StepId } from '../../src/model/index.ts'
import { withCanaries } from '../../src/plan/canary.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { halfDone, recordedRun } from '../../src/plan/journal.ts'
import { byId, deployment, findingsOf, wants, worldOf } from './plan-fixtures.ts'

const control = wants('c', 'x', true)
const cart = (spec: object, metadata: object = {}): KubeObject => {
  const object = deployment('cart', {}, metadata) as KubeObject & { spec: object }
  return { ...object, spec: { ...object.spec, ...spec } } as KubeObject
}
const planned = (object: KubeObject, source: 'live' | 'manifests' = 'live') => {
  const view = worldOf([object], { source })
  const whole = compile(findingsOf([control], view), byId([control]), view, {})
  return { view, whole, plan: withCanaries(whole, view) }
}

describe('a change in one pod first', () => {
  test('is two steps of which the second gives the pace back; the plan is another one, the ledger the same', () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } }
    const { view, whole, plan } = planned(cart({ replicas: 4, strategy }))
    expect(plan.steps.map(({ canary, mends, after }) => [canary, mends.length, after.length])).toEqual([
      ['first', 0, 0],
      ['rest', 1, 1],
    ])
    expect([plan.digest === whole.digest, plan.ledger]).toEqual([false, whole.ledger])
    const [first, after] = [applyPlan(view, plan.steps.slice(0, 1)), applyPlan(view, plan.steps)]
    expect(first.all('Deployment')[0]?.spec).toMatchObject({
      minReadySeconds: 300,
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    })
    expect(after.all('Deployment')[0]).toEqual(applyPlan(view, whole.steps).all('Deployment')[0])
    expect(undoPlan(after, plan.steps).all('Deployment')[0]).toEqual(view.all('Deployment')[0])
  })

  test.each([
    ['a single pod', cart({ replicas: 1 })],
    ['one that takes its pods away first', cart({ replicas: 4, strategy: { type: 'Recreate' } })],
    ['one that is paused', cart({ replicas: 4, paused: true })],
    ['one that gives up before the pace', cart({ replicas: 4, progressDeadlineSeconds: 300 })],
    ['one that Helm owns', cart({ replicas: 4 }, { labels: { 'app.kubernetes.io/managed-by': 'Helm' } })],
  ])('%s stays one step', (_, object) => {
    const { whole, plan } = planned(object)
    expect(plan.steps).toEqual(whole.steps)
  })

  test('files stay one step', () => {
    const { whole, plan } = planned(cart({ replicas: 4 }), 'manifests')
    expect(plan.steps).toEqual(whole.steps)
  })
})

test('a run that died between the two is told of, one that went on or was taken back is not', () => {
  const [first, rest] = ['a' as StepId, 'b' as StepId]
  const header = {
    run: 'r',
    steps: [
      { id: first, title: 'x', risk: 'may-break', canary: 'first' },
      { id: rest, title: 'y', risk: 'restarts-pods', canary: 'rest' },
    ],
  }
  const line = (is: string, step: StepId) =>
    ({ is, time: '', step, title: 'x', mends: [], writes: [], note: '', because: '' }) as unknown as JournalLine
  const left = (...lines: JournalLine[]) =>
    halfDone(recordedRun([{ is: 'run', header } as unknown as JournalLine, ...lines])!).map(({ id }) => id)
  const written = [line('intent', first), line('written', first), line('verified', first)]
  expect(left(...written)).toEqual([first])
  expect(left(...written, line('intent', rest), line('written', rest))).toEqual([])
  expect(left(...written, line('undo-intent', first), line('undone', first))).toEqual([])
  expect(left(...written, { is: 'closed', time: '' })).toEqual([])
  expect(left()).toEqual([])
})
