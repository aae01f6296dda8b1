import { describe, expect, test } from 'vitest'
import type { Change, FlagsAction, HostAction } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { compile } from '../../src/plan/compile.ts'
import { mergeActions } from '../../src/plan/host-actions.ts'
import { byId, controlOf, deployment, findingsOf, worldOf } from './plan-fixtures.ts'

const flags = (values: FlagsAction['flags'], more: Partial<FlagsAction> = {}): FlagsAction => ({
  do: 'flags',
  node: 'cp-1',
  component: 'kube-apiserver',
  flags: values,
  mounts: [],
  files: [],
  ...more,
})
const host = (key: string, action: HostAction): Change => ({ type: 'host', key, title: `title of ${key}`, action })
/** A control that finds the one Deployment there is, and proposes these changes. */
const proposing = (id: string, changes: readonly Change[]) =>
  controlOf(
    id,
    function* (view) {
      for (const object of view.all('Deployment')) yield { subject: refOf(object), reason: `is found by ${id}`, evidence: null }
    },
    () => ({ changes, risk: 'may-break', summary: `what ${id} does` }),
  )
function planOf(proposals: Readonly<Record<string, readonly Change[]>>) {
  const controls = Object.entries(proposals).map(([id, changes]) => proposing(id, changes))
  const world = worldOf([deployment('cart')])
  return compile(findingsOf(controls, world), byId(controls), world, {})
}

describe('actions on hosts as steps of a plan', () => {
  const stages = ['a', 'b', 'c'].map((key) =>
    host(key, { do: 'file', node: 'cp-1', path: '/etc/one', to: { text: key, mode: 0o600 }, noticedBy: 'nobody' }),
  )

  test('each is a step of its own, carried out live, in the order of the proposal; the last one mends', () => {
    const { steps, ledger } = planOf({ first: stages })
    expect(steps.map(({ title, carriedOut, mends }) => [title, carriedOut, mends.length])).toEqual([
      ['title of a', 'live', 0],
      ['title of b', 'live', 0],
      ['title of c', 'live', 1],
    ])
    expect(steps.map(({ after }) => after)).toEqual([[], [steps[0]!.id], [steps[1]!.id]])
    expect(ledger.fixable).toHaveLength(1)
  })

  test('two findings that want flags of one component restart it once', () => {
    const { steps } = planOf({
      one: [host('cp-1/flags', flags({ profiling: 'false' }))],
      two: [host('cp-1/flags', flags({ 'anonymous-auth': null }))],
    })
    expect(steps).toHaveLength(1)
    expect(steps[0]!.changes).toEqual([host('cp-1/flags', flags({ profiling: 'false', 'anonymous-auth': null }))])
    expect(steps[0]!.mends).toHaveLength(2)
  })

  test('what two findings want differently is refused to the second, never mixed', () => {
    const { steps, ledger } = planOf({
      one: [host('cp-1/flags', flags({ profiling: 'false' }))],
      two: [host('cp-1/flags', flags({ profiling: 'true' }))],
    })
    expect(steps.map((step) => step.changes)).toEqual([[host('cp-1/flags', flags({ profiling: 'false' }))]])
    expect(ledger.refused.map(({ because }) => because)).toEqual([
      'another finding of this plan wants another --profiling in title of cp-1/flags: apply that first',
    ])
  })
})

describe('merging two actions', () => {
  const mount = { name: 'audit', path: '/var/log/audit', type: 'DirectoryOrCreate', readOnly: false } as const
  const file = { path: '/etc/kubernetes/audit.yaml', text: 'rules: []\n', mode: 0o600 }
  const edit = (path: readonly string[], to: number, noticedBy: 'kubelet' | 'nobody' = 'kubelet'): HostAction => ({
    do: 'file',
    node: 'w-1',
    path: '/var/lib/kubelet/config.yaml',
    to: { edits: [{ set: path, to }] },
    noticedBy,
  })

  test('mounts and files are there once', () => {
    const both = mergeActions(
      flags({ a: '1' }, { mounts: [mount], files: [file] }),
      flags({ b: '2' }, { mounts: [mount, { ...mount, path: '/etc/x' }], files: [file] }),
    )
    expect(both).toEqual(flags({ a: '1', b: '2' }, { mounts: [mount, { ...mount, path: '/etc/x' }], files: [file] }))
  })
  test('a file with another text is a conflict', () => {
    const other = flags({ a: '1' }, { files: [{ ...file, text: 'rules: [{level: None}]\n' }] })
    expect(mergeActions(flags({ a: '1' }, { files: [file] }), other)).toEqual({ conflict: 'another /etc/kubernetes/audit.yaml' })
  })
  test('edits of different fields are one edit of the file, noticed by whoever either wants', () => {
    expect(mergeActions(edit(['podPidsLimit'], 4096, 'nobody'), edit(['readOnlyPort'], 0))).toEqual({
      do: 'file',
      node: 'w-1',
      path: '/var/lib/kubelet/config.yaml',
      to: {
        edits: [
          { set: ['podPidsLimit'], to: 4096 },
          { set: ['readOnlyPort'], to: 0 },
        ],
      },
      noticedBy: 'kubelet',
    })
  })
  test.each([
    ['the same field', ['podPidsLimit'], ['podPidsLimit']],
    ['a field below it', ['authentication'], ['authentication', 'anonymous']],
    ['a field above it', ['authentication', 'anonymous', 'enabled'], ['authentication']],
  ])('an edit of %s with another value is a conflict', (_, ours, theirs) => {
    expect(mergeActions(edit(ours, 1), edit(theirs, 2))).toEqual({ conflict: `another ${theirs.join('.')}` })
  })
  test('actions of different kinds are never mixed', () => {
    expect(mergeActions(flags({ a: '1' }), edit(['a'], 1))).toEqual({ conflict: 'another content' })
  })
})
