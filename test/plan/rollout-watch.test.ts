import { describe, expect, test } from 'vitest'
import type { FindingId, KubeObject, Snapshot, Step } from '../../src/model/index.ts'
import { nextRun } from '../../src/plan/cron-schedule.ts'
import { type Watched, watchRollout } from '../../src/plan/rollout-watch.ts'
import { verifierOf } from '../../src/plan/verify.ts'
import { deployment, worldOf } from './plan-fixtures.ts'

const NONE = new Map()
const owner = (kind: string, name: string, uid: string) => ({
  ownerReferences: [{ apiVersion: 'v1', kind, name, uid, controller: true }],
})
const set = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'cart-1', namespace: 'shop', uid: 'rs', ...owner('Deployment', 'cart', 'uid-cart') },
}
const pod = (status: object, spec: object = {}, by = owner('ReplicaSet', 'cart-1', 'rs')): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'cart-1-x', namespace: 'shop', uid: 'new', ...by },
    spec: { containers: [{ name: 'app', ...spec }] },
    status: { phase: 'Running', ...status },
  }) as KubeObject
const running = (restartCount = 0, state: object = { running: {} }) =>
  pod({ conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [{ name: 'app', restartCount, state }] })
const cart = (hostPID: boolean, available: number): KubeObject => {
  const status = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: available }
  const object = deployment('cart', {}, { generation: 1 }) as KubeObject & { spec: { template: { spec: object } } }
  const spec = {
    ...object.spec,
    template: { ...object.spec.template, spec: { ...object.spec.template.spec, ...(hostPID && { hostPID }) } },
  }
  return { ...object, spec, status } as KubeObject
}
const stepOn = (target: Pick<KubeObject, 'apiVersion' | 'kind'> & { name: string }, path: readonly string[]): Step =>
  ({
    id: 's',
    title: 't',
    controls: ['c'],
    mends: ['f' as FindingId],
    changes: [{ type: 'edit', target: { ...target, namespace: 'shop' }, edits: [{ set: [...path, 'hostPID'], to: true }] }],
  }) as unknown as Step

/** Worlds that follow one another, one each time somebody waits in vain for the present one. */
function seen(...worlds: readonly Snapshot[]): Watched & { readonly waits: number[] } {
  let now = 0
  const waits: number[] = []
  const state = () => ({ snapshot: worlds[now]!, outcomes: NONE })
  return {
    waits,
    get state() {
      return state()
    },
    until: async (holds, timeoutMs) => {
      waits.push(timeoutMs)
      while (!holds(state())) {
        if (now === worlds.length - 1) return false
        now++
      }
      return true
    },
  }
}
const verdict = async (scan: Watched, step: Step) => {
  const verifier = verifierOf(scan, { deadlineMs: 300_000, steadyMs: 10_000, showMs: 1 })
  verifier.prepare?.(step)
  return verifier.verify(step, new AbortController().signal)
}

