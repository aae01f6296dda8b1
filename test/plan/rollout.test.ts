import { describe, expect, test } from 'vitest'
import type { ControllerObject, FindingId, KubeObject, Outcome, PodObject, Snapshot, Step } from '../../src/model/index.ts'
import { rolloutOf } from '../../src/plan/rollout.ts'
import type { WatchedState } from '../../src/plan/rollout-watch.ts'
import { verifierOf } from '../../src/plan/verify.ts'
import { deployment, worldOf } from './plan-fixtures.ts'

const workload = (kind: string, spec: object, status: object | undefined, generation = 2): ControllerObject =>
  ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'x', namespace: 'shop', uid: 'u', generation },
    spec,
    ...(status && { status }),
  }) as ControllerObject
const pod = (status: object, more: object = {}): PodObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'shop', uid: 'new', ...more },
    spec: { containers: [] },
    status,
  }) as PodObject
const waiting = (reason: string) => pod({ containerStatuses: [{ name: 'app', state: { waiting: { reason, message: 'words' } } }] })

describe('a rollout', () => {
  const done = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 }
  test.each([
    ['a Deployment whose pods are all new', workload('Deployment', { replicas: 2 }, done), 'done'],
    ['its old pods are still there', workload('Deployment', { replicas: 2 }, { ...done, replicas: 3 }), 'under-way'],
    ['its new pods are not available', workload('Deployment', { replicas: 2 }, { ...done, availableReplicas: 1 }), 'under-way'],
    ['its controller has not seen the change', workload('Deployment', { replicas: 2 }, done, 3), 'under-way'],
    ['there is no status yet', workload('Deployment', { replicas: 2 }, undefined), 'under-way'],
    ['it is paused', workload('Deployment', { replicas: 2, paused: true }, { ...done, updatedReplicas: 0 }), 'done'],
    ['it has no pods', workload('Deployment', { replicas: 0 }, { observedGeneration: 2 }), 'done'],
    [
      'its quota is used up',
      workload(
        'Deployment',
        { replicas: 2 },
        {
          ...done,
          updatedReplicas: 0,
          conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }],
        },
      ),
      'failing',
    ],
    [
      'it makes no progress',
      workload(
        'Deployment',
        { replicas: 2 },
        { ...done, updatedReplicas: 1, conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] },
      ),
      'failing',
    ],
    [
      'a StatefulSet at its new revision',
      workload('StatefulSet', { replicas: 2 }, { ...done, currentRevision: 'b', updateRevision: 'b' }),
      'done',
    ],
    ['at two revisions', workload('StatefulSet', { replicas: 2 }, { ...done, currentRevision: 'a', updateRevision: 'b' }), 'under-way'],
    [
      'that waits for its pods to be deleted',
      workload(
        'StatefulSet',
        { replicas: 2, updateStrategy: { type: 'OnDelete' } },
        { ...done, currentRevision: 'a', updateRevision: 'b' },
      ),
      'done',
    ],
    [
      'a DaemonSet on all its nodes',
      workload('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 }),
      'done',
    ],
    [
      'on some',
      workload('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 }),
      'under-way',
    ],
  ])('%s', (_what, object, is) => expect(rolloutOf(object, []).is).toBe(is))

  test.each(['CrashLoopBackOff', 'CreateContainerConfigError', 'ErrImagePull', 'ImagePullBackOff', 'RunContainerError'])(
    '%s of a new pod fails it',
    (reason) => {
      expect(rolloutOf(workload('Deployment', { replicas: 2 }, { ...done, updatedReplicas: 1 }), [waiting(reason)])).toEqual({
        is: 'failing',
        because: `container app of new pod p: ${reason}: words`,
      })
    },
  )
  test('a container that is being created does not', () =>
    expect(rolloutOf(workload('Deployment', { replicas: 2 }, { ...done, updatedReplicas: 1 }), [waiting('ContainerCreating')]).is).toBe(
      'under-way',
    ))
  test('an init container counts too, and a pod that a node turned away', () => {
    const object = workload('Deployment', { replicas: 1 }, { ...done, updatedReplicas: 0 })
    expect(
      rolloutOf(object, [pod({ initContainerStatuses: [{ name: 'i', state: { waiting: { reason: 'CrashLoopBackOff' } } }] })]).is,
    ).toBe('failing')
    expect(rolloutOf(object, [pod({ phase: 'Failed', reason: 'SysctlForbidden' })])).toEqual({
      is: 'failing',
      because: 'new pod p failed: SysctlForbidden',
    })
  })
})