describe('after a rollout', () => {
  const step = stepOn({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart' }, ['spec', 'template', 'spec'])
  const before = worldOf([cart(false, 1)])
  const done = (found: KubeObject) => worldOf([cart(true, 1), set as KubeObject, found])

  test('a container that dies seconds after it was available is taken back', async () => {
    const crashing = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } }
    expect(await verdict(seen(before, done(running()), done(running(1, crashing))), step)).toEqual({
      ok: false,
      undo: true,
      because: 'container app of new pod cart-1-x: CrashLoopBackOff: back-off',
    })
  })

  test('one that is started again once and then keeps running is not', async () => {
    expect(await verdict(seen(before, done(running()), done(running(1))), step)).toMatchObject({ ok: true })
  })

  test('new pods are watched until a liveness probe would have told, and no longer than asked where there is none', async () => {
    const plain = seen(before, done(running()))
    expect(await verdict(plain, step)).toMatchObject({ ok: true })
    expect(plain.waits).toContain(10_000)
    const probe = { livenessProbe: { httpGet: { port: 80 }, initialDelaySeconds: 5, periodSeconds: 5, failureThreshold: 4 } }
    const status = { conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [{ name: 'app', restartCount: 0 }] }
    const probed = seen(before, done(pod(status, probe)))
    expect(await verdict(probed, step)).toMatchObject({ ok: true })
    expect(probed.waits).toContain(30_000)
  })

  test('one that dies while later steps are taken is told in the end', async () => {
    const scan = seen(before, done(running()), done(running(2, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } })))
    const verifier = verifierOf(scan, { deadlineMs: 300_000, steadyMs: 0, showMs: 1, settleMs: 1 })
    verifier.prepare?.(step)
    expect(await verifier.verify(step, new AbortController().signal)).toMatchObject({ ok: true })
    expect([...(await verifier.reverted!([step], new AbortController().signal)).values()]).toEqual([
      'its new pods came up and fail by now: container app of new pod cart-1-x: CrashLoopBackOff: back-off',
    ])
  })

  test('one that falls out of service and comes back is waited for again', async () => {
    const out = worldOf([cart(true, 0), set as KubeObject, running()])
    const watched = seen(before, done(running()), out, done(running()))
    expect(await verdict(watched, step)).toMatchObject({ ok: true })
    expect(watched.waits.filter((ms) => ms === 10_000)).toHaveLength(2)
  })
})

describe('a start that fails at first', () => {
  const step = stepOn({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart' }, ['spec', 'template', 'spec'])
  const crashing = (restartCount: number) => running(restartCount, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } })
  const old = (restartCount: number) => {
    const found = running(restartCount)
    return { ...found, metadata: { ...found.metadata, name: 'cart-0-x', uid: 'old' } } as KubeObject
  }
  const world = (isNew: boolean, available: number, ...pods: KubeObject[]) => worldOf([cart(isNew, available), set as KubeObject, ...pods])

  test('is waited for as often as the pods before were started again, and no longer', async () => {
    const starts = (usual: number) => seen(world(false, 1, old(usual)), world(true, 0, crashing(1)), world(true, 1, running(2)))
    expect(await verdict(starts(2), step)).toMatchObject({ ok: true })
    expect(await verdict(starts(1), step)).toMatchObject({ ok: false, undo: true, because: expect.stringContaining('CrashLoopBackOff') })
    expect(await verdict(seen(world(false, 1, old(2)), world(true, 0, crashing(1)), world(true, 0, crashing(2))), step)).toMatchObject({
      ok: false,
      undo: true,
    })
  })

  test('a refused pod is waited for a moment: an old one may have to go first', async () => {
    const refusing = (available: number) => {
      const refused = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }]
      const object = cart(true, available) as KubeObject & { status: object }
      return worldOf([{ ...object, status: { ...object.status, conditions: refused } } as KubeObject, set as KubeObject])
    }
    expect(await verdict(seen(world(false, 1), refusing(0), world(true, 1, running())), step)).toMatchObject({ ok: true })
    expect(await verdict(seen(world(false, 1), refusing(0), refusing(0)), step)).toMatchObject({
      ok: false,
      undo: true,
      because: 'FailedCreate: exceeded quota',
    })
  })
})