describe('a step is proven', () => {
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'cart' }
  const step = {
    id: 's',
    title: 't',
    controls: ['c'],
    mends: ['f' as FindingId],
    changes: [{ type: 'edit', target, edits: [{ set: ['spec', 'template', 'spec', 'hostPID'], to: true }] }],
  } as unknown as Step
  const cart = (hostPID: boolean | undefined, status: object): KubeObject => {
    const object = deployment('cart', {}, { generation: 1, managers: ['kubectl', 'some-operator'] }) as ControllerObject
    return {
      ...object,
      spec: {
        ...object.spec,
        template: { ...object.spec?.template, spec: { ...object.spec?.template?.spec, ...(hostPID !== undefined && { hostPID }) } },
      },
      status,
    } as KubeObject
  }
  const well = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  const outcome = (more: Partial<Outcome> = {}): ReadonlyMap<string, Outcome> =>
    new Map([['c', { control: 'c', status: 'pass', findings: [], ...more }]])
  /** States that follow one another each time somebody waits. */
  const watched = (...states: readonly WatchedState[]) => {
    let now = 0
    return {
      get state() {
        return states[now]!
      },
      until: async (holds: (state: WatchedState) => boolean) => {
        while (!holds(states[now]!) && now < states.length - 1) now++
        return holds(states[now]!)
      },
    }
  }
  const state = (snapshot: Snapshot, outcomes = outcome()): WatchedState => ({ snapshot, outcomes })
  const verdict = async (...states: readonly WatchedState[]) => {
    const verifier = verifierOf(watched(...states), { deadlineMs: 1000 })
    verifier.prepare?.(step)
    return verifier.verify(step, new AbortController().signal)
  }
  const before = state(worldOf([cart(undefined, well)]))

  test('when value, rollout and judgement agree', async () => {
    expect(await verdict(before, state(worldOf([cart(true, well)])))).toEqual({ ok: true, note: 'rolled out, 1 pod available' })
  })
  test('not while the rollout is under way', async () => {
    expect(await verdict(before, state(worldOf([cart(true, { ...well, availableReplicas: 0 })])))).toMatchObject({
      ok: false,
      undo: true,
      because: 'the rollout was not done after 1 s: 1 of 1 pods are new, 0 available, 0 old',
    })
  })
  test('not when the control still finds it', async () => {
    const left = outcome({ status: 'fail', findings: [{ id: 'f', excepted: false }] as never })
    expect(await verdict(before, state(worldOf([cart(true, well)]), left))).toEqual({
      ok: false,
      undo: false,
      left: ['f'],
      because: 'the change is there, but the control still finds it',
    })
  })
  test('not when the control can no longer look', async () => {
    const blind = outcome({
      status: 'unknown',
      because: 'the API server refused to list deployments (403)',
      unread: [{ what: 'Deployment', why: 'forbidden', because: '', answer: '' }],
    })
    expect(await verdict(before, state(worldOf([cart(true, well)]), blind))).toMatchObject({
      ok: false,
      undo: false,
      because: 'c could not be judged again: the API server refused to list deployments (403)',
    })
    expect(await verdict(before, state(worldOf([cart(true, well)]), outcome({ status: 'error', error: 'oops' })))).toMatchObject({
      ok: false,
      because: 'c could not be judged again: oops',
    })
  })
  test('not when the value does not show; whoever may have put the old one back is named', async () => {
    expect(await verdict(before)).toEqual({
      ok: false,
      undo: false,
      because:
        'Deployment shop/cart does not show the change at spec.template.spec.hostPID: it was reverted by one of kubectl, some-operator',
    })
  })
  test('a workload that was not well before is not taken back for not being well after', async () => {
    const ill = { ...well, availableReplicas: 0 }
    expect(await verdict(state(worldOf([cart(undefined, ill)])), state(worldOf([cart(true, ill)])))).toMatchObject({
      ok: true,
      note: expect.stringContaining('not healthy before either'),
    })
  })
  test('a roll-out that was getting on is waited for, with the new one', async () => {
    const conditions = [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' }]
    const busy = { ...well, replicas: 2, conditions }
    const after = state(worldOf([cart(true, busy)]))
    expect(await verdict(state(worldOf([cart(undefined, busy)])), after)).toMatchObject({ ok: false, undo: true })
    const leaving = {
      ...waiting('CrashLoopBackOff'),
      metadata: {
        name: 'p',
        namespace: 'shop',
        uid: 'old',
        deletionTimestamp: '2026-11-25T00:00:00Z',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'uid-cart', controller: true }],
      },
    } as KubeObject
    expect(await verdict(state(worldOf([cart(undefined, well), leaving])), after)).toMatchObject({ ok: false, undo: true })
    const long = { ...well, availableReplicas: 0, conditions: [{ ...conditions[0], reason: 'NewReplicaSetAvailable' }] }
    expect(await verdict(state(worldOf([cart(undefined, long)])), state(worldOf([cart(true, long)])))).toMatchObject({ ok: true })
  })
  test('a pod that failed before the change is not held against it', async () => {
    const old = {
      ...waiting('CrashLoopBackOff'),
      metadata: {
        name: 'p',
        namespace: 'shop',
        uid: 'old',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'uid-cart', controller: true }],
      },
    } as KubeObject
    expect(await verdict(before, state(worldOf([cart(true, well), old])))).toMatchObject({ ok: false, undo: true })
    const verifier = verifierOf(
      watched(
        state(worldOf([cart(undefined, well), { ...old, status: { phase: 'Running' } } as KubeObject])),
        state(worldOf([cart(true, well), old])),
      ),
      { deadlineMs: 1000 },
    )
    verifier.prepare?.(step)
    expect(await verifier.verify(step, new AbortController().signal)).toMatchObject({ ok: true })
  })
})