describe('a CronJob', () => {
  const step = stepOn({ apiVersion: 'batch/v1', kind: 'CronJob', name: 'tidy' }, ['spec', 'jobTemplate', 'spec', 'template', 'spec'])
  const tidy = (hostPID: boolean, schedule: string, more: object = {}): KubeObject =>
    ({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'tidy', namespace: 'shop', uid: 'cj' },
      spec: {
        schedule,
        ...more,
        jobTemplate: { spec: { template: { spec: { containers: [{ name: 'app' }], ...(hostPID && { hostPID }) } } } },
      },
    }) as KubeObject
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'tidy-1', namespace: 'shop', uid: 'j', ...owner('CronJob', 'tidy', 'cj') },
  }
  const run = (status: object) => pod(status, {}, owner('Job', 'tidy-1', 'j'))
  const judged = (schedule: string, more: object, ...pods: KubeObject[]) =>
    verdict(
      seen(
        worldOf([tidy(false, schedule, more)]),
        ...pods.map((one) => worldOf([tidy(true, schedule, more), job as KubeObject, one])),
        worldOf([tidy(true, schedule, more), job as KubeObject, ...pods.slice(-1)]),
      ),
      step,
    )

  test('that runs every minute is judged by its next run', async () => {
    expect(await judged('* * * * *', {}, run({ phase: 'Succeeded' }))).toMatchObject({ ok: true, note: 'its next run has ended well' })
    expect(await judged('* * * * *', {}, run({ phase: 'Pending' }), run({ phase: 'Failed' }))).toMatchObject({ ok: false, undo: true })
    expect(await judged('* * * * *', {})).toMatchObject({ ok: false, undo: true, because: expect.stringContaining('has not started') })
  })

  test('whose run takes longer than one waits has started well; one that is held up takes the change later', async () => {
    const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    expect(await judged('* * * * *', {}, run(ready))).toMatchObject({ ok: true, note: expect.stringContaining('still going on') })
    expect(await judged('* * * * *', {}, run(ready), run({ phase: 'Failed' }))).toMatchObject({ ok: false, undo: true })
    const forbids = { concurrencyPolicy: 'Forbid' }
    const going = [job as KubeObject, run(ready)]
    const held = seen(worldOf([tidy(false, '* * * * *', forbids), ...going]), worldOf([tidy(true, '* * * * *', forbids), ...going]))
    expect(await verdict(held, step)).toMatchObject({ ok: true, note: expect.stringContaining('keeps the next one from starting') })
    const free = seen(worldOf([tidy(false, '* * * * *'), ...going]), worldOf([tidy(true, '* * * * *'), ...going]))
    expect(await verdict(free, step)).toMatchObject({ ok: false, undo: true })
  })

  test('whose last run failed before is not held to better', async () => {
    const failed = [job as KubeObject, run({ phase: 'Failed' })]
    const ill = seen(worldOf([tidy(false, '* * * * *'), ...failed]), worldOf([tidy(true, '* * * * *'), ...failed]))
    expect(await verdict(ill, step)).toMatchObject({ ok: true, note: expect.stringContaining('not healthy before') })
  })

  test('that runs seldom, or is suspended, is said to take the change later', async () => {
    expect(await judged('0 3 1 1 *', {})).toMatchObject({ ok: true, note: expect.stringMatching(/at its next run, \d{4}-01-01T03:00/) })
    expect(await judged('* * * * *', { suspend: true })).toMatchObject({ ok: true, note: expect.stringContaining('suspended') })
    expect(await judged('no schedule', {})).toMatchObject({ ok: true, note: expect.stringContaining('at its next run') })
  })

  test('runs in its own time zone', () => {
    const midnight = Date.parse('2026-07-01T00:00:00Z')
    expect(nextRun('30 6 * * *', undefined, midnight)).toBe(Date.parse('2026-07-01T06:30:00Z'))
    expect(nextRun('30 6 * * *', 'America/New_York', midnight)).toBe(Date.parse('2026-07-01T10:30:00Z'))
    expect(nextRun('@hourly', undefined, midnight)).toBe(Date.parse('2026-07-01T01:00:00Z'))
    expect(nextRun('every now and then', undefined, midnight)).toBeUndefined()
  })
})

describe('what no rollout follows', () => {
  const scan = { state: { snapshot: { source: { kind: 'live' } } } } as unknown as Watched
  const said = (mends: readonly string[]) =>
    watchRollout({ changes: [], mends } as unknown as Step, scan, undefined, { deadlineMs: 1, steadyMs: 0 }, new AbortController().signal)

  test('is told by its finding, or by its being there where it mends nothing itself', async () => {
    expect(await said(['one'])).toEqual({ ok: true, note: 'the finding is gone' })
    expect(await said([])).toEqual({ ok: true, note: 'it is there' })
  })
})
